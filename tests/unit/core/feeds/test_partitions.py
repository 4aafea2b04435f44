"""The points that a partition can hold, by its path alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.lake import shipped_contracts

from core.contract.model import Partition
from core.errors import PipelineBug
from core.feeds.partitions import column_of, covers, entities_in, period_of
from core.time import epoch

CONTRACTS = shipped_contracts()
FEED, FACT = CONTRACTS.feed("quotes"), CONTRACTS.table("fact_quote")


def test_a_path_of_values_and_months_bounds_entity_and_time() -> None:
    path = "symbol=AAPL/month=2026-12"
    assert entities_in(FACT, FEED, path) == ["AAPL"]
    assert period_of(FACT, FEED, path) == (epoch("2026-12-01T00:00:00Z"), epoch("2027-01-01T00:00:00Z"))
    assert covers(
        FACT, FEED, path, entity="AAPL", start=epoch("2026-12-31T23:00:00Z"), end=epoch("2027-02-01T00:00:00Z")
    )
    assert not covers(
        FACT, FEED, path, entity="AMD", start=epoch("2026-12-02T00:00:00Z"), end=epoch("2026-12-03T00:00:00Z")
    )


@pytest.mark.parametrize(
    ("unit", "text", "start", "end"),
    [
        ("year", "2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("day", "2026-02-28", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("hour", "2026-12-31-23", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"),
    ],
)
def test_every_unit_of_time_is_half_open(unit: str, text: str, start: str, end: str) -> None:
    table = replace(FACT, partition_by=(Partition(unit, "minute", unit),))
    assert period_of(table, FEED, f"{unit}={text}") == (epoch(start), epoch(end))


def test_buckets_share_the_entities_out_among_them() -> None:
    table = replace(FACT, partition_by=(Partition("symbol_bucket", "symbol", "bucket", buckets=4),))
    shares = [entities_in(table, FEED, f"symbol_bucket={number}") for number in range(4)]
    assert sorted(name for share in shares for name in share) == sorted(entity.name for entity in FEED.entities)


def test_a_fact_that_does_not_take_the_field_is_a_bug() -> None:
    with pytest.raises(PipelineBug, match="no column takes 'volume'"):
        column_of(FACT, "volume")
