"""Ingest objects that stand halted: found by their receipts in every audit, and shown in ``completeness`` until taken.

Which receipts to read is told by where an audit stands, by the notes that processing leaves (an object of any age may
have been altered, or read again by another release), and by what stood halted before. A note's name tells its object.

A halted object is no window, so it has a row of its own, with its key in the column ``object``. When it was taken, as
its receipt says, or is gone, its row says ``released``; whoever cannot read its receipt releases nothing. What audits
remember of a dataset (``evidence.outstanding``, and its state) says which rows stand.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from auditor.evidence.certificates import Basis
from auditor.evidence.completeness import COMPLETENESS, COUNTS
from auditor.evidence.outstanding import Outstanding
from auditor.evidence.results import AuditResult
from auditor.services import Services
from core.audit.findings import HaltedObject, UnprocessedObject
from core.contract.model import Contract
from core.json import UNREADABLE
from core.landing.records import completeness_if_any
from core.landing.zone import HALT_NOTES, day_of_note, halt_notes_since, landing_of, object_of_note
from core.ports import ObjectInfo, ObjectReader
from core.time import epoch, iso

HALTED = "it was halted"
CHANGED = "it was changed after it was processed, and nobody has read it since"
CLOCKS = timedelta(minutes=1)  # more than the clocks of S3 differ
CLOCK_OF_S3 = timedelta(hours=1)  # more than it differs from a function's, and than a receipt follows its note
RECENT = timedelta(days=2)  # of notes, before where the last audit stood: clocks differ, and audits fail


@dataclass(frozen=True, slots=True)
class Halts:
    """Objects that stand halted, or of which nobody can tell, and those that stood so and do not any more.

    ``released`` were taken, as their receipts say, or are gone; by key, with the day of their row.
    """

    findings: tuple[HaltedObject | UnprocessedObject, ...] = ()
    released: Mapping[str, str] = field(default_factory=dict)


def halts_before(
    outstanding: Outstanding, of_state: Mapping[str, str], noted: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The objects that stood halted by what audits remember, with the day of each; by notes, where that was lost."""
    return {**({} if outstanding.at else noted or {}), **of_state, **outstanding.halted}


def find_halts(
    services: Services,
    contract: Contract,
    *,
    standing: Mapping[str, str],
    noted: Collection[str] = (),
    seen: Collection[str],
) -> Halts:
    """Look at the objects that stood halted before, and at those that were ``noted`` lately.

    ``seen`` are objects of which this audit has findings already. Raises ``TransientFailure`` where a store does not
    answer.
    """
    records = services.records

    def look(key: str) -> HaltedObject | UnprocessedObject | None:
        info = next((info for info in services.ingest.list(key) if info.key == key), None)  # audits may read no lines
        if info is None:
            return None
        return halt_by_receipt(records, contract, key, info.etag, code_version=services.code_version, needed=True)

    keys = sorted({*standing, *noted} - {*seen})
    with ThreadPoolExecutor(services.limits.workers) as pool:
        looked = dict(zip(keys, pool.map(look, keys), strict=True))
    released = {key: standing[key] for key, halt in looked.items() if halt is None and key in standing}
    return Halts(tuple(halt for halt in looked.values() if halt), released)


def noted_halts(
    services: Services, dataset: str, *, since: datetime | None, outstanding: Outstanding
) -> dict[str, str]:
    """The objects that were noted since audits looked last, by key, with the day on which they halted first.

    ``since`` is where the last audit stood; None: nobody knows, so all notes count. An audit whose memory was lost
    takes those of the last days, and knows by them which rows of ``completeness`` may speak of halts that are over. A
    note is read only where its name does not tell its object; one that cannot be read is told to the log, and passed
    over.
    """
    after = halt_notes_since(dataset, since - RECENT) if since else ""
    looked_at = outstanding.looked_until(CLOCK_OF_S3)
    days: dict[str, str] = {}
    for info in services.records.list(f"{HALT_NOTES}{dataset}/", after=after):
        if looked_at and info.modified < looked_at and info.key < halt_notes_since(dataset, looked_at):
            continue
        key = object_of_note(info.key) or _object_within(services, info.key)
        if key:
            days.setdefault(key, day_of_note(info.key))
    return days


def _object_within(services: Services, note: str) -> str:
    stored = services.records.read(note)
    try:
        return str(json.loads(stored.body)["object"]) if stored else ""
    except UNREADABLE as error:
        services.log.warning("a note of a halt cannot be read", note=note, reason=repr(error))
        return ""


def is_changed_since(info: ObjectInfo, receipt: ObjectInfo) -> bool:
    """Whether an ingest object is not the one that its receipt is about, by the times of both.

    Another event should have had it processed again; a listing tells where that was lost.
    """
    return info.modified > receipt.modified + CLOCKS


def was_read_again(info: ObjectInfo, receipt: ObjectInfo, following: ObjectInfo | None) -> bool:
    """Whether an object may have been read once more after its turn, by the times of it, its receipt and the next one.

    Its receipt is days younger than it, or it is younger than the one that was made after it. Where there is none,
    nobody can tell.
    """
    is_late = receipt.modified > info.modified + RECENT
    return is_late or following is None or info.modified > following.modified + CLOCKS


def halt_by_receipt(
    records: ObjectReader, contract: Contract, key: str, etag: str, *, code_version: str, needed: bool = False
) -> HaltedObject | UnprocessedObject | None:
    """The finding of an ingest object by its receipt; None where it has none, or one that says it was taken.

    ``etag`` is the object's own: where others lay there when it halted, it is to be processed again. A receipt that
    nobody can read is as good as none, and none is a finding, too, where one is ``needed``.
    """
    landing = landing_of(key)
    stored = records.read(landing.receipt_key) if landing else None
    if stored is None:
        return UnprocessedObject(contract.dataset, key, "its receipt is gone") if needed and landing else None
    try:
        receipt = json.loads(stored.body)
        halted, read = receipt["outcome"] == "halted", receipt.get("etag", etag)
        if halted and read == etag:
            return halt_of(contract, receipt, code_version=code_version)
    except UNREADABLE:
        return UnprocessedObject(contract.dataset, key, "its receipt cannot be read")
    return UnprocessedObject(contract.dataset, key, f"{HALTED}, and other bytes lie there since") if halted else None


def halt_of(contract: Contract, receipt: Mapping[str, Any], *, code_version: str) -> HaltedObject | UnprocessedObject:
    """The finding of a halted receipt: to be processed again where another contract or other code may take it."""
    reason = str(receipt.get("reason", ""))
    if (receipt.get("contract_hash"), receipt.get("code_version")) != (contract.hash, code_version):
        return UnprocessedObject(contract.dataset, receipt["object"], f"{HALTED}: {reason}")
    at, lines = str(receipt.get("processed_at", "")), int(receipt.get("lines_in", 0))
    return HaltedObject(contract.dataset, receipt["object"], reason, at, lines)


def halts_in(result: AuditResult, before: Mapping[str, str], released: Collection[str] = ()) -> dict[str, str]:
    """The objects that stand halted, by key, with the day on which they were found first.

    Those that are to be processed again are among them, for they may stay so; and those of ``before``, what the last
    audit knew, that nobody saw to be ``released``.
    """
    days = {key: day for key, day in before.items() if key not in released}
    for finding in result.findings:
        if isinstance(finding, HaltedObject):
            days.setdefault(finding.key, finding.at[:10] or result.audited_at[:10])
        elif isinstance(finding, UnprocessedObject) and finding.reason.startswith(HALTED):
            days.setdefault(finding.key, result.audited_at[:10])
    return dict(sorted(days.items()))


def halt_rows(
    records: ObjectReader,
    result: AuditResult,
    basis: Basis,
    standing: Mapping[str, str],
    released: Mapping[str, str],
    *,
    workers: int,
) -> dict[str, dict[str, Any]]:
    """Rows of ``completeness`` by key: one for each halt, and those that say so of objects that are ``released``.

    A row that a later audit wrote stays as it is, whatever an earlier scan saw. So does one that says the same already:
    an object that stands halted costs the audits after the first a look, and no version of its row each.
    """
    rows = {
        halt_key(result.dataset, finding.key, standing[finding.key]): _row(result, finding, basis)
        for finding in result.findings
        if isinstance(finding, HaltedObject)
    }
    released_keys = [halt_key(result.dataset, key, day) for key, day in sorted(released.items())]
    over = {"status": "released", "missing": 0, "audited_at": result.audited_at, "run": basis.run}
    keys = [*rows, *released_keys]
    with ThreadPoolExecutor(workers) as pool:
        bodies = pool.map(lambda stored: stored.body if stored else None, pool.map(records.read, keys))
        known = dict(zip(keys, map(completeness_if_any, bodies), strict=True))
    for key in released_keys:
        row = known[key]
        if row.get("status") == "halted" and str(row.get("audited_at", "")) <= result.audited_at:
            rows[key] = row | over
    return {key: row for key, row in rows.items() if not _says_the_same(known[key], row)}


def _says_the_same(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows differ in nothing but the audit that says so."""
    return {**row, "audited_at": "", "run": ""} == {**other, "audited_at": "", "run": ""}


def halt_key(dataset: str, key: str, day: str) -> str:
    """The key of a halted object's row: one for each object, under the day on which it was found halted."""
    return f"{COMPLETENESS}dataset={dataset}/day={day}/halted-{key.replace('/', '.')}.json"


def _row(result: AuditResult, halted: HaltedObject, basis: Basis) -> dict[str, Any]:
    landing = landing_of(halted.key)
    at = iso(epoch(halted.at)) if halted.at else result.audited_at
    return {
        "subject": landing.table if landing else result.dataset,
        "window_start": at,
        "window_end": at,
        "status": "halted",
        **dict.fromkeys(COUNTS, 0),
        "expected": halted.lines,
        "missing": halted.lines,
        "certificate": None,
        "certificate_hash": None,
        "digest": "",
        "contract_hash": basis.contract,
        "calendar": basis.calendar,
        "audited_at": result.audited_at,
        "run": basis.run,
        "object": halted.key,
        "reason": halted.reason,
    }
