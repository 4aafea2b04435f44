"""Calls of AWS per operation: within the written budget, and no more of them in an old lake than in a young one."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.calls import OLD_DAYS, YOUNG_DAYS
from bench.calls.database_lake import DatabaseLake
from bench.calls.deployed import ANCHORS
from bench.calls.feed_lake import FeedLake, age_with_sweep
from bench.calls.operations import (
    AUDIT,
    LAST_HOUR,
    Calls,
    budget,
    calls_of_database,
    calls_of_feed,
    differences,
    grown,
)

from auditor.page.reading.tables import MOST_POINTERS


@pytest.fixture(scope="module")
def young(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Calls]:
    days = age_with_sweep(YOUNG_DAYS, LAST_HOUR)
    return calls_of_feed(FeedLake(tmp_path_factory.mktemp("young"), days=days))


def test_every_operation_keeps_to_its_budget(young: dict[str, Calls]) -> None:
    assert differences(young, budget()["feed"]) == []


def test_a_lake_that_has_just_begun_asks_for_no_more(young: dict[str, Calls], tmp_path: Path) -> None:
    empty = calls_of_feed(FeedLake(tmp_path, days=0))
    assert differences({"process": empty["process"]}, {"process": young["process"]}) == []
    assert all(sum(empty[step].values()) <= sum(young[step].values()) for step in AUDIT)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_three_years_ask_for_what_months_do(young: dict[str, Calls], tmp_path: Path) -> None:
    lake = FeedLake(tmp_path, days=age_with_sweep(OLD_DAYS, LAST_HOUR))
    old = calls_of_feed(lake)
    sign, anchors = old.pop("sign"), len(lake.functions.aws.bucket(ANCHORS).objects)
    report = old.pop("report")
    assert grown(old, {name: young[name] for name in old}) == []
    # The page shows the newest partitions of fact and rollup, of which a lake of months does not have as many yet.
    assert sum(report.values()) <= sum(young["report"].values()) + 2 * MOST_POINTERS
    # The last anchor is found by listing all of them: a page for each thousand.
    assert sum(sign.values()) <= sum(young["sign"].values()) + anchors // 1000


# ---------------------------------------------------------------- a database


def test_a_database_that_has_just_begun_asks_for_no_more_than_its_budget(tmp_path: Path) -> None:
    empty, most = calls_of_database(DatabaseLake(tmp_path, days=0)), budget()["database"]
    exact = ("extract", "process")
    assert differences({name: empty[name] for name in exact}, {name: most[name] for name in exact}) == []
    assert {name for name in empty if sum(empty[name].values()) > sum(most[name].values())} == set()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_months_and_three_years_of_a_database_keep_to_its_budget(tmp_path: Path) -> None:
    young = calls_of_database(DatabaseLake(tmp_path / "young", days=YOUNG_DAYS))
    old = calls_of_database(DatabaseLake(tmp_path / "old", days=OLD_DAYS))
    assert differences(old, budget()["database"]) == []
    assert sum(young.pop("page").values()) <= sum(old.pop("page").values())
    assert differences(young, old) == []
