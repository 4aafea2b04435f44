"""What a partition was at an instant, against histories of which everything is remembered."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.partitions import MemoryPartitions, Ticking
from tests.support.tables import COUNTS, counts

from core.ports import ObjectInfo
from core.warehouse.footer import Footer, SourceRef, later_ancestors, later_dailies
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import object_key, object_name, partition_of, pointer_key
from core.warehouse.vacuum import GRACE, plan_vacuum
from processing.partitions.commit import CommitContext, Committed, commit_rows, restate
from starmend_reader.errors import NotKept
from starmend_reader.history import object_at

PLACE, PLACE_OF_COUNTS = "fact_thing/month=2026-11", partition_of(COUNTS.folder, "")
START = datetime(2026, 11, 2, 22, 0, tzinfo=UTC)


@dataclass
class Story:
    """A partition that is committed to and cleaned; ``line`` is every object that ever was current, in order."""

    now: datetime = START
    line: list[tuple[str, datetime]] = field(default_factory=list)
    footers: dict[str, Footer] = field(default_factory=dict)
    written: dict[str, datetime] = field(default_factory=dict)
    names: int = 0

    def commit(self) -> None:
        parent, modified = self.line[-1] if self.line else ("", None)
        before = self.footers.get(parent)
        dailies = later_dailies(before.dailies, parent, modified) if before and modified else ()
        key = self._write()
        ancestors = later_ancestors(parent, before.ancestors if before else ())
        self.footers[key] = Footer(
            "thing", PLACE, len(self.line) + 1, "merge", 1, parent=parent, ancestors=ancestors, dailies=dailies
        )
        self.line.append((key, self.now))

    def lose_a_race(self) -> None:
        """An object that never becomes current, of the number that the next commit has too."""
        self._write()

    def _write(self) -> str:
        self.names += 1
        key = object_key(PLACE, object_name(len(self.line) + 1, f"{self.names:032x}"))
        self.written[key] = self.now
        return key

    def vacuum(self) -> None:
        if not self.line:
            return
        infos = [ObjectInfo(key, 1, "", modified) for key, modified in self.written.items()]
        current, swapped = self.line[-1]
        dailies = {daily.key for daily in self.footers[current].dailies}
        held = [key for place, (key, _) in enumerate(self.line) if place % 5 == 4]  # by snapshots of the mirror
        plan = plan_vacuum(PLACE, infos, current=current, dailies=dailies, held=held, swapped=swapped, now=self.now)
        for key in plan.remove:
            del self.written[key]

    def truth(self, at: datetime) -> str:
        return next((key for key, modified in reversed(self.line) if modified <= at), "")

    def answer(self, at: datetime) -> str:
        opened: set[str] = set()

        def footer(key: str) -> Footer:
            assert key in self.written, "a footer of an object that is removed"
            assert key not in opened, "a footer is read again"
            opened.add(key)
            return self.footers[key]

        return object_at(PLACE, self.line[-1][0], self.written, at, footer)


GAPS = st.sampled_from([1, 60, 61, 3_600, 7 * 3_600, 86_400, 3 * 86_400])  # seconds
STEPS = st.lists(st.tuples(st.sampled_from(["commit", "commit", "commit", "lose_a_race", "vacuum"]), GAPS), max_size=60)


def story_of(steps: list[tuple[str, int]]) -> Story:
    story = Story()
    story.commit()
    for name, gap in steps:
        story.now += timedelta(seconds=gap)
        getattr(story, name)()
    return story


@given(steps=STEPS, late=GAPS, share=st.floats(-0.1, 1))
def test_what_was_current_is_told_rightly_or_not_at_all(steps: list[tuple[str, int]], late: int, share: float) -> None:
    story = story_of(steps)
    story.now += timedelta(seconds=late)
    at = START + (story.now - START) * share
    try:
        assert story.answer(at) == story.truth(at)
    except NotKept:
        assert at <= story.now - GRACE, "within the grace period everything is kept"


@given(steps=STEPS, days=st.integers(1, 6))
def test_the_last_state_of_each_day_with_commits_is_kept_for_a_week(steps: list[tuple[str, int]], days: int) -> None:
    story = story_of(steps)
    story.vacuum()
    midnight = story.now.replace(hour=0, minute=0, second=0) - timedelta(days=days - 1)
    at = midnight - timedelta(microseconds=1)
    modified = dict(story.line)
    if (key := story.truth(at)) and modified[key].date() == at.date():
        assert story.answer(at) == key


def test_a_state_that_is_removed_is_refused_by_name() -> None:
    story = Story()
    for _ in range(40):
        story.now += timedelta(minutes=10)
        story.commit()
    story.now += timedelta(days=2)
    story.vacuum()
    with pytest.raises(NotKept) as refused:
        story.answer(START + timedelta(minutes=35))
    assert "fact_thing/month=2026-11 at 2026-11-02T22:35:00Z" in str(refused.value)
    assert "is removed" in refused.value.problem


def test_what_was_made_again_after_a_loss_has_no_known_past() -> None:
    key = object_key(PLACE, object_name(7, "a" * 32))
    footer = Footer("thing", PLACE, 7, "restate", 1)
    with pytest.raises(NotKept, match="what was there before"):
        object_at(PLACE, key, {key: START}, START - timedelta(hours=1), lambda _key: footer)


@pytest.mark.parametrize("seed", range(40))
def test_what_was_lost_and_made_again_is_told_rightly_or_not_at_all(seed: int) -> None:
    """The objects of a real partition whose current object or pointer is lost now and then, and restated."""
    draw = random.Random(seed)
    store = MemoryPartitions(clock=Ticking(step=timedelta(seconds=1)))
    clock = store.clock
    assert isinstance(clock, Ticking)
    context, line = CommitContext("c", random=draw, sleep=lambda _: None), list[tuple[str, datetime]]()
    for number in range(12):
        clock.now += timedelta(hours=draw.choice([0, 1, 5, 20]))
        if number and draw.random() < 0.3:
            store.delete([line[-1][0]] if draw.random() < 0.6 else [pointer_key(PLACE_OF_COUNTS)])
            rows = counts([*range(number + 1)])
            outcome = restate(
                store, COUNTS, "", lambda rows=rows: (rows, [SourceRef(f"{rows.num_rows}", "e")]), context=context
            )
        else:
            source = SourceRef(f"object-{number}", "e")
            outcome = commit_rows(store, COUNTS, "", counts([number]), sources=[source], context=context)
        assert isinstance(outcome, Committed)
        line.append((outcome.key, store.modified[outcome.key]))
    written = {key: store.modified[key] for key in store.list_objects(PLACE_OF_COUNTS)}

    def footer(key: str) -> Footer:
        return open_object(key, store.objects[key]).footer

    told = 0
    for hours in range(0, int((clock.now - line[0][1]) / timedelta(hours=1)) + 2):
        at = line[0][1] + timedelta(hours=hours, seconds=30)
        truth = next((key for key, modified in reversed(line) if modified <= at), "")
        try:
            assert object_at(PLACE_OF_COUNTS, line[-1][0], written, at, footer) == truth
            told += 1
        except NotKept:
            pass
    assert told
