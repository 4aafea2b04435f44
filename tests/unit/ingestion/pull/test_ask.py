"""A round of calls ends where there is no use in going on: a refused token, no secret, a limit without a pause."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from tests.support.feeds import OPENING, PatientClock

from core.audit.history import Evidence
from core.errors import BadContract, InvalidData, NotGranted, OutOfReach
from core.feeds.turns import Plan
from ingestion.providers.answers import Answer, Broken, Data, Limited, NotEntitled, Point
from ingestion.pull.ask import Round
from ingestion.pull.pace import Pace

EVIDENCE = Evidence("GET /x", 200, "{}", "")
ENTITIES = ["A", "B", "C", "D"]
GOOD = Data((Point(None, {"c": 1}),), OPENING, EVIDENCE)


def asked(call: Callable[[str], Answer], *, seconds: float = 50) -> tuple[list[str], list[str], Round]:
    """Who answered, who was called, and the round: one call at a time."""
    clock = PatientClock().clock
    calls: list[str] = []

    def counted(entities: Sequence[str]) -> dict[str, Answer]:
        calls.extend(entities)
        return {entity: call(entity) for entity in entities}

    single = Round(pace=Pace(clock, Plan(600)), clock=clock, until=clock.monotonic() + seconds, at_once=1)
    answers = single.ask_all(ENTITIES, counted)
    return sorted(answers), calls, single


def test_everybody_is_asked_once() -> None:
    answered, calls, _ = asked(lambda _entity: GOOD)
    assert answered == calls == ENTITIES


def test_a_refused_token_is_shown_by_one_call() -> None:
    answered, calls, _ = asked(lambda _entity: NotEntitled("token", EVIDENCE))
    assert answered == calls == ["A"]


def test_a_limit_with_a_pause_is_waited_for_once_and_one_without_ends_the_round() -> None:
    answers = iter([Limited(2.0, EVIDENCE), GOOD, GOOD, GOOD, GOOD])
    answered, calls, _ = asked(lambda _entity: next(answers))
    assert (answered, calls) == (ENTITIES, ["A", *ENTITIES])
    assert asked(lambda _entity: Limited(None, EVIDENCE))[1] == ["A"]


def test_nonsense_from_one_does_not_stop_the_others() -> None:
    answered, _, _ = asked(lambda entity: Broken("html", EVIDENCE) if entity == "B" else GOOD)
    assert answered == ENTITIES


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (InvalidData("read secret", "key", "is empty"), "secret_unread"),
        (NotGranted("read secret", "key", "AccessDenied"), "secret_unread"),
        (OutOfReach("read secret", "key", "no answer"), "failure"),
        (BadContract("build", "x", "is no provider"), "failure"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_what_is_no_entitys_fault_ends_the_round_and_leaves_it_what_was_answered(error: Exception, kept: str) -> None:
    answers = iter([GOOD, GOOD])

    def call(_entity: str) -> Answer:
        if (answer := next(answers, None)) is None:
            raise error
        return answer

    answered, calls, single = asked(call)
    assert (answered, calls) == (["A", "B"], ["A", "B", "C"])
    assert getattr(single, kept) is error


def test_an_answer_that_nobody_thought_of_is_broken_for_its_own_entity() -> None:
    def call(entity: str) -> Answer:
        return {"A": GOOD, "C": GOOD, "D": GOOD}[entity]

    answered, _, single = asked(call)
    assert answered == ENTITIES
    assert single.failure is single.secret_unread is None
