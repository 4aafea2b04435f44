"""Partitions that the reader shows, against those that the emulator's Athena reads by the catalog's properties."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.exported import written_by_hand
from tests.support.lake import MemoryLake, quote, shipped_contracts
from tests.support.lake_folder import lake_in, write_file, write_lake

from core.contract.model import Contracts
from core.rendering.catalog import catalog_tables
from local.emulator.patches.athena.partition_projection import locate
from starmend_reader.where.projection import is_listed

FAR = {"yyyy": "2999", "yyyy-MM": "2999-01", "yyyy-MM-dd": "2999-01-01", "yyyy-MM-dd-HH": "2999-01-01-00"}
PAST = {form: text.replace("2999", "1999") for form, text in FAR.items()}
FORMS = {"yyyy": "%Y", "yyyy-MM": "%Y-%m", "yyyy-MM-dd": "%Y-%m-%d", "yyyy-MM-dd-HH": "%Y-%m-%d-%H"}
UNTIL_NEXT = {"year": 366, "month": 31, "day": 1, "hour": 1 / 24}


def candidates(projection: Mapping[str, str], key: str, now: dt.datetime) -> Iterator[str]:
    """Values of a key within, at and beyond what is listed."""
    kind = projection[f"projection.{key}.type"]
    if kind == "enum":
        yield from [*projection[f"projection.{key}.values"].split(",")[:3], "nobody", ""]
        return
    low, high = projection[f"projection.{key}.range"].split(",")
    if kind == "integer":
        yield from (low, high, str(int(high) + 1), "-1", "x")
        return
    form = projection[f"projection.{key}.format"]
    yield from (now.strftime(FORMS[form]), FAR[form], PAST[form])
    if not low.startswith("NOW"):
        yield low
        yield (dt.datetime.strptime(low, FORMS[form]) - dt.timedelta(hours=1)).strftime(FORMS[form])  # noqa: DTZ007


@pytest.mark.parametrize("name", ["own", "examples", "stored"])
def test_the_reader_shows_what_athena_lists(name: str) -> None:
    now, seen = dt.datetime.now(dt.UTC), set()
    for table, entry in catalog_tables(written_by_hand()[name]).items():
        keys = [key["name"] for key in entry["partition_keys"]]
        if not keys or not entry["analysts"]:
            continue
        [(_, values)] = locate(glue_table(entry), [])
        for chosen in itertools.product(*(candidates(entry["projection"], key, now) for key in keys)):
            folder = "".join(f"{key}={value}/" for key, value in zip(keys, chosen, strict=True))
            listed = is_listed(entry["projection"], dict(zip(keys, chosen, strict=True)), now)
            assert listed == (values(f"s3://lake/t/{folder}file") is not None), (table, folder)
            seen.add(listed)
    assert seen == {True, False}


def glue_table(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "StorageDescriptor": {"Location": "s3://lake/t/"},
        "PartitionKeys": [{"Name": key["name"]} for key in entry["partition_keys"]],
        "Parameters": {**entry["projection"], "storage.location.template": f"s3://lake/t/{entry['template']}"},
    }


@pytest.mark.parametrize(("form", "unit", "now", "last"), [
    ("yyyy-MM", "MONTHS", "2026-12-31T23:59:59+00:00", "2027-01"),
    ("yyyy-MM", "MONTHS", "2027-01-31T12:00:00+00:00", "2027-02"),
    ("yyyy", "YEARS", "2028-02-29T12:00:00+00:00", "2029"),
    ("yyyy-MM-dd", "DAYS", "2026-12-31T23:30:00-05:00", "2027-01-02"),
    ("yyyy-MM-dd-HH", "HOURS", "2026-12-31T23:30:00+00:00", "2027-01-01-00"),
])  # fmt: skip
def test_the_last_that_is_listed_is_one_unit_from_now_in_utc(form: str, unit: str, now: str, last: str) -> None:
    projection = {
        "projection.k.type": "date", "projection.k.format": form, "projection.k.range": f"{PAST[form]},NOW+1{unit}",
    }  # fmt: skip
    at = dt.datetime.fromisoformat(now)
    end = dt.datetime.strptime(last, FORMS[form])  # noqa: DTZ007
    beyond = (end + dt.timedelta(days=UNTIL_NEXT[unit.lower().rstrip("s")])).strftime(FORMS[form])
    assert is_listed(projection, {"k": last}, at)
    assert not is_listed(projection, {"k": beyond}, at)


def without(contracts: Contracts, symbol: str) -> Contracts:
    """The contracts without a symbol: its rows stay in the lake."""
    changed = []
    for contract in contracts:
        tables = []
        for table in contract.tables:
            parts = tuple(
                replace(part, values=tuple(value for value in part.values if value != symbol))
                for part in table.partition_by
            )
            tables.append(replace(table, partition_by=parts))
        changed.append(replace(contract, tables=tuple(tables)))
    return replace(contracts, contracts=tuple(changed))


def test_what_was_taken_out_of_the_contracts_is_shown_by_neither(tmp_path: Path) -> None:
    memory = MemoryLake(shipped_contracts())
    lines = [quote(symbol, "2026-11-20T15:00:00Z", "10.5") for symbol in ("AAPL", "ZM")]
    memory.process(memory.put("feeds/quotes/2026/11/20/15/a.gz", lines))
    write_lake(memory, tmp_path)
    rows = {"subject": "x", "window_start": "2026-11-20T15:00:00Z"}
    for dataset in ("quotes", "rates"):
        key = f"completeness/dataset={dataset}/day=2026-11-20/x.json"
        write_file(tmp_path / memory.partitions.bucket / key, json.dumps(rows).encode())
    lake = lake_in(tmp_path)
    assert sorted(lake.read("fact_quote").arrow()["symbol"].to_pylist()) == ["AAPL", "ZM"]
    assert lake.read("completeness").arrow()["dataset"].to_pylist() == ["quotes"], "there is no dataset of that name"
    later = replace(lake, contracts=without(lake.contracts, "ZM"), code=None)
    assert later.read("fact_quote").arrow()["symbol"].to_pylist() == ["AAPL"]
    assert later.read("fact_quote", where={"symbol": "ZM"}).arrow().num_rows == 0
    (tmp_path / memory.partitions.bucket / "warehouse/fact_quote/symbol=ZM/month=2026-11/symlink.txt").write_text("x")
    assert later.read("fact_quote").arrow().num_rows == 1, "what nobody reads harms nobody"
