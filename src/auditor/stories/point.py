"""The story of a point of a feed, told from the evidence about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.evidence.absent import Absence
from auditor.evidence.claims import Claim
from auditor.evidence.journal import Entry
from auditor.repairs.causes import meaning_of, remedy_of
from auditor.stories.arrivals import Arrival, arrival_events
from auditor.stories.efforts import Effort, audited_events
from auditor.stories.holding import Holding, certificate_events, held_text, holding_events, release_of
from auditor.stories.story import Event, Story, Verdict, in_order
from core.audit.certificate import Certificate
from core.audit.history import HistoryOutcome
from core.time import iso

Named = Mapping[str, Any]  # a cause as it is remembered (``auditor.repairs.cause_memory``)
_PROVENANCES: Mapping[str, Verdict] = {"observed": "observed", "late": "late", "repaired": "repaired"}
_AGREED = {"whole": "an answer that said for itself that it is whole", "agreed": "two answers of two audits"}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a point's time says of it; instants in epoch seconds.

    ``not_owed`` says why nobody owes it (empty: it is owed). ``due`` is from when it is missed, ``overdue`` from when
    the admins hear of it. ``paused`` says who paused the dataset and when, where that is so for this point.
    ``next_audit`` is 0 where no audit has looked yet, ``asked_again`` where the source is not to be asked again.
    """

    now: int
    due: int
    overdue: int
    not_owed: str = ""
    paused: str = ""
    next_audit: int = 0
    asked_again: int = 0


@dataclass(frozen=True, slots=True)
class PointEvidence:
    """All that is stored about a point: of ``entity`` in the slot that begins at ``slot`` (epoch seconds).

    ``provenance`` is the stored row's. ``window`` is its row of ``completeness``. ``absences``, ``claims`` and
    ``causes`` (open ones) are those about the point, ``waiting`` why the last plan put it off or gave it up.
    """

    dataset: str
    table: str
    entity: str
    slot: int
    circumstances: Circumstances
    holding: Holding
    provenance: str = ""
    arrivals: tuple[Arrival, ...] = ()
    window: Mapping[str, Any] = field(default_factory=dict)
    certificates: tuple[Certificate, ...] = ()
    absences: tuple[Absence, ...] = ()
    claims: tuple[Claim, ...] = ()
    audits: tuple[Entry, ...] = ()
    efforts: tuple[Effort, ...] = ()
    causes: tuple[Named, ...] = ()
    waiting: tuple[str, ...] = ()
    refused_records: tuple[Mapping[str, Any], ...] = ()
    limits: tuple[str, ...] = ()


def tell_point(evidence: PointEvidence) -> Story:
    """The story that the evidence gives."""
    verdict, sentence = _verdict(evidence)
    return Story(
        dataset=evidence.dataset,
        table=evidence.table,
        subject={"entity": evidence.entity, "at": iso(evidence.slot)},
        verdict=verdict,
        sentence=sentence,
        events=in_order(_events(evidence)),
        next=tuple(_next(evidence, verdict)),
        limits=evidence.limits,
    )


# ---------------------------------------------------------------- the verdict


def _verdict(evidence: PointEvidence) -> tuple[Verdict, str]:
    when, name = evidence.circumstances, f"{evidence.entity} of {iso(evidence.slot)}"
    if evidence.holding.row is not None:
        return _present(evidence, name)
    believed = [absence for absence in evidence.absences if absence.is_believed(when.now)]
    if believed:
        proof = _AGREED.get(believed[-1].proof, "one answer, which an earlier release believed")
        return "absent", f"{name} is absent: the source has proven by {proof} not to have it"
    if when.not_owed:
        return "not_owed", f"{name} is not there, and nobody owes it: {when.not_owed}"
    if when.due > when.now:
        return "settling", f"{name} is not there yet: it is due from {iso(when.due)} on"
    if held := held_text(evidence.holding, evidence.window):
        return "missing", f"{name} is missing; {held}"
    if evidence.causes:
        names = " and ".join(dict.fromkeys(meaning_of(cause["cause"]["name"]) for cause in evidence.causes))
        return "alarmed", f"{name} is missing, and the admins were called: {names}"
    if when.paused:
        return "paused", f"{name} is not there, and nobody owes it meanwhile: {when.paused}"
    refused = next((arrival.refused or arrival.halted for arrival in reversed(evidence.arrivals)), "")
    if refused:
        return "missing", f"{name} is missing: what came of it was refused ({refused})"
    if evidence.arrivals:
        return "missing", f"{name} is missing, though an ingest object has it"
    return "missing", f"{name} is missing" + (f": {evidence.holding.problem}" if evidence.holding.problem else "")


def _present(evidence: PointEvidence, name: str) -> tuple[Verdict, str]:
    verdict = _PROVENANCES.get(evidence.provenance, "observed")
    sentences = {
        "observed": "was observed",
        "late": "was observed, and stored after the time to settle",
        "repaired": "was missed, and fetched by the auditor",
    }
    held = held_text(evidence.holding, evidence.window)
    certified = " and certified" if evidence.window.get("status") == "certified" and not held else ""
    return verdict, f"{name} is there{certified}: it {sentences[verdict]}" + (f"; {held}" if held else "")


# ---------------------------------------------------------------- what happened


def _events(evidence: PointEvidence) -> Iterator[Event]:
    for arrival in evidence.arrivals:
        asked = str(arrival.fields.get("fetched_at", ""))
        if asked:
            kind = arrival.fields.get("kind", "live")
            yield Event(asked, "asked", "the provider's history was asked" if kind == "history" else "it was asked for")
        yield from arrival_events(arrival)
    for record in evidence.refused_records:
        yield Event(str(record["rejected_at"]), "quarantined", f"a record of the provider: {record['reason']}")
    yield from holding_events(evidence.holding)
    yield from audited_events(evidence.audits)
    for effort in evidence.efforts:
        yield from _effort_events(effort, evidence.slot)
    for claim in evidence.claims:
        says = "its record makes no point" if claim.kind == "refused" else "the source says that it has none"
        yield Event(iso(claim.found_at), "answered", f"{says} (run {claim.run})", claim.key)
    for absence in evidence.absences:
        yield Event(iso(absence.found_at), "absent", f"proven by {absence.proof or 'one answer'}", absence.key)
    for cause in evidence.causes:
        silence = f"; the mail is held back: {cause['held']}" if cause.get("held") else ""
        name = str(cause["cause"]["name"])
        yield Event(str(cause["since"]), "alarmed", f"{name}: {meaning_of(name)}{silence}")
    yield from certificate_events(evidence.certificates)


def _effort_events(effort: Effort, slot: int) -> Iterator[Event]:
    outcome = effort.outcome
    if outcome is None:
        yield Event("", "tried", f"run {effort.run}, attempt {effort.attempt}: the job left no word", effort.job)
        return
    calls = [call for call in outcome.history or () if call.start <= slot < call.end]
    for call in calls:
        answered = call.outcome.evidence[-1].answered_at if call.outcome.evidence else effort.at
        text = f"run {effort.run}, attempt {effort.attempt}: {_answer(call.outcome, slot)}"
        yield Event(answered or effort.at, "tried", text, effort.job)
    if not calls:
        reason = f": {outcome.reason}" if outcome.reason else ""
        text = f"run {effort.run}, attempt {effort.attempt}: {effort.repair.kind.replace('_', ' ')} {outcome.result}"
        yield Event(effort.at, "tried", text + reason, effort.job)


def _answer(outcome: HistoryOutcome, slot: int) -> str:
    """What an answer of the provider's history comes to for the slot."""
    sets = {
        "healed": "the provider gave it, and the stream took it",
        "absent": "the provider answered, and has none",
        "pending": "the provider has not published it yet",
        "refused": "the provider's record makes no point",
        "unproven": "the answer lacks it, and is known to lack more",
    }
    for name, text in sets.items():
        if any(start <= slot < end for start, end in getattr(outcome, name)):
            return text
    asked = f" ({outcome.evidence[-1].request} -> {outcome.evidence[-1].status})" if outcome.evidence else ""
    return f"{outcome.result.replace('_', ' ')}: {outcome.reason or 'nothing was given'}{asked}"


# ---------------------------------------------------------------- what happens next


def _next(evidence: PointEvidence, verdict: Verdict) -> Iterator[str]:
    when = evidence.circumstances
    if verdict in ("observed", "late", "repaired"):
        yield from _next_of_present(evidence)
    elif verdict == "absent":
        again = max(absence.expires_at for absence in evidence.absences)
        yield f"The source is asked again from {iso(again)} on; if it has the point then, it is taken"
    elif verdict == "settling":
        yield f"If it is not there by {iso(when.due)}, the next audit after that asks the provider's history for it"
    elif verdict == "paused":
        yield f"When the dataset is resumed, the audit catches up: starmend resume {evidence.dataset}"
    elif held_text(evidence.holding, evidence.window):
        yield release_of(evidence.holding, evidence.table)
    elif verdict in ("missing", "alarmed"):
        yield from _next_of_missing(evidence)


def _next_of_present(evidence: PointEvidence) -> Iterator[str]:
    status = evidence.window.get("status")
    if held_text(evidence.holding, evidence.window):
        yield release_of(evidence.holding, evidence.table)
    elif status is None and evidence.circumstances.next_audit:
        yield f"The audit that is due {iso(evidence.circumstances.next_audit)} looks at its window"
    elif status in ("open", "alarmed"):
        yield f"Its window has no certificate yet: {evidence.window.get('missing', 0):,} points of it are missing"


def _next_of_missing(evidence: PointEvidence) -> Iterator[str]:
    when = evidence.circumstances
    yield from evidence.waiting
    if when.asked_again > when.now:
        yield f"The source is asked again from {iso(when.asked_again)} on"
    if when.next_audit:
        yield f"The next audit is due {iso(when.next_audit)} and tries again"
    else:
        yield f"No audit has looked yet. Now: starmend heal --dataset {evidence.dataset}"
    if not evidence.causes:
        late = when.overdue <= when.now
        yield (
            "It is longer missing than promised: the next audit calls the admins if it cannot heal it"
            if late
            else (f"If it is still missing at {iso(when.overdue)}, the admins are called")
        )
    for cause in evidence.causes:
        yield f"What to do: {remedy_of(cause['cause'])}"


def provenance_of(row: Mapping[str, Any] | None, column: str) -> str:
    """The provenance that a stored row says; empty where there is none."""
    return str((row or {}).get(column) or "")


def latest(certificates: Sequence[Certificate]) -> Certificate | None:
    """The newest of a window's certificates."""
    return max(certificates, key=lambda certificate: certificate.number, default=None)
