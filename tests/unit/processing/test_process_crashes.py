"""A good object in the place of a bad one: whatever is cut, of either, nothing of the bad one is left in the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.crashpoints import Crash, Effects, Point, every_point
from tests.support.lake import Lines, MemoryLake, order, shipped_contracts

from processing.events import ObjectEvent
from processing.plan import static_tables
from processing.process import process_objects

BAD: dict[str, Lines] = {
    "one bad line": [order(1), b"bad\n"],
    "halted": [order(1), *[b"bad\n"] * 100],
}
GOOD: Lines = [order(1), order(2)]


def put(lake: MemoryLake, lines: Lines) -> str:
    return lake.put_table("sales", "sales_order", 1, lines)


def deliver(lake: MemoryLake, key: str, effects: Effects) -> None:
    """One delivery, by a process of its own. An object that failed comes again; so does one whose process died."""
    watched = {name: effects.watch(getattr(lake.services, name)) for name in ("partitions", "records", "parameters")}
    try:
        process_objects([ObjectEvent("", key)], replace(lake.services, workers=1, **watched))
    except Crash:
        if not effects.fired:
            raise


def outcome(lake: MemoryLake, key: str) -> Any:
    receipt = lake.receipt(key)
    counts = [receipt[name] for name in ("lines_in", "accepted", "rejected", "rows_out")]
    orders = sorted(row["sales_order_id"] for row in lake.rows("fact_sales_order"))
    return receipt["outcome"] != "halted", counts, lake.quarantined(key), orders


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("cut", ["the bad object", "the good one"])
def test_nothing_of_a_bad_object_is_left_when_a_good_one_took_its_place(bad: str, cut: str) -> None:
    def run(effects: Effects) -> tuple[MemoryLake, str]:
        lake = MemoryLake(shipped_contracts())
        lake.services.ensured.update(table.name for table in static_tables(lake.services.contracts))  # no object's own
        first, second = (effects, Effects()) if cut == "the bad object" else (Effects(), effects)
        deliver(lake, put(lake, BAD[bad]), first)  # not delivered again before the good one is there
        key = put(lake, GOOD)
        deliver(lake, key, second)
        if cut == "the good one":
            deliver(lake, key, Effects())
        return lake, key

    points = list(every_point(run))
    wrong = {}
    for point in points:
        settled = outcome(*run(Effects(point)))
        if settled != (True, [2, 2, 0, 2], [], [1, 2]):
            wrong[str(point)] = settled
    assert wrong == {}
    assert Point(0, "before") in points
