"""Ingest objects that stand halted: found by their receipts in every audit, and shown in ``completeness`` until taken.

A halted object is no window, so it has a row of its own, with its key in the column ``object``. When it was taken,
or is gone, its row says ``released``. The dataset's state remembers which rows stand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from auditor.evidence.certificates import Basis
from auditor.evidence.completeness import COMPLETENESS, COUNTS
from auditor.evidence.results import AuditResult
from core.audit.findings import HaltedObject, UnprocessedObject
from core.contract.model import Contract
from core.landing.zone import landing_of
from core.ports import ObjectReader
from core.time import epoch, iso

HALTED = "it was halted"


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
    records: ObjectReader, result: AuditResult, basis: Basis, before: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Rows of ``completeness`` by key: one for each halt, and those of ``before`` that stand no more, as released."""
    standing = halts_in(result, before)
    rows = {
        halt_key(result.dataset, finding.key, standing[finding.key]): _row(result, finding, basis)
        for finding in result.findings
        if isinstance(finding, HaltedObject)
    }
    for halted in before.keys() - standing.keys():
        key = halt_key(result.dataset, halted, before[halted])
        stored = records.read(key)
        if stored is not None:
            over = {"status": "released", "missing": 0, "audited_at": result.audited_at, "run": basis.run}
            rows[key] = json.loads(stored.body) | over
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
