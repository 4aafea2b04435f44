"""One entity that gets its group refused takes no point of the others, and no more calls than a few."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.support.feeds import OPENING, PatientClock

from core.audit.history import Evidence
from core.feeds.turns import Plan
from ingestion.providers.answers import Answer, Broken, Data, NotEntitled, Point
from ingestion.pull.ask import Round
from ingestion.pull.pace import Pace
from ingestion.pull.suspects import CALLS_A_ROUND, Suspects

GOOD = Data((Point(None, {"c": 1}),), OPENING, Evidence("GET /x", 200, "{}", ""))
INVALID = Broken("the status 400", Evidence("GET /x", 400, '{"code": -1121}', ""))
NAMES = [f"S{number:02}" for number in range(50)]


class Minutes:
    """A provider that refuses a call in which somebody of ``bad`` is, asked minute by minute."""

    def __init__(self, *bad: str, refusal: Answer = INVALID, names: Sequence[str] = NAMES, together: int = 50) -> None:
        self.bad, self.refusal, self.names, self.together = set(bad), refusal, names, together
        self.suspects, self.time = Suspects(), PatientClock()
        self.calls: list[list[str]] = []

    def _answer(self, entities: Sequence[str]) -> dict[str, Answer]:
        self.calls.append(list(entities))
        return dict.fromkeys(entities, self.refusal if self.bad.intersection(entities) else GOOD)

    def minute(self) -> tuple[set[str], int]:
        """Whose point did not come, and the calls that it took."""
        self.time.advance(60)
        self.calls.clear()
        clock = self.time.clock
        round_ = Round(pace=Pace(clock, Plan(60_000)), clock=clock, until=clock.monotonic() + 50, at_once=1)
        answers = round_.ask_all(self.names, self._answer, together=self.together, suspects=self.suspects)
        assert answers.keys() == set(self.names)
        assert all(answer in (GOOD, self.refusal) for answer, _ in answers.values())
        return {name for name, (answer, _) in answers.items() if answer is not GOOD}, len(self.calls)


@pytest.mark.parametrize("refusal", [INVALID, NotEntitled("resource", Evidence("GET /x", 403, "", ""))])
def test_a_bad_entity_is_found_once_and_costs_the_others_nothing(refusal: Answer) -> None:
    minutes = Minutes("S17", refusal=refusal)
    missed, calls = minutes.minute()
    assert missed == {"S17"}
    assert calls <= 1 + 12
    hours = [minutes.minute() for _ in range(180)]
    assert {frozenset(missed) for missed, _ in hours} == {frozenset({"S17"})}
    assert sum(calls for _, calls in hours) <= 180 + 9, "doubling its pause up to an hour"


def test_one_that_is_listed_again_is_asked_for_with_the_others_again() -> None:
    minutes = Minutes("S17")
    minutes.minute()
    minutes.bad.clear()
    assert [minutes.minute() for _ in range(4)] == [({"S17"}, 1), (set(), 2), (set(), 1), (set(), 1)]


def test_several_are_found_in_some_rounds() -> None:
    bad = {"S01", "S17", "S18", "S49"}
    minutes = Minutes(*bad)
    rounds = [minutes.minute() for _ in range(6)]
    assert rounds[-1][0] == bad
    assert all(calls <= 2 + CALLS_A_ROUND for _, calls in rounds)


@pytest.mark.parametrize("together", [2, 50])
def test_a_provider_that_refuses_everybody_is_searched_once_an_hour_and_leaves_nobody_out(together: int) -> None:
    minutes = Minutes(*NAMES, together=together)
    groups = len(NAMES) // together
    calls = [minutes.minute()[1] for _ in range(61)]
    assert max(calls) <= groups + CALLS_A_ROUND
    assert sum(calls) <= 61 * groups + 2 * CALLS_A_ROUND
    minutes.bad.clear()
    assert minutes.minute() == (set(), groups)


@pytest.mark.parametrize("status", [0, 200, 401, 408, 429, 500, 503])
def test_what_is_no_refusal_of_a_group_is_not_searched(status: int) -> None:
    minutes = Minutes("S17", refusal=Broken("html", Evidence("GET /x", status, "", "")))
    assert minutes.minute() == (set(NAMES), 1)


def test_entities_that_are_asked_for_alone_are_asked_for_each_time() -> None:
    minutes = Minutes("S17", together=1)
    assert [minutes.minute() for _ in range(3)] == [({"S17"}, 50)] * 3
