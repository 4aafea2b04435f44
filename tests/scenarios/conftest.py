"""The whole pipeline on one machine, started once and shared by every scenario of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.stack import Plan, Stack

ORDERS = 3_000


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The emulator with the real Terraform applied, a small sales source, the market."""
    plan = Plan(sales_orders=ORDERS, alarm_scale=0.05)
    with Stack.up(tmp_path_factory.mktemp("build"), plan) as running:
        yield running
