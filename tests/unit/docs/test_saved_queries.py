"""The saved query of windows that are whole, as the emulator runs Athena's SQL, over windows of every length."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from core.contract.model import Contracts
from core.rendering.catalog import catalog_tables
from local.emulator.patches.athena.dialect import MACROS, parse, tables_of, translate

QUERY = Path(__file__).parents[3] / "terraform/queries/completeness.sql"
COLUMNS = {
    name: each["type"]
    for entry in [catalog_tables(Contracts(()))["completeness"]]
    for each in (*entry["columns"], *entry["partition_keys"])
    if (name := each["name"])
}


def shown(*windows: tuple[str, str, str]) -> list[tuple[str, str]]:
    """Start and status of the windows (start, end, status) that it shows on the last day of November 2026."""
    kinds = {"bigint": pa.int64()}
    schema = pa.schema([(name, kinds.get(kind, pa.string())) for name, kind in COLUMNS.items()])
    rows = [
        dict.fromkeys(COLUMNS) | {"window_start": start, "window_end": end, "status": status, "day": start[:10]}
        for start, end, status in windows
    ]
    duck = duckdb.connect()
    for definition in (*MACROS, 'create schema "db"'):
        duck.execute(definition)
    duck.register("rows", pa.Table.from_pylist(rows, schema))
    duck.execute('create table "db".completeness as select * from rows')
    tree = parse(QUERY.read_text().replace("current_date", "date '2026-11-30'"))
    tables_of(tree, "db")
    answer = duck.execute(next(translate(tree, {("db", "completeness"): COLUMNS}))).df()
    return list(zip(answer["window_start"], answer["status"], strict=True))


def test_a_month_that_goes_on_is_shown_to_its_end_and_one_that_is_not_whole_after_it() -> None:
    """Windows are stored by the day that they begin with: on the ninth of a month nothing said how that month stood."""
    year = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "open")
    october = ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "alarmed")
    november = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "open")
    hour = ("2026-11-27T14:00:00Z", "2026-11-27T15:00:00Z", "certified")
    over = [
        ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "certified"),
        ("2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z", "certified"),
        ("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", "certified"),
    ]
    expected = [(start, status) for start, _, status in (hour, november, october, year)]
    assert shown(year, october, november, hour, *over) == expected
