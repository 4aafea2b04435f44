"""What reads each stored form, by the beginning of its key: the store that holds one object, and the object's key."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace

from tests.fakes.log import MemoryLog
from tests.fakes.objects import MemoryObjects
from tests.stored_forms.lake import contracts_of

from auditor.databases.memory import read_memory
from auditor.databases.rows.proofs import Memory as Proof
from auditor.evidence.absent import Absence, read_days
from auditor.evidence.chain import ChainReader
from auditor.evidence.claims import Claim
from auditor.evidence.halts import _object_within, halt_by_receipt
from auditor.evidence.journal import entries_between
from auditor.evidence.outstanding import read_outstanding
from auditor.evidence.results import AuditResult
from auditor.processing_log.blocks import Ledger as CopiedReceipts
from auditor.processing_log.blocks import places_from
from auditor.repairs.cause_memory import read_cause
from auditor.repairs.draft import plan_from_data
from auditor.repairs.history.unanswered import unanswered
from auditor.run_files import find_run_file, run_file_if_any
from auditor.state import read_state
from auditor.windows import Window
from core.audit.at_scale.jobs import find_repair, read_details, read_work
from core.audit.canary import read_planted
from core.audit.certificate import Certificate
from core.audit.repair_jobs import find_asking, find_job, find_outcome
from core.errors import StarmendError
from core.evolution.deployments import read_history
from core.json import object_if_any
from core.landing.records import completeness_if_any, receipt_if_any
from core.landing.refused_lines import refused_lines
from core.landing.zone import object_of_record
from core.mirroring.audited import read_audited
from core.time import epoch
from ingestion.extract.hash_lists import HashLists
from ingestion.pull.ledger import _turns_of
from processing.restating.arrivals import _entries

Reader = Callable[[MemoryObjects, str], object]
_RUN = re.compile(r"audit/runs/([^/]+)/(.+)\.json$")


def _body(store: MemoryObjects, key: str) -> bytes:
    stored = store.read(key)
    assert stored is not None
    return stored.body


def _dataset(key: str) -> str:
    match = re.search(r"(?:dataset=|/)(books_canary|books|prices)", key)
    assert match is not None
    return match[1]


def _run_file(store: MemoryObjects, key: str) -> object:
    match = _RUN.match(key)
    assert match is not None
    run, name = match.groups()
    run_file_if_any(store, run, name, plan_from_data if name.startswith("plan") else AuditResult.from_data)
    return find_run_file(store, run, name)


def _job(store: MemoryObjects, key: str) -> object:
    return [_typed(read, store, key) for read in (read_work, find_repair, find_job)]


def _typed(read: Callable[..., object], store: MemoryObjects, key: str) -> object:
    try:
        return read(store, key)
    except StarmendError as error:
        return error


def _outcome(store: MemoryObjects, key: str) -> object:
    job = key.replace("/outcomes/", "/jobs/")
    store.write(job.replace("/jobs/", "/details/"), _body(store, key))
    return [_typed(read, store, job) for read in (find_outcome, read_details)]


def _journal(store: MemoryObjects, key: str) -> object:
    day = epoch("2026-11-20T00:00:00Z")
    return list(entries_between(store, _dataset(key), day, day + 86_400 * 10))


def _of_days(read: Callable[[bytes], object]) -> Reader:
    def reader(store: MemoryObjects, key: str) -> object:
        folder, day = key.split("2026-")[0], epoch("2026-11-20T00:00:00Z")
        return list(read_days(store, folder, [Window(day, day + 86_400)], read, workers=1, log=None))

    return reader


def _receipt(store: MemoryObjects, key: str) -> object:
    contract = contracts_of(_dataset(key)).dataset(_dataset(key))
    halt = halt_by_receipt(store, contract, object_of_record(key), "etag", code_version="test")
    return receipt_if_any(_body(store, key)), halt


def _state(store: MemoryObjects, key: str) -> object:
    dataset = _dataset(key)
    return read_state(store, dataset), _typed(
        lambda store, dataset: read_audited(store, contracts_of(dataset).dataset(dataset)), store, dataset
    )


def _chain(store: MemoryObjects, key: str) -> object:
    reader = ChainReader(store, _dataset(key))
    if key.endswith("head.json"):
        return reader.head(), read_audited(store, contracts_of(_dataset(key)).dataset(_dataset(key)))
    if "/months/" in key:
        return reader.ledger(key[-12:-5])
    return Certificate.from_json(_body(store, key), key=key)


# The first beginning that fits is it. Who adds a stored form adds what reads it.
READERS: tuple[tuple[str, Reader], ...] = (
    ("audit/state/", _state),
    ("audit/tables/", lambda store, key: read_memory(store, _dataset(key))),
    ("audit/outstanding/", lambda store, key: read_outstanding(store, _dataset(key))),
    ("audit/canary/", lambda store, key: read_planted(store, _dataset(key))),
    ("audit/runs/[^/]+/jobs/", _job),
    ("audit/runs/[^/]+/outcomes/", _outcome),
    ("audit/runs/[^/]+/asking/", lambda store, key: find_asking(store, key.replace("/asking/", "/jobs/"))),
    ("audit/runs/", _run_file),
    ("audit/journal/", _journal),
    ("audit/claims/", _of_days(Claim.from_json)),
    ("audit/absent/", _of_days(Absence.from_json)),
    ("audit/causes/", read_cause),
    ("audit/unanswered/", lambda store, key: unanswered(store, _dataset(key))),
    ("audit/refusals/", lambda store, key: object_if_any(_body(store, key))),
    ("audit/proofs/", lambda store, key: Proof.from_json(_body(store, key))),
    ("audit/log/[^/]+/places", lambda store, key: places_from(_body(store, key))),
    ("audit/log/", lambda store, key: CopiedReceipts.from_json(_body(store, key))),
    ("audit/turns/", lambda store, key: _turns_of(_body(store, key))),
    ("audit/arrivals/", lambda store, key: _entries(_body(store, key))),
    ("lists/", lambda store, key: HashLists(store, _dataset(key)).read(key.split("/")[2])),
    ("receipts/", _receipt),
    ("quarantine/", lambda store, key: list(refused_lines(key, _body(store, key)))),
    ("completeness/", lambda store, key: completeness_if_any(_body(store, key))),
    ("warehouse/_certificates/", _chain),
    ("warehouse/_halted/", lambda store, key: _object_within(SimpleNamespace(records=store, log=MemoryLog()), key)),
    ("warehouse/_contracts/", lambda store, key: read_history(store, _dataset(key), thoroughly=True)),
)


def reader_of(key: str) -> Reader | None:
    """What reads the object under this key; None where nobody has said."""
    return next((reader for begin, reader in READERS if re.match(begin, key)), None)
