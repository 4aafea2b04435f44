"""The plan of a vacuum: objects that anybody may still need stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.partitions import START

from core.errors import InvalidData
from core.ports import ObjectInfo
from core.warehouse.pointer import object_key, object_name
from core.warehouse.vacuum import plan_vacuum

HOUR = timedelta(hours=1)
PLACE = "dim_count"


def key(version: int, letter: str = "a") -> str:
    return object_key(PLACE, object_name(version, letter * 32))


def info(version: int, hour: float, letter: str = "a") -> ObjectInfo:
    return ObjectInfo(key(version, letter), 10, "e", START + hour * HOUR)


def removed(
    objects: list[ObjectInfo],
    *,
    current: str,
    hour: float,
    swapped: float | None = None,
    dailies: tuple[str, ...] = (),
    held: tuple[str, ...] = (),
) -> list[str]:
    """``swapped``: at once, where it is not said."""
    (written,) = [info.modified for info in objects if info.key == current]
    at = written if swapped is None else START + swapped * HOUR
    now = START + hour * HOUR
    plan = plan_vacuum(PLACE, objects, current=current, dailies=dailies, held=held, swapped=at, now=now)
    assert plan.bytes == 10 * len(plan.remove)
    assert plan.stay == len(objects) - len(plan.remove)
    return list(plan.remove)


def test_the_grace_counts_from_when_the_pointer_named_the_successor() -> None:
    objects = [info(1, 0), info(2, 10)]
    assert removed(objects, current=key(2), hour=15.9) == []
    assert removed(objects, current=key(2), hour=16) == [key(1)]


def test_a_writer_that_swaps_long_after_it_wrote_takes_nothing_from_who_reads_until_then() -> None:
    objects = [info(1, 0), info(2, 1)]
    assert removed(objects, current=key(2), swapped=9, hour=14.9) == []
    assert removed(objects, current=key(2), swapped=9, hour=15) == [key(1)]
    objects.append(info(3, 9.5))
    assert removed(objects, current=key(3), hour=15.4) == []
    assert removed(objects, current=key(3), hour=15.5) == [key(1), key(2)]


def test_what_was_current_until_its_pointer_was_lost_stays_though_a_dead_writer_had_the_next_number() -> None:
    objects = [info(1, 0), info(2, 1, "d"), info(3, 10)]
    assert removed(objects, current=key(3), hour=15.9) == []
    assert removed(objects, current=key(3), hour=16) == [key(1), key(2, "d")]


def test_a_part_of_the_listing_gives_nothing_that_the_whole_keeps() -> None:
    objects = [info(1, 0), info(2, 1, "d"), info(3, 10), info(4, 30), info(5, 31)]
    for hour in (8, 15.9, 16, 36, 40):
        plans = [
            plan_vacuum(
                PLACE, objects[:cut], current=key(5), dailies=(), held=(),
                swapped=START + 31 * HOUR, now=START + hour * HOUR,
            )
            for cut in range(1, 6)
        ]  # fmt: skip
        assert all(set(plan.remove) <= set(plans[-1].remove) for plan in plans)
    assert plans[2].remove == (key(1),)


def test_what_a_snapshot_names_stays_however_old() -> None:
    objects = [info(1, 0), info(2, 1), info(3, 2)]
    assert removed(objects, current=key(3), hour=1000, held=(key(1),)) == [key(2)]


def test_the_current_object_stays_however_old() -> None:
    assert removed([info(1, 0)], current=key(1), hour=10_000) == []


def test_an_object_with_a_greater_number_stays_for_its_writer_may_be_about_to_swap() -> None:
    objects = [info(1, 0), info(2, 0, "b"), info(3, 0, "c")]
    assert removed(objects, current=key(1), hour=10_000) == []


def test_a_beaten_writer_s_object_goes_after_the_grace() -> None:
    objects = [info(1, 0), info(2, 1), info(2, 1.5, "b")]
    assert removed(objects, current=key(2), hour=7) == [key(1)]
    assert removed(objects, current=key(2), hour=7.5) == [key(1), key(2, "b")]


def test_the_last_of_each_day_stays_for_a_week() -> None:
    objects = [info(1, 0), info(2, 1), info(3, 30)]
    assert removed(objects, current=key(3), hour=24 * 7, dailies=(key(2),)) == [key(1)]
    assert removed(objects, current=key(3), hour=24 * 9, dailies=(key(2),)) == [key(1), key(2)]


def test_a_grace_below_an_hour_is_refused() -> None:
    with pytest.raises(InvalidData, match="too short"):
        plan_vacuum(
            PLACE, [], current=key(1), dailies=(), held=(), swapped=None, now=START, grace=timedelta(minutes=59)
        )


def test_what_is_no_object_of_a_commit_is_left_alone() -> None:
    stranger = ObjectInfo(f"warehouse/_data/{PLACE}/notes.txt", 1, "e", START)
    plan = plan_vacuum(
        PLACE, [stranger, info(1, 0)], current=key(1), dailies=(), held=(), swapped=START, now=START + 1000 * HOUR
    )
    assert plan.remove == ()
