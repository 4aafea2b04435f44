"""References whose parents are missing for good: accepted by the contract, counted, certified, and no alarm."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.database_simulation import DatabaseSimulation, quick_contracts
from tests.support.sources import source

from core.audit.certificate import Certificate
from core.contract.model import Contracts
from core.rendering.views import catalog_views

pytestmark = pytest.mark.database


def accepting(missing: Any) -> Contracts:
    """The shipped contracts, whose orders may refer to a design that is missing."""
    contracts = quick_contracts()
    sales = contracts.dataset("sales")
    tables = tuple(
        replace(
            table,
            columns=tuple(
                replace(column, missing=missing) if column.references == "dim_design.design_id" else column
                for column in table.columns
            ),
        )
        for table in sales.tables
    )
    changed = replace(sales, tables=tables)
    return replace(contracts, contracts=tuple(changed if each.dataset == "sales" else each for each in contracts))


def certified(simulation: DatabaseSimulation) -> dict[str, int]:
    """How many orphans the newest certificate of each window of the orders says."""
    counts = {}
    for info in sorted(simulation.lake.records.list("warehouse/_certificates/sales/"), key=lambda info: info.key):
        if info.key[-18:-5].strip("/").isdigit():
            certificate = Certificate.from_json(simulation.lake.records.read(info.key).body, key=info.key)
            if certificate.subject == "fact_sales_order":
                counts[certificate.start[:7]] = certificate.orphans
    return {start: count for start, count in counts.items() if count}


@pytest.mark.parametrize("missing", [pytest.param("allow", marks=pytest.mark.long), "unknown"])
def test_orphans_that_the_contract_accepts_are_counted_and_certified_and_nobody_hears(missing: str) -> None:
    draw = random.Random(missing)
    with source(sales_orders=60, seed=5) as database:
        simulation = DatabaseSimulation(database, contracts=accepting(missing))
        try:
            simulation.extract()
            october = datetime(2026, 10, draw.randint(1, 30), tzinfo=UTC)  # a month that is over can be certified
            simulation.changes.insert_orphans(draw.randint(2, 9), at=october)
            answers = simulation.heal()
            assert (answers["verify"]["healthy"], simulation.mail.sent, simulation.verified()) == (True, [], [])
            orphans = simulation.run(
                "select to_char(created_at, 'YYYY-MM'), count(*)::int from sales_order o"
                " where not exists (select from design d where d.design_id = o.design_id) group by 1"
            )
            assert certified(simulation) == dict(orphans)
            simulation.changes.adopt()
            simulation.extract()
            assert simulation.heal()["audit"]["healthy"]
            assert (certified(simulation), simulation.verified()) == ({}, [])
            keys = [row["design_id"] for row in simulation.lake.rows("dim_design")]
            assert keys == sorted(keys)
            assert (keys[0] == -1) == (missing == "unknown")
        finally:
            simulation.close()


def test_the_view_of_what_is_so_now_shows_an_orphan_as_the_unknown_member() -> None:
    sql = catalog_views(accepting("unknown"))["fact_sales_order_now"]["sql"]
    known = '"design_id" in (select "design_id" from "dim_design")'
    assert f'case when {known} then "design_id" else -1 end "design_id"' in sql
    assert "case" not in catalog_views(accepting("allow"))["fact_sales_order_now"]["sql"]
