"""Rows as certificates of an earlier release found them, over the objects that it left."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.stored_forms.documents import unpacked
from tests.stored_forms.lake import contracts_of
from tests.support.lake import MemoryLake
from tests.support.lake_folder import lake_in, write_file, write_lake

from starmend_reader import Lake, NotKept

CERTIFICATES = "warehouse/_certificates"


def left_behind(dataset: str, folder: Path) -> Lake:
    """The lake with today's contracts and the earlier release's objects."""
    memory = MemoryLake(contracts_of(dataset))
    write_lake(memory, folder)
    prefix = f"{dataset}/warehouse/"
    for name, kept in unpacked().items():
        if name.startswith(prefix):
            path = folder / memory.partitions.bucket / name.removeprefix(prefix)
            write_file(path, kept.body, dt.datetime.fromtimestamp(kept.modified, dt.UTC))
    return lake_in(folder)


def certificates(lake: Lake, dataset: str) -> Mapping[int, dict[str, Any]]:
    stored = {info.key: lake.warehouse.read(info.key) for info in lake.warehouse.list(f"{CERTIFICATES}/{dataset}/0")}
    read = [json.loads(each.body) for each in stored.values() if each]
    return {each["number"]: each for each in read}


def test_a_feeds_certificates_give_the_rows_that_they_count(tmp_path: Path) -> None:
    lake = left_behind("prices", tmp_path)
    issued = certificates(lake, "prices")
    assert list(issued) == [1, 2, 3]
    for number, certificate in issued.items():
        where = [("minute", ">=", certificate["start"]), ("minute", "<", certificate["end"])]
        rows = lake.read("fact_price", where=where, as_of=f"prices/{number}").arrow()
        counted = {name: count for name, (count, _) in certificate["partitions"].items() if "hourly" not in name}
        got = rows.group_by(["symbol", "month"]).aggregate([([], "count_all")]).to_pylist()
        assert {f"fact_price/symbol={row['symbol']}/month={row['month']}": row["count_all"] for row in got} == counted


def test_a_databases_certificates_give_the_rows_that_are_kept_and_no_others(tmp_path: Path) -> None:
    lake = left_behind("books", tmp_path)
    issued = certificates(lake, "books")
    assert list(issued) == [1, 2, 3, 4, 5]
    for number in (1, 2, 3, 4):
        with pytest.raises(NotKept, match="is removed"):
            lake.read("fact_book_order", as_of=f"books/{number}")
    whole = lake.read("fact_book_order", as_of="books/5").arrow()
    assert whole.equals(lake.read("fact_book_order").arrow())
    october = issued[3]["partitions"]["fact_book_order/month=2026-10"][0]
    assert lake.read("fact_book_order", where={"month": "2026-10"}, as_of="books/3").arrow().num_rows == october
