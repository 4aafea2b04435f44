"""The reader against Athena: every table and view of the deployment, as it is and as a certificate found it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.support import deployed
from tests.support.lake import quote
from tests.support.sessions import Hour

from local.database.changes import Changes
from local.demo import await_horizon
from local.healing import audit
from local.invoking import await_receipts, invoke
from local.stack import Stack
from local.trading import QUOTES
from starmend_reader import Lake, NotKept, Rows, connect
from starmend_reader.lake import s3_filesystem

pytestmark = pytest.mark.stack

Answer = list[tuple[Any, ...]]


def unheard(_line: str) -> None:
    """The scenario asserts on data, not on what is said."""


def plain(table: pa.Table) -> Answer:
    """Rows in one order, instants in milliseconds, as Athena has them (a half is the later one's)."""
    columns = {
        name: pc.add(column, pa.scalar(500, pa.duration("us"))).cast(pa.timestamp("ms"), safe=False)
        if column.type == pa.timestamp("us")
        else column
        for name, column in zip(table.column_names, table.columns, strict=True)
        if not pa.types.is_nested(column.type)  # Athena's file has these as texts of its own
    }
    return sorted(zip(*(column.to_pylist() for column in columns.values()), strict=True), key=repr)


def by_athena(stack: Stack, name: str, columns: pa.Schema) -> Answer:
    flat = ", ".join(f'"{each.name}"' for each in columns if not pa.types.is_nested(each.type))
    answer = stack.deployment.athena.stream(f'select {flat} from "{name}"')
    batches = list(answer.batches())
    table = pa.Table.from_batches(batches) if batches else None
    return plain(table) if table else []


@pytest.fixture(scope="module")
def lake(stack: Stack) -> Lake:
    bucket = stack.deployment.buckets["code"]
    return connect(f"s3://{bucket}", filesystem=s3_filesystem(bucket, stack.deployment.aws_environment))


def price_again(stack: Stack, minute: dt.datetime, price: str, name: str) -> None:
    """A quote of a minute that is there comes again, fetched later: it takes the other's place."""
    fetched = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    line = quote("AAPL", f"{minute:%Y-%m-%dT%H:%M:%SZ}", price, fetched_at=fetched)
    deployed.land(stack.deployment, f"feeds/{QUOTES}/{minute:%Y/%m/%d/%H}/{name}.gz", [line.rstrip()])
    await_receipts(stack.deployment, f"feeds/{QUOTES}/")


ROLLUP = "fact_quote_hourly"


@dataclass(frozen=True)
class Past:
    """What Athena answered just before the audit that issued a certificate, and of its rollup just after it.

    S3 dates versions to the second: a rollup made again in the second of its certificate is as of it already.
    """

    certificate: str
    answers: Mapping[str, Answer]
    rebuilt: Mapping[str, Answer]


@pytest.fixture(scope="module")
def past(stack: Stack, lake: Lake, hour: Hour) -> Past:
    """A lake that has gone on since: another price in the certified hour, its rollup, orders, staff's department."""
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    await_receipts(stack.deployment, "tables/sales/")
    first = hour(5)
    end = first + dt.timedelta(hours=1)
    audit(stack, QUOTES, first, end, say=unheard)
    price_again(stack, first, "31.25", "the-reader-first")
    answers = {
        name: by_athena(stack, name, relation.columns)
        for name, relation in lake.relations.items()
        if relation.table is not None
    }
    assert audit(stack, QUOTES, first, end, say=unheard).certificates == 1  # and the hour's rollup is made again
    rebuilt = {
        name: by_athena(stack, name, relation.columns)
        for name, relation in lake.relations.items()
        if relation.table is not None and name.startswith(ROLLUP)
    }
    [window] = (
        lake.read("completeness", where={"dataset": QUOTES, "window_start": f"{first:%Y-%m-%dT%H:%M:%SZ}"})
        .arrow()
        .to_pylist()
    )
    price_again(stack, first, "41.75", "the-reader-second")
    changes = Changes(stack.database.connect, seed=23)
    changes.update_orders(5)
    changes.rename_department()
    changes.close()
    await_horizon(stack, stack.deployment.contracts.dataset("sales"))
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    await_receipts(stack.deployment, "tables/sales/")
    return Past(f"{QUOTES}/{window['certificate']}", answers, rebuilt)


def same_everywhere(rows: Rows) -> bool:
    """Whether pandas, Polars and DuckDB hold the very rows that Arrow does."""
    own = rows.arrow()
    frames = (
        pa.Table.from_pandas(rows.pandas(), schema=own.schema, preserve_index=False),
        rows.polars().to_arrow().cast(own.schema),
        rows.duckdb().to_arrow_table().cast(own.schema),
    )
    return all(frame.equals(own.combine_chunks()) for frame in frames)


def test_it_has_the_rows_of_every_table_and_view_as_they_are(stack: Stack, lake: Lake, past: Past) -> None:
    differing = []
    for name, relation in lake.relations.items():
        rows = lake.read(name)
        if plain(rows.arrow()) != by_athena(stack, name, relation.columns):
            differing.append(name)
        if relation.table is not None:
            assert same_everywhere(rows), name
    assert differing == []
    assert len(lake.relations) >= 20


def test_it_has_the_rows_of_every_table_and_view_as_a_certificate_found_them(lake: Lake, past: Past) -> None:
    then = {name: lake.read(name, as_of=past.certificate) for name in past.answers}
    differing = {
        name
        for name, rows in then.items()
        if plain(rows.arrow()) not in (past.answers[name], past.rebuilt.get(name, past.answers[name]))
    }
    assert differing == set()
    assert past.rebuilt.keys() == {ROLLUP, f"{ROLLUP}_complete"}
    assert all(same_everywhere(rows) for rows in then.values())
    changed = {name for name in then if plain(lake.read(name).arrow()) != past.answers[name]}
    assert {"fact_quote", "fact_quote_hourly", "fact_sales_order", "fact_sales_order_now", "dim_staff"} <= changed


def test_a_record_of_the_pipeline_has_no_past(lake: Lake, past: Past) -> None:
    with pytest.raises(NotKept, match="keeps no past"):
        lake.read("completeness", as_of=past.certificate)
