"""A rollup has a row for each entity and unit of time, and aggregates that the fact can give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.contracts import GOOD, changed, problems_of
from tests.support.feeds import ROOT

WEATHER = yaml.safe_load((ROOT / "tests/support/weather.yaml").read_text())
ROLLUP = {
    "kind": "rollup",
    "from": "fact_weather",
    "by": ["station", "day(hour)"],
    "columns": {"warmest": {"type": "decimal(5,1)", "aggregate": "max(temperature)"}},
}


def messages_of(folder: Path, rollup: dict[str, Any]) -> list[str]:
    contract = changed("warehouse/rollup", rollup, contract=WEATHER)
    return [str(problem).removeprefix("weather.yaml: ") for problem in problems_of(folder, contract)]


def test_a_rollup_of_entity_and_day_is_accepted(tmp_path: Path) -> None:
    assert messages_of(tmp_path, ROLLUP) == []


@pytest.mark.parametrize(
    "by", [["station"], ["day(hour)"], ["station", "week(hour)"], ["station", "hour"], ["humidity", "day(hour)"]]
)
def test_a_rollup_is_by_entity_and_unit_of_time(tmp_path: Path, by: list[str]) -> None:
    (problem,) = messages_of(tmp_path, ROLLUP | {"by": by})
    assert problem.startswith("warehouse.rollup.by: is not by entity and unit of time. Write by: [station, hour(hour)]")


def test_a_group_lies_in_one_partition(tmp_path: Path) -> None:
    (problem,) = messages_of(tmp_path, ROLLUP | {"by": ["station", "year(hour)"]})
    assert "a year lies in several partitions of fact_weather. Write month(hour) or finer" in problem
    (problem,) = messages_of(tmp_path, ROLLUP | {"partition_by": ["month(hour)"]})
    assert "partition_by: is not that of fact_weather" in problem


@pytest.mark.parametrize("part", ["provenance", "bucket(humidity, 4)", "year(fetched_at)"])
def test_a_fact_that_is_placed_by_more_than_entity_and_time_has_no_rollup(tmp_path: Path, part: str) -> None:
    contract = changed("warehouse/rollup", ROLLUP, contract=WEATHER)
    fact = contract["warehouse"]["fact_weather"]
    parts = fact["partition_by"]
    fact["partition_by"] = [*([parts] if isinstance(parts, str) else parts), part]
    for name in ("provenance", "humidity", "fetched_at"):
        column = fact["columns"][name]
        fact["columns"][name] = (column if isinstance(column, dict) else {"type": column}) | {"immutable": True}
    problems = [str(problem) for problem in problems_of(tmp_path, contract)]
    column = part.removeprefix("bucket(").removeprefix("year(").partition(",")[0].rstrip(")")
    (problem,) = (each for each in problems if ".rollup" in each)
    assert f"a group lies in several partitions of fact_weather, which is placed by {column}" in problem


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"type": "int", "aggregate": "median(humidity)"}, "'median' is no aggregate"),
        ({"type": "int", "aggregate": "first(station)"}, "'station' is no stored column"),
        ({"type": "int", "aggregate": "sum(provenance)"}, "string cannot be summed"),
        ({"type": "int", "aggregate": "sum(humidity)"}, "sum of bigint is no int. Make the type bigint"),
        ({"type": "int", "aggregate": "max(temperature)"}, "max of decimal(5,1) is no int"),
        ({"type": "string", "aggregate": "count()"}, "count() gives no string"),
        ({"type": "int", "aggregate": "count(humidity)"}, "count() is of no column"),
        ({"type": "int", "aggregate": "complete()"}, "complete() gives no int. Make the type boolean"),
        ("int", "a rollup has no column that is take"),
    ],
)
def test_an_aggregate_gives_what_the_column_holds(tmp_path: Path, column: Any, message: str) -> None:
    assert message in messages_of(tmp_path, ROLLUP | {"columns": {"humidity": column}})[0]


@pytest.mark.parametrize(
    ("unit", "kind", "warning"),
    [
        ("day", "decimal(5,1)", "a sum of 24 values of decimal(5,1) may have more digits than decimal(5,1) holds"),
        ("day", "decimal(6,1)", "Make the type decimal(7,1), or leave it"),  # 24 * 9999.9 is 239997.6
        ("day", "decimal(7,1)", ""),
        ("hour", "decimal(5,1)", ""),
        ("day", "decimal(10,4)", ""),
    ],
)
def test_a_sum_that_may_outgrow_its_column_is_told_and_passes(
    tmp_path: Path, unit: str, kind: str, warning: str
) -> None:
    rollup = {"by": ["station", f"{unit}(hour)"]}
    rollup |= {"columns": {"warmth": {"type": kind, "aggregate": "sum(temperature)"}}}
    contract = changed("warehouse/rollup", ROLLUP | rollup, contract=WEATHER)
    problems = problems_of(tmp_path, contract)
    assert all(problem.warning for problem in problems)
    assert len(problems) == bool(warning)
    assert warning in " ".join(map(str, problems))


def test_a_sum_that_no_decimal_holds_is_told(tmp_path: Path) -> None:
    contract = changed("warehouse/fact_weather/columns/temperature/type", "decimal(38,1)", contract=WEATHER)
    rollup = ROLLUP | {"columns": {"warmth": {"type": "decimal(38,1)", "aggregate": "sum(temperature)"}}}
    (problem,) = problems_of(tmp_path, changed("warehouse/rollup", rollup, contract=contract))
    assert problem.warning
    assert "No decimal holds every such sum: give decimal(38,1) fewer digits in fact_weather" in str(problem)


def test_an_aggregate_does_not_take_the_name_of_a_group(tmp_path: Path) -> None:
    rollup = ROLLUP | {"columns": {"day": {"type": "int", "aggregate": "count()"}}}
    assert "columns.day: the pipeline adds a column 'day'" in messages_of(tmp_path, rollup)[0]


def test_a_database_has_no_rollups(tmp_path: Path) -> None:
    rollup = ROLLUP | {"from": "fact_sale", "by": ["sale_id"], "columns": {}}
    (problem,) = problems_of(tmp_path, changed("warehouse/rollup", rollup, contract=GOOD))
    assert problem.problem.startswith("a rollup is of a feed's fact")


@pytest.mark.parametrize("unit", ["week", "minute", "quarter"])
def test_a_sum_by_an_unknown_unit_is_told_as_other_rollups_are(tmp_path: Path, unit: str) -> None:
    total = {"type": "decimal(18,1)", "aggregate": "sum(temperature)"}
    rollup = ROLLUP | {"by": [f"{unit}(hour)", "day(hour)"], "columns": {"total": total}}
    assert any("entity and unit of time" in message for message in messages_of(tmp_path, rollup))
