"""A word in the contract and an apply: the shared stack trades one symbol more, and everything else goes on.

The last scenario of the stack in ``make chaos``, so that nothing has to be taken back. In ``make test``:
test_a_feed_changes_its_contract adds a symbol to a lake in memory, and test_infrastructure plans a change of a running
deployment, in which nothing else changes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.scenarios.conftest import PLAN
from tests.support import deployed
from tests.support.sessions import Hour

from deploy.folders import ROOT
from local.invoking import await_receipts, invoke
from local.stack import Stack
from local.trading import await_points, feed_of, trade

pytestmark = [pytest.mark.stack, pytest.mark.long]


def test_adding_a_symbol_is_one_word_in_the_contract_and_an_apply(stack: Stack, hour: Hour, tmp_path: Path) -> None:
    for other in (ROOT / "contracts").iterdir():
        if other.name != "quotes.yaml":
            (tmp_path / other.name).symlink_to(other)
    text = (ROOT / "contracts" / "quotes.yaml").read_text(encoding="utf-8")
    (tmp_path / "quotes.yaml").write_text(text.replace("TSLA, ZM]", "TSLA, ZM, ORCL]"), encoding="utf-8")
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    await_receipts(stack.deployment, "tables/")
    before = deployed.parameters(stack.deployment), deployed.pointers(stack.deployment)

    changes = stack.apply(replace(PLAN, contracts=tmp_path))

    removed = {change.address for change in changes if "delete" in change.actions}
    assert removed == {'aws_s3_object.package["code"]', "aws_s3_object.contracts"}
    assert (deployed.parameters(stack.deployment), deployed.pointers(stack.deployment)) == before
    objects = deployed.ingest_keys(stack.deployment, "tables/")
    invoke(stack.deployment, "extract", {"dataset": "sales"})  # in a new container, which knows nothing of the last one
    assert deployed.ingest_keys(stack.deployment, "tables/") == objects
    lines = deployed.count_lines(stack.deployment, "feeds/quotes/")
    done = trade(stack, minute := hour(3), minutes=1)
    entities = len(feed_of(stack)[0].entities)
    await_points(stack, lines + entities)
    assert done.expected == entities == 12
    frame = stack.deployment.athena.query("select symbol, price from fact_quote where symbol = 'ORCL'")
    assert frame["price"].tolist() == [stack.market.candle("ORCL", minute).open]
    known = stack.deployment.athena.query("select symbol from dim_symbol")
    assert "ORCL" in set(known["symbol"])
