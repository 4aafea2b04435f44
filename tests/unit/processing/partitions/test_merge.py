"""The merge against a dictionary: whatever arrives, in whatever order, the winner of each key is the same."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.merge_model import EPOCH, TABLES, merges_as_a_dictionary, model
from tests.support.tables import ORDERS, rows_of

from core.contract.model import HASH, HASH_LIST, Table
from processing.partitions.layout import Layout
from processing.partitions.merge import merge


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_batches_in_any_order_give_what_a_dictionary_gives(table: Table, data: st.DataObject) -> None:
    merges_as_a_dictionary(table, data)


def test_a_thousand_versions_settle_in_whatever_batches_they_come() -> None:
    layout = Layout.of(ORDERS)
    source = random.Random(7)
    records = [
        {
            "order_id": source.randrange(40),
            "updated": EPOCH + timedelta(seconds=source.randrange(9)),
            "checked_at": source.choice([None, EPOCH]),
            "amount": Decimal(source.randrange(5)),
            "note": source.choice([None, "a", "b"]),
            "deleted_at": EPOCH if source.random() < 0.1 else None,
            HASH_LIST: source.choice([None, 1, 2]),
            HASH: source.choice([None, 7, -(2**63)]),
        }
        for _ in range(1000)
    ]
    expected = merge(None, rows_of(ORDERS, records), layout).table
    assert expected.to_pylist() == model(ORDERS, records)
    for _ in range(5):
        source.shuffle(records)
        current = None
        for first in range(0, 1000, 77):
            current = merge(current, rows_of(ORDERS, records[first : first + 77]), layout).table
        assert current == expected
