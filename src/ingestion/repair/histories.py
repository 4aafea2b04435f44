"""History of one entity or several: each is asked for by itself, and what comes of it is its own.

An answer that is wrong, a refusal and a failure are those of their entity, and the next one is asked. What no other
call would get either ends the job for now: a limit (no turn is left in the function's time, either), a token that is
refused, a secret that is missing, a provider that makes no sense to several entities in a row. Whoever was not reached
by then is named as such. A job that is given again begins with these, so that nobody stands before them twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.audit.history import NEAR, HistoryOutcome, HistoryRequest
from core.audit.repair_jobs import UNREACHED, Compare, FetchHistory, HistoryCall
from core.errors import InvalidData, shown
from ingestion.repair.progress import Part, Progress

IN_A_ROW = 3  # entities of which nothing came: it is not theirs
# Limited and broken may be otherwise in a while; a refusal will not.
RETRIED = {"limited": "ProviderLimited", "broken": "ProviderBroken"}
FIRST = (*RETRIED.values(), "OutOfReach", "TransientFailure")  # errors that the state machine tries again
TOKEN_REFUSED = 401

History = FetchHistory | Compare
Ask = Callable[[Mapping[str, Any]], dict[str, Any]]  # HistoryRequest in, HistoryOutcome out, both as JSON data
KeepBad = Callable[[FetchHistory, HistoryOutcome], None]  # keeps the records of an answer that make no point


def ask_entities(ask: Ask, keep_bad: KeepBad, progress: Progress) -> None:
    """Ask for each part's ranges, one call for each that was not answered before; raises nothing of an entity's."""
    over, in_a_row = "", 0
    for part in sorted(progress.parts, key=lambda part: bool(part.calls)):  # whoever was not asked yet comes first
        if over:
            _leave(part, over)
            continue
        over = _ask_entity(ask, keep_bad, progress, part)
        in_a_row = in_a_row + 1 if part.error or part.result == "failed" else 0
        if not over and in_a_row >= IN_A_ROW:
            over = f"nothing came of {in_a_row} entities in a row: {part.reason}"


def _leave(part: Part, over: str) -> None:
    """The part was not reached in this attempt: what came of it in earlier ones stands."""
    if part.calls:
        _conclude(part)
    else:
        part.end(UNREACHED, over)


def _ask_entity(ask: Ask, keep_bad: KeepBad, progress: Progress, part: Part) -> str:
    """Why no other entity need be asked now; empty where they may. The first range without an answer ends it."""
    repair, answered = part.repair, part.answered
    if not isinstance(repair, History):
        raise InvalidData("ask for history", repair.kind, "is no history", "A job has repairs of one kind")
    outcome = HistoryOutcome("answered")
    try:
        for start, end in repair.ranges:
            if (start, end) not in answered and outcome.result == "answered":
                outcome = _outcome(ask, keep_bad, repair, start, end)
                progress.note(part, HistoryCall(start, end, outcome))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this entity's and not its neighbours'
        part.end("failed", shown(error), type(error).__name__)
        return ""
    _conclude(part)
    return (outcome.reason or outcome.result) if _is_everybodys(outcome) else ""


def _outcome(ask: Ask, keep_bad: KeepBad, repair: History, start: int, end: int) -> HistoryOutcome:
    outcome = HistoryOutcome.from_data(ask(_request(repair, start, end).to_data()))
    if isinstance(repair, FetchHistory) and outcome.bad:
        keep_bad(repair, outcome)
    return outcome


def _conclude(part: Part) -> None:
    """What the calls so far say. A comparison is not worth a second try."""
    last = next((call.outcome for call in part.calls if call.outcome.result != "answered"), None)
    error = RETRIED.get(last.result, "") if last and isinstance(part.repair, FetchHistory) else ""
    part.end("done", last.reason if last else "", error)


def _is_everybodys(outcome: HistoryOutcome) -> bool:
    """Whether no other entity's call would get anything else."""
    status = outcome.evidence[-1].status if outcome.evidence else 0
    return outcome.result in ("limited", "secret_missing") or (
        outcome.result == "not_entitled" and status == TOKEN_REFUSED
    )


def _request(repair: History, start: int, end: int) -> HistoryRequest:
    if isinstance(repair, Compare):
        return HistoryRequest(repair.dataset, repair.entity, start, end, values_only=True)
    inside = tuple((max(start, first), min(end, last)) for first, last in repair.wanted if first < end and start < last)
    near = tuple(each for each in repair.known if start - NEAR <= each.slot < end + NEAR)
    return HistoryRequest(repair.dataset, repair.entity, start, end, every=repair.every, wanted=inside, known=near)
