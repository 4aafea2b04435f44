"""The story of a row of a database, told from the evidence about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from auditor.evidence.journal import Entry
from auditor.repairs.causes import meaning_of, remedy_of
from auditor.stories.arrivals import Arrival, arrival_events
from auditor.stories.efforts import Effort, audited_events
from auditor.stories.holding import Holding, certificate_events, held_text, holding_events, release_of
from auditor.stories.story import Event, Story, Verdict, in_order
from core.audit.certificate import Certificate
from core.landing.zone import REPAIR
from core.time import iso
from core.warehouse.keys import OUTSIDE


@dataclass(frozen=True, slots=True)
class SourceSays:
    """The source's answer about the key: ``has`` it now, and its version (ISO 8601); None: nobody could ask it.

    ``problem`` says why not.
    """

    has: bool | None = None
    version: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RowEvidence:
    """All that is stored about the row of a source table with this ``key`` (source column -> value).

    ``marks`` are the names of its version, check and deletion columns in ``table``. ``holding`` has its versions in the
    warehouse. ``arrivals`` are its lines in ingest objects, ``found_by`` the kinds of findings that named it, each with
    the audit's run. ``unplaced`` says why it has no place in time, so that audits alone take it (empty: it has one).
    ``ahead`` is when its slice begins, where that is in the future (epoch seconds, else 0): no audit compares it yet.
    ``before`` is its time (ISO 8601) where that lies before ``begins``, the first day that the table keeps.
    """

    dataset: str
    table: str
    source: str
    key: Mapping[str, Any]
    holding: Holding
    marks: Mapping[str, str]
    now: int
    says: SourceSays = SourceSays()
    arrivals: tuple[Arrival, ...] = ()
    unplaced: str = ""
    ahead: int = 0
    before: str = ""
    begins: str = ""
    window: Mapping[str, Any] = field(default_factory=dict)
    certificates: tuple[Certificate, ...] = ()
    audits: tuple[Entry, ...] = ()
    found_by: tuple[tuple[str, str], ...] = ()
    efforts: tuple[Effort, ...] = ()
    causes: tuple[Mapping[str, Any], ...] = ()
    paused: str = ""
    watermark: str = ""
    next_audit: int = 0
    limits: tuple[str, ...] = ()

    def mark(self, name: str) -> str:
        """The newest row's ``version``, ``checked`` or ``deleted`` mark as text; empty where it has none."""
        value = (self.holding.row or {}).get(self.marks.get(name, ""))
        return _written(value)


def tell_row(evidence: RowEvidence) -> Story:
    """The story that the evidence gives."""
    verdict, sentence = _verdict(evidence)
    return Story(
        dataset=evidence.dataset,
        table=evidence.table,
        subject=dict(evidence.key),
        verdict=verdict,
        sentence=sentence,
        events=in_order(_events(evidence)),
        next=tuple(_next(evidence, verdict)),
        limits=evidence.limits,
    )


def name_of(key: Mapping[str, Any]) -> str:
    """``sales_order_id=17``."""
    return ", ".join(f"{column}={value}" for column, value in key.items())


# ---------------------------------------------------------------- the verdict


def _verdict(evidence: RowEvidence) -> tuple[Verdict, str]:
    name, refusal = name_of(evidence.key), _refusal(evidence)
    if evidence.before and evidence.holding.row is None and evidence.says.has is not False:
        kept = f"{evidence.table} keeps rows from {evidence.begins} on"
        return "outside", f"{name} is of {evidence.before}, and {kept}: {OUTSIDE}"
    if evidence.unplaced and evidence.says.has is not False and not _newer_refused(evidence):
        return "unplaced", f"{name} {_taken(evidence)}, and has no place in time: {evidence.unplaced}"
    if evidence.holding.row is not None and not _newer_refused(evidence):
        return _present(evidence, name)
    older = "; an older version is in the warehouse" if evidence.holding.row is not None else ""
    if refusal is not None and (refusal.refused or refusal.halted):
        return "quarantined", f"{name} is in quarantine: {refusal.refused or refusal.halted}{older}"
    text = held_text(evidence.holding, evidence.window)
    held = f"; {text}" if text else ""
    if evidence.arrivals:
        waits = " that has no receipt yet" if evidence.arrivals[-1].receipt is None else ""
        return "missing", f"{name} is not in the warehouse, though an ingest object{waits} has it{held}"
    if evidence.says.has:
        return "missing", f"{name} is in the source, and not in the warehouse{held}"
    if evidence.says.has is None:
        return "unknown", f"{name} is not in the warehouse, and the source could not be asked: {evidence.says.problem}"
    return "unknown", f"{name} is neither in the warehouse nor in the source"


def _present(evidence: RowEvidence, name: str) -> tuple[Verdict, str]:
    held = held_text(evidence.holding, evidence.window)
    certified = " and certified" if evidence.window.get("status") == "certified" and not held else ""
    if deleted := evidence.mark("deleted"):
        return "deleted", f"{name} is marked as deleted: at {deleted} the source no longer had it"
    behind = ""
    if evidence.says.has and evidence.says.version and evidence.says.version[:26] > evidence.mark("version"):
        behind = f"; the source has a newer version, of {evidence.says.version}"
    if evidence.says.has is False:
        behind = "; the source no longer has it"
    behind += f"; {held}" if held else ""
    checked = evidence.mark("checked")
    if checked and _came_by_repair(evidence):
        return "repaired", f"{name} is there{certified}: the auditor fetched it, as it was at {checked}{behind}"
    return "extracted", f"{name} is there{certified}: it was extracted{behind}"


def _taken(evidence: RowEvidence) -> str:
    """Whether audits have taken a row without a place in time."""
    return "is there" if evidence.holding.row is not None else "is not in the warehouse"


def _came_by_repair(evidence: RowEvidence) -> bool:
    """Whether the newest of the stored versions came in an object of a repair."""
    taken = [arrival for arrival in evidence.arrivals if not arrival.refused and not arrival.halted]
    return not taken or taken[-1].object.startswith(REPAIR)


def _refusal(evidence: RowEvidence) -> Arrival | None:
    return next((each for each in reversed(evidence.arrivals) if each.refused or each.halted), None)


def _newer_refused(evidence: RowEvidence) -> bool:
    """Whether the newest line that came was refused: then what is stored is older."""
    last = evidence.arrivals[-1] if evidence.arrivals else None
    return last is not None and bool(last.refused or last.halted)


# ---------------------------------------------------------------- what happened


def _events(evidence: RowEvidence) -> Iterator[Event]:
    for arrival in evidence.arrivals:
        checked = arrival.fields.get("checked_at") or arrival.fields.get("starmend_checked_at")
        if checked and arrival.object.startswith(REPAIR):
            yield Event(str(checked), "asked", "the auditor had it fetched from the source", arrival.object)
        yield from arrival_events(arrival)
    for number, row in enumerate(evidence.holding.rows, start=1):
        yield from _version_events(evidence, number, row)
    yield from holding_events(evidence.holding)
    yield from audited_events(evidence.audits)
    for kind, run in evidence.found_by:
        at = next((audit.began_at for audit in evidence.audits if audit.run == run), "")
        yield Event(at, "found", f"{kind.replace('_', ' ')} (run {run})")
    for effort in evidence.efforts:
        outcome = effort.outcome
        result = f"{outcome.result}{f': {outcome.reason}' if outcome.reason else ''}" if outcome else "left no word"
        what = f"run {effort.run}, attempt {effort.attempt}: {effort.repair.kind.replace('_', ' ')} {result}"
        yield Event(effort.at, "tried", what, effort.job)
    for cause in evidence.causes:
        name = str(cause["cause"]["name"])
        yield Event(str(cause["since"]), "alarmed", f"{name}: {meaning_of(name)}")
    yield from certificate_events(evidence.certificates)


def _version_events(evidence: RowEvidence, number: int, row: Mapping[str, Any]) -> Iterator[Event]:
    version = row.get(evidence.marks.get("version", ""))
    latest = "the latest" if number == len(evidence.holding.rows) else "an earlier one"
    if version is not None:
        yield Event(_written(version), "changed", f"version {number:,} of {len(evidence.holding.rows):,}, {latest}")
    deleted = row.get(evidence.marks.get("deleted", ""))
    if deleted is not None:
        yield Event(_written(deleted), "deleted", "the source no longer had it")


def _written(value: object) -> str:
    """An instant as text, to the microsecond; empty for none."""
    return (
        "" if value is None else value.isoformat(timespec="microseconds") if isinstance(value, datetime) else str(value)
    )


# ---------------------------------------------------------------- what happens next


def _next(evidence: RowEvidence, verdict: Verdict) -> Iterator[str]:
    if evidence.paused:
        yield f"{evidence.dataset} is {evidence.paused}. Resume it: starmend resume {evidence.dataset}"
    held = held_text(evidence.holding, evidence.window)
    if held:
        yield release_of(evidence.holding, evidence.table)
    if verdict in ("extracted", "repaired") and evidence.says.has is False and not held:
        yield "The next audit that compares its slice marks it as deleted"
    if verdict == "quarantined":
        yield "Mend the contract or the source, deploy, then: starmend quarantine retry"
        yield f"What else is refused: starmend quarantine list --dataset {evidence.dataset} --table {evidence.source}"
    if verdict == "unplaced":
        yield _next_of_unplaced(evidence)
        yield "Set the source's clock or the row's time, or let the contract compare by keys (changed_at: none)"
    if verdict == "outside":
        yield f"No audit looks for it. To have it, give {evidence.table} an earlier `since` in the contract and deploy"
        yield f"Then: starmend heal --dataset {evidence.dataset} --full"
    if verdict == "missing" and not held:
        yield from _next_of_missing(evidence)
    if verdict == "unknown" and evidence.says.has is None:
        yield "Ask again when the source can be asked"
    for cause in evidence.causes:
        yield f"What to do: {remedy_of(cause['cause'])}"


def _next_of_unplaced(evidence: RowEvidence) -> str:
    if evidence.ahead and evidence.holding.row is None:
        begin = iso(evidence.ahead)
        return f"No extraction holds it; no audit before {begin}, when its slice begins: from then on they fetch it"
    return "No extraction holds it: each audit compares it by key and content, and has it fetched where it differs"


def _next_of_missing(evidence: RowEvidence) -> Iterator[str]:
    version = evidence.says.version
    if version and evidence.watermark and version[:26] >= evidence.watermark[:26]:
        yield f"Extraction has come as far as {evidence.watermark}; its next pass takes the row, of {version}"
    elif evidence.next_audit:
        yield f"The next audit is due {iso(evidence.next_audit)}; when it compares the row's slice, it has it fetched"
    else:
        yield f"No audit has looked yet. Now: starmend heal --dataset {evidence.dataset}"
