"""Orders are partitioned by year instead of by month while the shop goes on: windows with other bounds take over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.database_simulation import DatabaseSimulation, database_simulation
from tests.unit.core.evolution.test_generations import with_table

from core.contract.model import Contracts
from core.evolution.generations import plan_transition
from core.warehouse.pointer import DATA_ROOT, ROOT
from processing.restating.generations import build_generations

pytestmark = pytest.mark.database


def by_year(contracts: Contracts) -> Contracts:
    return with_table(
        contracts,
        "fact_sales_order",
        lambda table: replace(
            table, partition_by=tuple(replace(part, name="year", transform="year") for part in table.partition_by)
        ),
    )


def stored(simulation: DatabaseSimulation, folder: str) -> list[str]:
    prefixes = (f"{DATA_ROOT}{folder}/", f"{ROOT}{folder}/")
    return [info.key for prefix in prefixes for info in simulation.lake.records.list(prefix)]


def shop_goes_on(simulation: DatabaseSimulation) -> None:
    simulation.changes.insert_orders(3)
    simulation.changes.update_orders(2)
    simulation.extract()


def test_a_database_s_tables_are_rebuilt_beside_the_old_ones_certified_anew_and_the_old_ones_removed() -> None:
    with database_simulation(sales_orders=30) as simulation:
        simulation.deployed(simulation.contracts)
        assert simulation.heal()["audit"]["healthy"]
        transition = plan_transition(
            simulation.contracts, by_year(simulation.contracts), now=int(simulation.now().timestamp())
        )
        simulation.deployed(transition.first)
        shop_goes_on(simulation)
        built = list(build_generations(simulation.lake.services, transition.building))
        assert [(each.table, each.lost, each.rows) for each in built] == [
            ("fact_sales_order", 0, len(simulation.lake.rows("fact_sales_order")))
        ]
        shop_goes_on(simulation)
        simulation.deployed(transition.last(int(simulation.now().timestamp())))
        assert {path.partition("=")[0] for path in simulation.lake.paths("fact_sales_order")} == {"year"}
        assert simulation.agree() == []
        shop_goes_on(simulation)
        for _ in range(2):
            simulation.heal()
            assert simulation.verified() == []
        assert simulation.mail.sent == []

        simulation.ahead = timedelta(hours=8)
        shop_goes_on(simulation)
        for _ in range(2):
            simulation.heal()
        assert stored(simulation, "fact_sales_order"), "this year is not over, and the months' certificates rest on it"
        simulation.ahead = timedelta(days=41)
        simulation.heal()
        assert stored(simulation, "fact_sales_order") == []
        assert simulation.verified() == []
        assert simulation.agree() == []
        assert simulation.mail.sent == []
