"""The two steps of a deployment that rebuilds tables: what each of them changes in the account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.lake import shipped_contracts
from tests.support.planning import Change, Planner, managed
from tests.unit.core.evolution.test_generations import NOW, by_day

from core.contract.model import Contracts
from core.evolution.generations import plan_transition
from core.rendering.render import render

pytestmark = pytest.mark.long
Steps = tuple[Contracts, list[Change], list[Change]]


@pytest.fixture(scope="module")
def steps(planner: Planner, state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Steps:
    """The wanted contracts, and what each step makes of a deployment that was there before."""
    folder: Path = tmp_path_factory.mktemp("generations")
    transition = plan_transition(shipped_contracts(), by_day(shipped_contracts()), now=NOW)
    plans = []
    for name, contracts in (("first", transition.first), ("last", transition.last(NOW))):
        file = folder / f"{name}.json"
        file.write_text(render(contracts), encoding="utf-8")
        plans.append(managed(planner.shown(state, contracts_file=str(file))))
    return transition.last(NOW), plans[0], plans[1]


def resource(changes: list[Change], address: str) -> Change:
    return next(change for change in changes if change["address"] == address)


@pytest.mark.parametrize("name", ["fact_quote", "fact_quote_hourly"])
def test_readers_are_switched_by_one_update_of_each_catalog_table(steps: Steps, name: str) -> None:
    contracts, first, last = steps
    address = f'aws_glue_catalog_table.this["{name}"]'
    one, other = (resource(changes, address)["change"] for changes in (first, last))
    assert one["after"]["storage_descriptor"][0]["location"].endswith(f"/warehouse/{name}/")
    assert other["actions"] == one["actions"], "an update in place, or made where there was none"
    assert resource(last, 'aws_glue_catalog_table.this["fact_quote"]')["change"]["actions"] == ["update"]
    after = other["after"]
    folder = contracts.table(name).folder
    assert after["storage_descriptor"][0]["location"].endswith(f"/warehouse/{folder}/")
    assert after["parameters"]["storage.location.template"].endswith(
        f"/warehouse/{folder}/symbol=${{symbol}}/day=${{day}}/"
    )
    assert [key["name"] for key in after["partition_keys"]] == ["symbol", "day"]


def test_analysts_may_read_both_generations_in_both_steps(steps: Steps) -> None:
    contracts, first, last = steps
    one, other = (
        {
            change["address"]: change["change"]["after"]["policy"]
            for change in changes
            if change["type"] == "aws_iam_policy" and "analyst_tables" in change["address"]
        }
        for changes in (first, last)
    )
    assert one == other
    text = json.dumps(list(one.values()))
    for name in ("fact_quote", contracts.table("fact_quote").folder):
        assert f"/warehouse/{name}/*" in text
        assert f"/warehouse/_data/{name}/*" in text


def test_nothing_that_holds_data_is_destroyed_or_replaced(steps: Steps) -> None:
    for step in steps[1:]:
        gone = [change["address"] for change in step if "delete" in change["change"]["actions"]]
        assert [address for address in gone if address.startswith(("aws_glue_", "aws_s3_bucket", "aws_ssm_"))] == []
