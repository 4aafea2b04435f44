"""Rows of the table ``completeness``: what of each window is there, and whether it is certified.

Columns: ``core.landing.records.COMPLETENESS_COLUMNS``. One JSON object holds one row and takes the place of the row
that an earlier audit wrote of the same window.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from auditor.evidence.certificates import Basis, Entries
from auditor.evidence.results import AuditResult, WindowResult
from core.audit.certificate import window_digest, window_name
from core.json import canonical_json
from core.ports import ObjectWriter
from core.time import iso

COMPLETENESS = "completeness/"
COUNTS = ("expected", "present", "observed", "late", "repaired", "absent", "missing")


def completeness_key(dataset: str, start: int, *, subject: str = "", day: str = "") -> str:
    """``completeness/dataset=<dataset>/day=<yyyy-mm-dd>/[<subject>-]<window start>.json``.

    The day is that of the start unless another is given; a slash in the subject becomes a dot. No name begins with an
    underscore, for Athena takes such an object for hidden:
    https://docs.aws.amazon.com/athena/latest/ug/tables-location-format.html
    """
    return completeness_keys(dataset, start, subject=subject, day=day)[0]


def completeness_keys(dataset: str, start: int, *, subject: str = "", day: str = "") -> tuple[str, ...]:
    """The keys under which a window's row may lie: that of today, and that of earlier releases where it was another."""
    name = iso(start)
    stamp = name.replace(":", "").replace("-", "")
    prefix = f"{subject.replace('/', '.')}-" if subject else ""
    names = dict.fromkeys((seen_by_athena(prefix), prefix))
    return tuple(f"{COMPLETENESS}dataset={dataset}/day={day or name[:10]}/{each}{stamp}.json" for each in names)


def seen_by_athena(name: str) -> str:
    """A name without the underscore at its beginning: that of a current state."""
    return name.removeprefix("_")


def completeness_row(
    result: AuditResult, window: WindowResult, basis: Basis, entries: Entries, *, alarmed: bool
) -> dict[str, Any]:
    """The row of a window; ``alarmed``: the admins are called because of it.

    Of one with a partition that is held it says so whatever else is wrong, and ``reason`` says who holds it, and why.
    """
    subject, start = result.subject_of(window), iso(window.start)
    entry = entries.get(window_name(subject, start)) if window.whole else None
    held = window.held
    return {
        "subject": subject,
        "window_start": start,
        "window_end": iso(window.end),
        "status": "certified" if entry else "held" if held else "alarmed" if alarmed else "open",
        **{name: window.counts[name] for name in COUNTS},
        "certificate": entry.number if entry else None,
        "certificate_hash": entry.hash if entry else None,
        "digest": window_digest(window.partitions),
        "contract_hash": basis.contract,
        "calendar": basis.calendar,
        "audited_at": result.audited_at,
        "run": basis.run,
        **({"reason": held} if held else {}),
    }


def write_completeness(store: ObjectWriter, rows: Mapping[str, Mapping[str, Any]], *, workers: int) -> None:
    """Write the rows by key."""

    def write(key: str) -> None:
        store.write(key, canonical_json(rows[key]), content_type="application/json")

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(write, rows))
