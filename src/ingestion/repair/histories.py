"""History of one entity or several: each is asked for by itself, and what comes of it is its own.

An answer that is wrong is that of its range, and the next one is asked: a provider may have a day of which it never
says anything sensible. A refusal and a failure are those of their entity. What no other call would get either ends the
job for now: a limit (no turn is left in the function's time, either), a token that is refused, a secret that is
missing, a provider of which nothing came but nonsense for several entities in a row. Whoever was not reached by then is
named as such. A job that is given again begins with these, and of an entity with the ranges that were not asked for, so
that nobody stands before them twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.audit.history import NEAR, HistoryOutcome, HistoryRequest, Ranges
from core.audit.repair_jobs import UNREACHED, Compare, FetchHistory, HistoryCall
from core.errors import InvalidData, shown
from ingestion.repair.progress import Part, Progress, Range

IN_A_ROW = 3  # entities of which nothing came: it is not theirs; and ranges of one entity
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
    for part in sorted(progress.parts, key=_turn):
        if over:
            _leave(part, over)
            continue
        progress.begin(part)
        over = _ask_entity(ask, keep_bad, progress, part)
        in_a_row = in_a_row + 1 if part.error or part.result == "failed" else 0
        if not over and in_a_row >= IN_A_ROW and not any(part.answered for part in progress.parts):
            over = f"nothing came of {in_a_row} entities in a row: {part.reason}"


def _turn(part: Part) -> int:
    """The order of entities: who was not asked yet, then of whom something came, and last of whom nothing did."""
    return 0 if not part.was_asked else 1 if part.answered else 2


def _leave(part: Part, over: str) -> None:
    """The part was not reached in this attempt: what came of it in earlier ones stands."""
    if part.calls:
        _conclude(part)
    else:
        part.end(UNREACHED, over)


def _ask_entity(ask: Ask, keep_bad: KeepBad, progress: Progress, part: Part) -> str:
    """Why no other entity need be asked now; empty where they may.

    Broken ranges in a row end it, and so does any other that is not answered; of a comparison the first does.
    """
    repair = part.repair
    if not isinstance(repair, History):
        raise InvalidData("ask for history", repair.kind, "is no history", "A job has repairs of one kind")
    outcome, in_a_row = HistoryOutcome("answered"), 0
    try:
        for start, end in _in_turn(repair.ranges, part):
            outcome = _outcome(ask, keep_bad, repair, start, end)
            progress.note(part, HistoryCall(start, end, outcome))
            in_a_row = in_a_row + 1 if outcome.result == "broken" else 0
            goes_on = isinstance(repair, FetchHistory) and outcome.result == "broken" and in_a_row < IN_A_ROW
            if outcome.result != "answered" and not goes_on:
                break
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this entity's and not its neighbours'
        part.end("failed", shown(error), type(error).__name__)
        return ""
    _conclude(part)
    return (outcome.reason or outcome.result) if _is_everybodys(outcome) else ""


def _in_turn(ranges: Ranges, part: Part) -> list[Range]:
    """The ranges that have no answer yet: first those that were not asked for.

    The oldest comes first, in later attempts the newest: what is broken for ever lies at the end that a provider's
    history forgets, or in a row somewhere.
    """
    asked, answered = {(call.start, call.end) for call in part.calls}, part.answered
    fresh = [pair for pair in ranges if pair not in asked]
    again = [pair for pair in ranges if pair in asked and pair not in answered]
    return (fresh[::-1] if asked else fresh) + again


def _outcome(ask: Ask, keep_bad: KeepBad, repair: History, start: int, end: int) -> HistoryOutcome:
    outcome = HistoryOutcome.from_data(ask(_request(repair, start, end).to_data()))
    if isinstance(repair, FetchHistory) and outcome.bad:
        keep_bad(repair, outcome)
    return outcome


def _conclude(part: Part) -> None:
    """What the calls so far say. A comparison is not worth a second try."""
    open_ones = [call.outcome for call in part.calls if call.outcome.result != "answered"]
    worst = next((outcome for outcome in reversed(open_ones) if outcome.result != "broken"), None)
    worst = worst or (open_ones[0] if open_ones else None)  # what ended it says more than what was passed over
    error = RETRIED.get(worst.result, "") if worst and isinstance(part.repair, FetchHistory) else ""
    part.end("done", worst.reason if worst else "", error)


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
