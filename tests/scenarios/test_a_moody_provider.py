"""A provider with moods: whatever it answers for a while, nothing is certified that is not so."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.chaos.feeds import FACT, START, STEP, MoodyFeed, moody, run_hours, second
from tests.support.answering_provider import ERRORS
from tests.support.paging_provider import PagingProvider, paged_contracts

from auditor.evidence.absent import read_absences
from auditor.run_files import read_run_file
from auditor.windows import DAY, Window


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


def test_pages_that_end_normally_and_lack_records_certify_no_absence_of_what_the_provider_has() -> None:
    """Their word that they are whole is held against the points that the warehouse has."""
    provider = PagingProvider(3, START)
    with moody(3, provider=provider, contracts=paged_contracts()) as feed:
        for hour in range(5):
            feed.hour(lambda symbol, _slot, lost=hour == 3: lost and symbol != "CCC")  # type: ignore[misc]
        lost = range(provider.now - 2 * 3600, provider.now - 3600, STEP)
        dropped = {slot for slot in range(provider.now - 6 * 3600, provider.now, STEP) if luck(slot) < 0.5}
        provider.drops = dropped.__contains__
        for run in ("first", "second", "third"):
            feed.heal(run=run)
            feed.pass_time(hours=1)
            assert read_absences(feed.lake.records, "prices", [Window(provider.now - DAY, provider.now)]) == [], run
        assert there(feed, "BBB", lost) == [slot for slot in lost if slot not in dropped] != [*lost]
        [cause] = [each for each in causes_of(feed, "third") if each["name"] == "unproven_absence"]
        assert any("lacked points that were observed near them" in detail for detail in cause["details"])
        provider.drops = lambda _slot: False
        feed.pass_time(hours=3)  # what is in doubt is asked for again so seldom, at most
        feed.heal(run="well")
        assert there(feed, "AAA", lost) == there(feed, "BBB", lost) == [*lost]


def there(feed: MoodyFeed, symbol: str, slots: range) -> list[int]:
    return [at for row in feed.rows(FACT) if row["symbol"] == symbol and (at := second(row["minute"])) in slots]


def luck(slot: int) -> float:
    """The same for the same slot."""
    return random.Random(slot).random()


def causes_of(feed: MoodyFeed, run: str) -> list[dict[str, Any]]:
    return read_run_file(feed.lake.records, run, "judgement")["causes"]
