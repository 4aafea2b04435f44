"""Receipts: written once per object, replaced by the next run, and read by prefix."""

from __future__ import annotations

import dataclasses
from typing import Literal

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.lake import landing

from core.landing.records import RECEIPT_COLUMNS
from core.landing.zone import RECEIPTS
from processing.records.receipts import (
    OutcomeName,
    Receipt,
    TouchedPartition,
    halted_before,
    outcome_of,
    read_receipt,
    read_receipts,
    write_receipt,
)

LANDING = landing("tables/sales/staff/000000000001.jsonl.gz")
RECEIPT = Receipt(
    object=LANDING.key,
    etag="e",
    version_id="v",
    dataset="sales",
    table="staff",
    sequential_id=1,
    sequential=True,
    size=10,
    lines_in=2,
    rows_out=1,
    rejected=1,
    accepted=1,
    unknown_columns=("extra",),
    partitions=(TouchedPartition("dim_staff", "", 3, "committed", 1),),
    outcome="committed",
    reason="",
    milliseconds=1.5,
    stages={"read": 0.5},
)


def test_a_receipt_is_read_as_it_was_written_and_a_later_one_replaces_it() -> None:
    store = MemoryObjects()
    assert read_receipt(store, LANDING) is None
    write_receipt(store, LANDING, RECEIPT)
    write_receipt(store, LANDING, dataclasses.replace(RECEIPT, etag="later"))
    receipt = read_receipt(store, LANDING)
    assert receipt is not None
    assert receipt["etag"] == "later"
    assert receipt["partitions"][0] == dataclasses.asdict(RECEIPT.partitions[0])
    assert list(read_receipts(store, RECEIPTS)) == [receipt]
    assert {name for name, *_ in RECEIPT_COLUMNS} <= receipt.keys()


def test_a_receipt_of_a_halted_object_says_which_version_was_taken_before_however_often_it_halts() -> None:
    taken = {"etag": "good", "version_id": "v1", "outcome": "committed", "reason": "", "processed_at": "then"}
    halted = dataclasses.replace(RECEIPT, etag="bad", outcome="halted", reason="corrupt: not gzip")
    changed = halted_before(taken, halted)
    assert changed.reason == "corrupt: not gzip; changed since version v1 of it was processed (then)"
    assert halted_before(dataclasses.asdict(changed), halted) == changed
    assert halted_before(dataclasses.asdict(changed), dataclasses.replace(halted, reason="too large")).reason == (
        "too large"
    )
    assert halted_before(None, halted) == halted_before({**taken, "etag": "bad"}, halted) == halted
    assert "the bytes of ETag good" in halted_before({**taken, "version_id": ""}, halted).reason


@pytest.mark.parametrize(
    ("outcomes", "halted", "expected"),
    [
        ([], "", "unchanged"),
        (["unchanged"], "", "unchanged"),
        (["unchanged", "committed"], "", "committed"),
        (["committed"], "why", "halted"),
    ],
)
def test_an_outcome_is_halted_before_it_is_committed_and_committed_before_unchanged(
    outcomes: list[Literal["committed", "unchanged"]], halted: str, expected: OutcomeName
) -> None:
    partitions = [TouchedPartition("t", "", 1, outcome, 1) for outcome in outcomes]
    assert outcome_of(partitions, halted=halted) == expected
