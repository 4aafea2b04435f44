"""A contract that changes under a mirror: the last snapshot is by the new one, and older ones stay as they were."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.types import DecimalType, IntegerType, LongType, StringType
from tests.support.contracts import GOOD, changed
from tests.support.mirrored import Shop, rows_of
from tests.support.rebuild_histories import with_table

from core.contract.model import Partition
from mirror.commit import Waits, mirror_table

SALES = "fact_sale"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Sales of two months, mirrored."""
    shop = Shop(tmp_path)
    for month in (9, 10):
        shop.sell(3, created=f"2026-{month:02d}-01T00:00:00")
    shop.mirror(SALES)
    return shop


def columns(shop: Shop, **added: Any) -> dict[str, Any]:
    """The contract with other columns of the fact; None takes one away."""
    contract = copy.deepcopy(GOOD)
    of_fact = contract["warehouse"][SALES]["columns"]
    for name, column in added.items():
        if column is None:
            del of_fact[name]
        else:
            of_fact[name] = column
    return contract


def holds(shop: Shop, older: dict[int, list[tuple[Any, ...]]]) -> None:
    """The last snapshot is what the pointers lead to, and each older one is what it was."""
    opened = shop.opened(SALES)
    assert rows_of(opened.scan().to_arrow()) == shop.rows_by_pointers(SALES)
    for number, rows in older.items():
        assert rows_of(opened.scan(snapshot_id=number).to_arrow()) == rows


def seen(shop: Shop) -> dict[int, list[tuple[Any, ...]]]:
    snapshot = shop.opened(SALES).metadata.current_snapshot_id
    assert snapshot is not None
    return {snapshot: shop.rows_by_pointers(SALES)}


def test_a_column_that_is_added_is_null_in_what_is_older(shop: Shop) -> None:
    older = seen(shop)
    shop.deployed(columns(shop, note={"type": "string"}))
    assert shop.mirror(SALES).changed == 0
    holds(shop, older)
    shop.sell(2, created="2026-10-05T00:00:00")
    shop.mirror(SALES)
    holds(shop, older)
    notes = shop.opened(SALES).scan(row_filter="note is not null").to_arrow()
    assert notes.column("note").to_pylist() == ["Sale 7", "Sale 8"]


def test_a_column_that_comes_back_has_the_id_that_it_had(shop: Shop) -> None:
    number = shop.opened(SALES).schema().find_field("price").field_id
    older = seen(shop)
    shop.deployed(columns(shop, price=None))
    shop.sell(1, created="2026-10-05T00:00:00")
    shop.mirror(SALES)
    holds(shop, older)
    older |= seen(shop)
    shop.deployed(columns(shop))
    shop.sell(1, created="2026-10-06T00:00:00")
    shop.mirror(SALES)
    holds(shop, older)
    assert shop.opened(SALES).schema().find_field("price").field_id == number


def test_a_column_of_another_name_is_another_and_older_snapshots_have_the_old_one(shop: Shop) -> None:
    older = seen(shop)
    shop.deployed(columns(shop, price=None, cost={"type": "decimal(10,2)", "from": "price"}))
    shop.sell(1, created="2026-10-05T00:00:00")
    shop.mirror(SALES)
    holds(shop, older)
    (first,) = older
    opened = shop.opened(SALES)
    assert "price" in opened.scan(snapshot_id=first).to_arrow().column_names
    assert "cost" in opened.scan().to_arrow().column_names


def test_types_that_are_widened_are_read_with_the_bounds_of_the_narrow_ones(shop: Shop) -> None:
    older = seen(shop)
    wide = columns(shop, person_id={"type": "bigint", "references": "dim_person.person_id"}, price="decimal(14,2)")
    wide = changed("source/tables/sale/columns/person_id", "bigint", contract=wide)
    shop.deployed(changed("source/tables/sale/columns/price", "decimal(14,2)", contract=wide))
    shop.sell(2, created="2026-11-05T00:00:00", person_id=5_000_000_000, price=123_456_789_012.25)
    shop.mirror(SALES)
    holds(shop, older)
    opened = shop.opened(SALES)
    assert opened.schema().find_field("person_id").field_type == LongType()
    assert opened.schema().find_field("price").field_type == DecimalType(14, 2)
    assert opened.scan(row_filter="person_id > 4000000000").to_arrow().num_rows == 2
    assert opened.scan(row_filter="person_id < 4000000000").to_arrow().num_rows == 6
    assert opened.scan(row_filter="price < 1000").to_arrow().num_rows == 6


def test_a_decimal_of_another_scale_waits_until_its_objects_are_made_again(shop: Shop) -> None:
    older = seen(shop)
    finer = columns(shop, price="decimal(12,4)")
    shop.deployed(changed("source/tables/sale/columns/price", "decimal(12,4)", contract=finer))
    outcome = mirror_table(shop.table(SALES), shop.services)
    assert isinstance(outcome, Waits)
    assert outcome.partitions == dict.fromkeys(("month=2026-09", "month=2026-10"), "price is decimal128(10, 2)")
    shop.sell(1, created="2026-09-05T00:00:00")  # a merge writes the partition by the new types
    assert list(getattr(mirror_table(shop.table(SALES), shop.services), "partitions", {})) == ["month=2026-10"]
    shop.sell(1, created="2026-10-05T00:00:00", price=1.2345)
    shop.mirror(SALES)
    holds(shop, older)
    assert Decimal("1.2345") in shop.opened(SALES).scan().to_arrow().column("price").to_pylist()


def test_another_generation_in_other_partitions_and_narrower_types_follows_the_first(shop: Shop) -> None:
    older = seen(shop)
    text = changed("source/tables/sale/columns/person_id", "string", contract=columns(shop, person_id="string"))
    shop.deployed(text)
    days = Partition("day", "created_at", "day")
    table = replace(shop.table(SALES), generation="5c1d09e2", partition_by=(days,))
    shop.lake.deployed(with_table(shop.lake.services.contracts, table))
    for day in (3, 4):
        shop.sell(2, created=f"2026-10-{day:02d}T00:00:00", person_id="five")
    assert shop.mirror(SALES).partitions == 2
    holds(shop, older)
    opened = shop.opened(SALES)
    (first,) = older
    assert opened.schema().find_field("person_id").field_type == StringType()
    assert [field.name for field in opened.spec().fields] == ["created_at_day"]
    schema = opened.metadata.schema_by_id(opened.metadata.snapshot_by_id(first).schema_id)  # type: ignore[union-attr, arg-type]
    assert schema is not None
    assert schema.find_field("person_id").field_type == IntegerType()
    again = shop.opened(SALES).metadata.current_snapshot_id
    shop.mirror(SALES)
    assert shop.opened(SALES).metadata.current_snapshot_id == again


def unbound(shop: Shop) -> list[str]:
    """Partition fields whose source column the table has not now: Iceberg's Java library refuses such a table."""
    opened = shop.opened(SALES)
    columns = {field.field_id for field in opened.schema().fields}
    return [
        f"{field.name} of spec {spec.spec_id}"
        for spec in opened.metadata.partition_specs
        for field in spec.fields
        if field.source_id not in columns
    ]


def test_a_column_that_older_partitions_are_of_stays_until_no_snapshot_needs_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path, changed("warehouse/fact_sale/partition_by", ["bucket(sale_id, 3)", "month(created_at)"]))
    shop.sell(4, created="2026-10-01T00:00:00")
    shop.mirror(SALES)
    older = seen(shop)
    (first,), bucket = older, shop.table(SALES).partition_by[0].name
    shop.deployed(GOOD)
    days = Partition("day", "created_at", "day")
    table = replace(shop.table(SALES), generation="5c1d09e2", partition_by=(days,))
    shop.lake.deployed(with_table(shop.lake.services.contracts, table))
    shop.sell(2, created="2026-10-03T00:00:00")
    shop.mirror(SALES)
    assert unbound(shop) == []
    opened = shop.opened(SALES)
    assert rows_of(opened.scan(snapshot_id=first).to_arrow()) == older[first]
    of_now = opened.scan().to_arrow()
    assert of_now.column(bucket).null_count == 2
    assert rows_of(of_now.drop_columns([bucket])) == shop.rows_by_pointers(SALES)
    shop.now += timedelta(hours=7)
    shop.sell(1, created="2026-10-04T00:00:00")
    shop.mirror(SALES)  # the older snapshot goes
    shop.mirror(SALES)  # and with it what only it needed
    opened = shop.opened(SALES)
    assert (len(opened.metadata.partition_specs), len(opened.metadata.schemas)) == (1, 2)
    assert bucket not in opened.scan().to_arrow().column_names
    assert rows_of(opened.scan().to_arrow()) == shop.rows_by_pointers(SALES)
    assert unbound(shop) == []
