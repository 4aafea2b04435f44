"""Ingest objects that stand halted: found by their receipts in every audit, and shown in ``completeness`` until taken.

Which receipts to read is told by where an audit stands, by the notes that processing leaves (an object of any age may
have been altered, or read again by another release), and by what stood halted before.

A halted object is no window, so it has a row of its own, with its key in the column ``object``. When it was taken,
or is gone, its row says ``released``. The dataset's state remembers which rows stand.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from auditor.evidence.certificates import Basis
from auditor.evidence.completeness import COMPLETENESS, COUNTS
from auditor.evidence.results import AuditResult
from auditor.services import Services
from core.audit.findings import HaltedObject, UnprocessedObject
from core.contract.model import Contract
from core.json import UNREADABLE
from core.landing.zone import HALT_NOTES, day_of_note, halt_notes_since, landing_of, receipt_key_of_note
from core.ports import ObjectInfo, ObjectReader
from core.time import epoch, iso

HALTED = "it was halted"
CHANGED = "it was changed after it was processed, and nobody has read it since"
CLOCKS = timedelta(minutes=1)  # more than the clocks of S3 differ
RECENT = timedelta(days=2)  # of notes, before where the last audit stood: clocks differ, and audits fail


def find_halts(
    services: Services, contract: Contract, *, standing: Collection[str], since: datetime | None, seen: Collection[str]
) -> list[HaltedObject | UnprocessedObject]:
    """The objects that stand halted, of those that stood so before and those that were noted lately.

    ``since`` is where the last audit stood; None: nobody knows, so all notes count. ``seen`` are objects of which this
    audit has findings already. Raises ``TransientFailure`` where a store does not answer.
    """
    records = services.records
    notes = _notes(records, contract.dataset, since)
    known = {landing.receipt_key for key in seen if (landing := landing_of(key))}

    def halt(key: str) -> HaltedObject | UnprocessedObject | None:
        info = next((info for info in services.ingest.list(key) if info.key == key), None)  # audits may read no lines
        return halt_by_receipt(records, contract, key, info.etag, code_version=services.code_version) if info else None

    with ThreadPoolExecutor(services.limits.workers) as pool:
        bodies = pool.map(records.read, [note for note in notes if receipt_key_of_note(note) not in known])
        noted = {json.loads(stored.body)["object"] for stored in bodies if stored}
        return [each for each in pool.map(halt, sorted({*noted, *standing} - {*seen})) if each]


def _notes(records: ObjectReader, dataset: str, since: datetime | None) -> list[str]:
    after = halt_notes_since(dataset, since - RECENT) if since else ""
    return [info.key for info in records.list(f"{HALT_NOTES}{dataset}/", after=after)]


def noted_halts(records: ObjectReader, dataset: str, *, since: datetime | None) -> dict[str, str]:
    """The objects that were noted lately, by key, with the day on which they halted first.

    An audit whose state was lost, or made anew by a release that could not read it, knows by them which rows of
    ``completeness`` may speak of halts that are over.
    """
    days: dict[str, str] = {}
    for note in _notes(records, dataset, since):
        stored = records.read(note)
        if stored:
            days.setdefault(json.loads(stored.body)["object"], day_of_note(note))
    return days


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
    records: ObjectReader, contract: Contract, key: str, etag: str, *, code_version: str
) -> HaltedObject | UnprocessedObject | None:
    """The finding of an ingest object by its receipt; None where it has none, or one that says it was taken.

    ``etag`` is the object's own: where others lay there when it halted, it is to be processed again. A receipt that
    nobody can read is as good as none.
    """
    landing = landing_of(key)
    stored = records.read(landing.receipt_key) if landing else None
    if stored is None:
        return None
    try:
        receipt = json.loads(stored.body)
        halted, read = receipt["outcome"] == "halted", receipt.get("etag", etag)
    except UNREADABLE:
        return UnprocessedObject(contract.dataset, key, "its receipt cannot be read")
    if halted and read != etag:
        return UnprocessedObject(contract.dataset, key, f"{HALTED}, and other bytes lie there since")
    return halt_of(contract, receipt, code_version=code_version) if halted else None


def halt_of(contract: Contract, receipt: Mapping[str, Any], *, code_version: str) -> HaltedObject | UnprocessedObject:
    """The finding of a halted receipt: to be processed again where another contract or other code may take it."""
    reason = str(receipt.get("reason", ""))
    if (receipt.get("contract_hash"), receipt.get("code_version")) != (contract.hash, code_version):
        return UnprocessedObject(contract.dataset, receipt["object"], f"{HALTED}: {reason}")
    at, lines = str(receipt.get("processed_at", "")), int(receipt.get("lines_in", 0))
    return HaltedObject(contract.dataset, receipt["object"], reason, at, lines)


def halts_in(result: AuditResult, before: Mapping[str, str]) -> dict[str, str]:
    """The objects that stand halted, by key, with the day on which they were found first.

    Those that are to be processed again are among them, for they may stay so. ``before`` is what the last audit knew.
    """
    days: dict[str, str] = {}
    for finding in result.findings:
        if isinstance(finding, HaltedObject):
            days[finding.key] = before.get(finding.key, finding.at[:10] or result.audited_at[:10])
        elif isinstance(finding, UnprocessedObject) and finding.reason.startswith(HALTED):
            days[finding.key] = before.get(finding.key, result.audited_at[:10])
    return dict(sorted(days.items()))


def halt_rows(
    records: ObjectReader, result: AuditResult, basis: Basis, before: Mapping[str, str], noted: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Rows of ``completeness`` by key: one for each halt, and those of ``before`` that stand no more, as released.

    ``noted`` are those of notes (``noted_halts``): they may have stood before, and nobody remembers.
    """
    standing = halts_in(result, before)
    rows = {
        halt_key(result.dataset, finding.key, standing[finding.key]): _row(result, finding, basis)
        for finding in result.findings
        if isinstance(finding, HaltedObject)
    }
    earlier = {**noted, **before}
    for halted in earlier.keys() - standing.keys():
        key = halt_key(result.dataset, halted, earlier[halted])
        stored = records.read(key)
        row = json.loads(stored.body) if stored else {}
        if row.get("status") == "halted":
            over = {"status": "released", "missing": 0, "audited_at": result.audited_at, "run": basis.run}
            rows[key] = row | over
    return rows


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
