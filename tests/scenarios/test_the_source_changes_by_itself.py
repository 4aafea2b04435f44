"""A database whose columns and tables change under a running pipeline, at random moments of it.

Whatever changes ends exact, or stops its own table by name; the neighbours go on, each change is told once, and when it
is taken back everything that was written meanwhile is there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.support.source_changes import ALTERATIONS, TABLES, Alteration, ChangingSource, cages
from tests.support.zoo import Zoo, zoo

pytestmark = pytest.mark.database
MOMENTS = ("before", "during extraction", "during audit")


def sound_differences(animals: Zoo, halted: Mapping[str, str]) -> list[str]:
    """What the tables that go on have otherwise than the source."""
    everything = animals.cages
    animals.cages = [cage for cage in everything if cage.name not in halted]
    try:
        return animals.differences()
    finally:
        animals.cages = everything


def striking(animals: Zoo, moment: str, strike: Callable[[], None]) -> None:
    """Strike once: at once, behind an extraction's look at the catalog, or behind an audit's first question."""
    if moment == "before":
        strike()
        return
    owner: Any = animals.extracting.extraction if moment == "during extraction" else animals
    name = "connected" if moment == "during extraction" else "_ask"
    real, blows = getattr(owner, name), [strike]

    def struck(*arguments: Any) -> Any:
        answer = real(*arguments)
        if blows:  # audits ask in several threads
            setattr(owner, name, real)
            blows.pop()()
        return answer

    setattr(owner, name, struck)


def news_of(animals: Zoo) -> list[str]:
    return [text for subject, text in animals.mail.sent if "changed by itself" in subject]


def walk(seed: int, alterations: list[Alteration]) -> None:
    """Loads, alters at random moments, and takes back in random order."""
    with zoo(*cages()) as animals:
        source = ChangingSource(animals, seed)
        draw = source.draw
        for table in TABLES:
            source.write(table)
        animals.extract()
        animals.heal()
        for alteration in alterations:
            free = [table for table in TABLES if table not in source.altered]
            if not free or (source.altered and draw.random() < 0.4):
                source.undo(draw.choice([*source.altered]))
                animals.heal()
                free = [table for table in TABLES if table not in source.altered]
            table, moment = draw.choice(free), draw.choice(MOMENTS)
            told = len(news_of(animals))
            for each in TABLES:
                source.write(each)
            striking(animals, moment, lambda t=table, a=alteration: source.alter(t, a))  # type: ignore[misc]
            failures = {failure.table: str(failure.error) for failure in animals.extracting.extract().failures}
            place = f"seed {seed}, {moment}: {alteration.name} of {table}"
            assert failures.keys() <= source.halted.keys(), (place, failures)
            assert source.halted.keys() - failures.keys() <= {table}, (place, failures)
            animals.deliver()
            animals.process_queue()
            animals.heal()
            if moment == "during audit":
                animals.extracting.extract()
                animals.deliver()
                animals.heal()
            unreadable = {f.table: f.problem for f in animals.audited() if f.kind == "unreadable_table"}
            assert unreadable.keys() == source.halted.keys(), (place, unreadable)
            for halted, says in source.halted.items():
                assert says in unreadable[halted], place
            assert sound_differences(animals, source.halted) == [], place
            news = news_of(animals)[told:]
            of_it = [text for text in news if (alteration.says or "column word was") in text]
            assert bool(of_it) == bool(alteration.says), (place, news, animals.mail.texts[-2:])
        while source.altered:
            source.undo(draw.choice([*source.altered]))
        animals.extract()
        animals.heal()
        animals.heal()
        assert animals.differences() == [], seed
        left = [finding for finding in animals.audited() if finding.kind != "changed_source"]
        assert left == [], seed


def test_alterations_end_exact_or_stop_their_table_by_name_and_harm_no_neighbour() -> None:
    walk(0, [each for each in ALTERATIONS if each.name in ("drop word", "rename", "retype to text", "add")])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_every_alteration_at_every_moment_does(seed: int) -> None:
    walk(seed, random.Random(seed).sample(ALTERATIONS, len(ALTERATIONS)))
