"""What is certified wrongly in the mirror is seen."""

from __future__ import annotations

import datetime as dt
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.simulation.judge import FEED, SHOP, STEP
from tests.simulation.simulation import Simulation
from tests.simulation.star import Files, StarWitness

from core.time import at_epoch
from core.warehouse.pointer import object_key, object_name
from mirror.certified.step import Uncertified


@pytest.fixture
def witness() -> StarWitness:
    """Of a lake in which nothing has happened yet."""
    simulation = Simulation(1, 1.0)
    simulation.judge.first_slot = int(simulation.world.time) // STEP * STEP
    return simulation.operators.star_witness


def objects(partition: str, **columns: list[object]) -> Files:
    """One object of a partition with these rows."""
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    return {object_key(partition, object_name(1, "0" * 32)): body.getvalue()}


def test_a_fact_that_lacks_an_owed_point_before_the_end_of_its_claim_is_seen(witness: StarWitness) -> None:
    judge = witness.judge
    first, until = judge.first_slot, judge.first_slot + 4 * STEP
    points = judge._owed(first, until)
    witness._complete(points, until)
    witness._complete(points - {("AAA", first)}, first)
    assert judge.wrong == []
    judge._proven.add(("AAA", first))
    witness._complete(points - {("AAA", first)}, until)
    assert judge.wrong == []
    witness._complete(points - {("BBB", first + STEP)}, until)
    assert "lacks 1 points: BBB" in judge.wrong[0]


def test_a_rollup_that_counts_other_points_than_the_fact_beside_it_is_seen(witness: StarWitness) -> None:
    hour = -(-witness.judge.first_slot // 3600) * 3600
    rows = objects(
        "fact_price_hourly/symbol=AAA/day=2026-11-04",
        hour=[at_epoch(hour).replace(tzinfo=None)],
        points=[2],
        complete=[True],
    )
    witness._of_one_state({("AAA", hour), ("AAA", hour + STEP)}, rows, hour + 3600)
    witness._of_one_state({("AAA", hour)}, rows, hour)
    assert witness.judge.wrong == []
    witness._of_one_state({("AAA", hour)}, rows, hour + 3600)
    assert "beside 1 points" in witness.judge.wrong[0]


def test_a_purchase_of_days_ago_that_is_certified_away_is_seen(witness: StarWitness) -> None:
    database, world = witness.cloud.database, witness.cloud.world
    at = dt.datetime.fromtimestamp(world.time, dt.UTC).replace(tzinfo=None)
    database.create("purchase", ["purchase_id"], purchase_id="int", created_at="timestamp")
    for number in (1, 2):
        transaction = database.begin()
        database.put(transaction, "purchase", {"purchase_id": number, "created_at": at})
        database.commit(transaction)
    until = int(world.time) + 60
    rows = objects("fact_purchase/day=2026-11-04", purchase_id=[1])
    witness._has_purchases(rows, until)
    assert witness.judge.wrong == [], "it may have been committed behind the last audit"
    world.run(world.time + 2 * 86_400)
    witness._has_purchases(rows, int(until) - 120)
    assert witness.judge.wrong == [], "nothing is claimed of it"
    witness._has_purchases(rows, until)
    assert "lacks 1 rows: [2]" in witness.judge.wrong[0]


def test_a_dataset_of_which_nothing_is_certified_at_the_end_is_seen(witness: StarWitness) -> None:
    witness.at_the_end(0, 0, {SHOP: Uncertified(SHOP, "no window")})
    assert [FEED in witness.judge.wrong[0], SHOP in witness.judge.wrong[1]] == [True, True]
