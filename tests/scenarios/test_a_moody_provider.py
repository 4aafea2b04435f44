"""A provider with moods: whatever it answers for a while, nothing is certified that is not so."""

from __future__ import annotations

import pytest
from tests.chaos.feeds import FACT, STEP, moody, run_hours, second
from tests.support.answering_provider import ERRORS

from auditor.run_files import read_run_file


@pytest.mark.parametrize("seed", [pytest.param(1, marks=pytest.mark.long), 4])
def test_some_hours_of_a_provider_with_moods_certify_nothing_wrong(seed: int) -> None:
    tally = run_hours(9, seed, calm=3)
    assert tally.wrong == []
    assert tally.answers > 20


def test_answers_in_good_form_with_values_of_something_else_are_told_to_the_admins_and_not_taken() -> None:
    with moody(3) as feed:
        for hour in range(6):
            feed.hour(lambda symbol, _slot, lost=hour == 4: lost and symbol != "CCC")  # type: ignore[misc]
        before = feed.rows(FACT)
        for error in filter(None, ERRORS):
            feed.provider.error = error
            feed.heal(run=error.replace(" ", "-"))
            assert feed.rows(FACT) == before, error
            causes = read_run_file(feed.lake.records, error.replace(" ", "-"), "judgement")["causes"]
            [broken] = [cause for cause in causes if cause["name"] == "broken"]
            assert broken["count"] == 2 * 3600 // STEP, error
            assert all("known values" in detail for detail in broken["details"]), error
        feed.provider.error = ""
        feed.heal()
        assert len(feed.rows(FACT)) == len(before) + 2 * 3600 // STEP
        assert {
            row["price"] == feed.provider.price(row["symbol"], second(row["minute"])) for row in feed.rows(FACT)
        } == {True}
