"""Rows whose time of change is no time at which they changed: found by key and content, healed, counted apart."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.support.zoo import Cage, Zoo, zoo

from auditor.page.reading.newest import newest_stored

pytestmark = pytest.mark.database
CLOCK = Cage(
    "clock", {"id": ("int", "int"), "note": ("text", "string"), "changed_at": ("timestamp", "timestamp?")}, ("id",)
)


def kinds(findings: list[Any]) -> dict[str, set[Any]]:
    named: dict[str, set[Any]] = {}
    for finding in findings:
        named.setdefault(finding.kind, set()).update(key[0] for key in finding.keys)
    return named


def write(simulation: Zoo, number: int, changed_at: str) -> None:
    row = {"id": str(number), "note": "'a'", "created_at": "timestamp '2026-11-10 12:00'", "changed_at": changed_at}
    simulation.insert("clock", row)


@pytest.mark.parametrize("wrong", ["infinity", "0044-03-15 BC", "+3 hours"])
def test_a_row_with_such_a_time_is_loaded_changed_set_right_and_deleted_by_audits(wrong: str) -> None:
    at = f"timestamp '{wrong}'" if wrong[0] != "+" else f"now() at time zone 'UTC' + interval '{wrong}'"
    with zoo(CLOCK) as simulation:
        for number in range(1, 5):
            write(simulation, number, "timestamp '2026-11-10 12:00'")
        simulation.extract()
        assert simulation.heal()["audit"]["healthy"]
        write(simulation, 7, at)
        simulation.run(f"update clock set note = 'b', changed_at = {at} where id = 2")
        found = kinds(simulation.audited())
        assert (found["unplaced_row"], found["missing_row"], found["stale_row"]) == ({2, 7}, {7}, {2})
        assert simulation.heal()["verify"]["healthy"]
        assert kinds(simulation.audited()) == {"unplaced_row": {2, 7}}
        assert rows_of(simulation) == {1: "a", 2: "b", 3: "a", 4: "a", 7: "a"}
        assert wrong[0] == "+" or newest_of(simulation) == dt.datetime(2026, 11, 10, 12, tzinfo=dt.UTC)

        simulation.run("update clock set note = 'c' where id = 7")  # under the same wrong time
        assert kinds(simulation.audited()) == {"unplaced_row": {2, 7}, "changed_row": {7}}
        assert simulation.heal()["verify"]["healthy"]
        simulation.run("update clock set note = 'd', changed_at = now() at time zone 'UTC' where id = 2")
        simulation.extract()
        assert rows_of(simulation) == {1: "a", 2: "d", 3: "a", 4: "a", 7: "c"}, "an honest time outranks it at once"
        simulation.run("delete from clock where id = 7")
        assert simulation.heal()["verify"]["healthy"]
        assert simulation.audited() == []
        assert rows_of(simulation) == {1: "a", 2: "d", 3: "a", 4: "a"}
        assert simulation.differences() == []


def newest_of(simulation: Zoo) -> dt.datetime | None:
    """What the page and ``starmend status`` show: the false time stays in the history for good."""
    return newest_stored(simulation.services(), [simulation.contracts.table("fact_clock")])["fact_clock"]


def rows_of(simulation: Zoo) -> dict[int, str]:
    return {row["id"]: row["note"] for row in simulation.lake.rows("fact_clock") if row["is_latest"]}
