"""Source rows to star rows: one rule per column."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.tables import column, fact

from core.contract.model import (
    Contract,
    Contracts,
    Database,
    Entity,
    Feed,
    Field,
    LookedUp,
    Lookup,
    Provider,
    SourceTable,
    Surrogate,
    Table,
    Take,
    TakeByKind,
)
from core.contract.types import parse_type
from core.evolution.promised import Settling
from core.warehouse.arrow_types import line_schema
from processing.shape import Origin, Shaped, shape

SOURCE = SourceTable(
    "point",
    ("symbol", "minute"),
    tuple(
        Field(name, parse_type(kind), required=False)
        for name, kind in {
            "symbol": "string",
            "minute": "timestamp",
            "kind": "string",
            "provenance": "string",
            "c": "decimal(10,2)",
            "o": "decimal(10,2)",
            "due": "string",
            "count": "int",
            "fetched_at": "timestamp",
        }.items()
    ),
)
FEED = Feed(
    provider=Provider("finnhub"),
    history=Provider("finnhub"),
    secret="token",
    every=60,
    calendar="always",
    entity_column="symbol",
    time_column="minute",
    entities=(Entity("AAPL"),),
    settle=180,
    complete_within=7200,
    calls_per_minute=60,
    table=SOURCE,
)
LOOKUPS = (Lookup("names", {"code": ("AAPL", "ZM"), "name": ("Apple", "Zoom")}),)
MINUTE = dt.datetime(2026, 11, 20, 14, 30)  # noqa: DTZ001


def shaped(columns: list[Any], rows: list[dict[str, Any]], **origin: Any) -> Shaped:
    table = fact("fact", ["symbol"], columns)
    contract = Contract("points", origin.pop("source", FEED), (table,))
    contracts = Contracts((contract,), LOOKUPS)
    source = line_schema(SOURCE)
    given = pa.Table.from_pylist([dict.fromkeys(source.names) | row for row in rows], schema=source)
    return shape(table, given, Origin(contract, contracts, **origin))


def values(made: Shaped, name: str) -> list[Any]:
    found: list[Any] = made.rows.column(name).to_pylist()
    return found


def test_a_date_and_a_time_of_day_are_taken_from_an_instant() -> None:
    columns = [
        column("day", "date", rule=Take("minute", "date")),
        column("time", "string", rule=Take("minute", "time")),
    ]
    instants = [MINUTE.replace(microsecond=5), MINUTE.replace(year=1969, hour=23), None]
    made = shaped(columns, [{"minute": instant} for instant in instants])
    assert values(made, "day") == [dt.date(2026, 11, 20), dt.date(1969, 11, 20), None]
    assert values(made, "time") == ["14:30:00.000005", "23:30:00.000000", None]


def test_a_historic_answer_gives_another_field_than_a_live_one() -> None:
    rows = [{"kind": kind, "c": Decimal("1.50"), "o": Decimal("2.50")} for kind in ("live", "history", None)]
    made = shaped([column("price", "decimal(18,6)", rule=TakeByKind("c", "o"))], rows)
    assert values(made, "price") == [Decimal("1.500000"), Decimal("2.500000"), Decimal("1.500000")]


def test_a_lookup_finds_a_name_and_an_unlisted_value_has_none() -> None:
    made = shaped(
        [column("name", "string", rule=LookedUp("names", "symbol", "name"))],
        [{"symbol": one} for one in ("ZM", "AAPL", "TSLA", None)],
    )
    assert values(made, "name") == ["Zoom", "Apple", None, None]


def test_a_surrogate_is_the_same_for_the_same_row_in_any_company() -> None:
    columns = [column("id", "bigint", rule=Surrogate(("symbol", "minute"))), column("symbol", "string")]
    columns.append(column("minute", "timestamp"))
    rows = [{"symbol": one, "minute": MINUTE} for one in ("AAPL", "ZM", "TSLA")]
    together = values(shaped(columns, rows), "id")
    assert together == [values(shaped(columns, [row]), "id")[0] for row in rows]
    assert len(set(together)) == 3
    assert min(together) >= 0


def test_a_text_that_cannot_be_what_is_promised_names_its_row_and_the_others_are_made() -> None:
    rows = [{"due": one} for one in ("2026-11-21", "soon", None, "2026-02-30")]
    made = shaped([column("due", "date")], rows)
    assert values(made, "due") == [dt.date(2026, 11, 21), None, None, None]
    assert made.bad == {1: "due: 'soon' is no date", 3: "due: '2026-02-30' is no date"}


def test_a_text_without_zone_becomes_the_instant_that_its_source_meant() -> None:
    berlin = Database("postgresql", "secret", "Europe/Berlin", 300, 600, 1800, 5, 0, (SOURCE,))
    rows = [{"due": "2026-07-20T14:30:00"}, {"due": "2026-07-20T14:30:00Z"}]
    made = shaped([column("due", "timestamp")], rows, source=berlin)
    assert [value.hour for value in values(made, "due")] == [12, 14]


@pytest.mark.parametrize(("seconds", "expected"), [(180, "observed"), (181, "late")])
def test_an_observed_point_is_late_once_its_object_is_made_after_settle(seconds: int, expected: str) -> None:
    columns = [column("provenance", "string", one_of=("observed", "late", "repaired"))]
    modified = MINUTE.replace(tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    asked = MINUTE.replace(second=7)
    rows = [{"minute": MINUTE, "fetched_at": asked, "provenance": one} for one in ("observed", "repaired")]
    assert values(shaped(columns, rows, modified=modified), "provenance") == [expected, "repaired"]


def test_a_point_is_late_by_what_was_promised_when_it_was_asked_for() -> None:
    columns = [column("provenance", "string", one_of=("observed", "late"))]
    changes = MINUTE.replace(tzinfo=dt.UTC) + dt.timedelta(minutes=10)
    # a minute until then; afterwards slots of five minutes, ten to settle; the contract at hand says three
    terms = (Settling(0, 60, 60), Settling(int(changes.timestamp()), 300, 600))
    modified = MINUTE.replace(tzinfo=dt.UTC) + dt.timedelta(minutes=20, seconds=1)
    asked = [dt.timedelta(minutes=9, seconds=59), dt.timedelta(minutes=10), dt.timedelta(minutes=15), None]
    rows = [{"fetched_at": None if after is None else MINUTE + after, "provenance": "observed"} for after in asked]
    made = shaped(columns, rows, modified=modified, settlings=terms)
    assert values(made, "provenance") == ["late", "late", "observed", "observed"]
    just_in_time = modified - dt.timedelta(seconds=1)
    assert values(shaped(columns, rows, modified=just_in_time, settlings=terms), "provenance")[1] == "observed"


def test_no_rows_are_shaped_to_no_rows_of_the_right_types() -> None:
    columns = [
        column("day", "date", rule=Take("minute", "date")),
        column("time", "string", rule=Take("minute", "time")),
        column("price", "decimal(18,6)", rule=TakeByKind("c", "o")),
        column("name", "string", rule=LookedUp("names", "symbol", "name")),
        column("due", "date"),
        column("id", "bigint", rule=Surrogate(("day",))),
    ]
    made = shaped(columns, [])
    assert made.rows.num_rows == 0
    assert made.rows.schema.types == [
        pa.date32(), pa.string(), pa.decimal128(18, 6), pa.string(), pa.date32(), pa.int64(),
    ]  # fmt: skip


def shaped_of(table: Table, rows: pa.Table) -> pa.Table:
    contract = Contract("test", None, (table,))
    return shape(table, rows, Origin(contract, Contracts((contract,)))).rows


@given(st.lists(st.sampled_from([0.0, -0.0, 1.5, -1.5, math.inf, math.nan, None]), min_size=1, max_size=12))
def test_a_key_has_one_zero_as_databases_have(values: list[float | None]) -> None:
    """PostgreSQL takes 0 and -0 for equal: a unique index holds one, and an update makes one of the other."""
    source = SourceTable("point", ("at",), (Field("at", parse_type("double"), required=False),))
    rows = pa.table([pa.array(values, pa.float64())], schema=line_schema(source))
    columns = (column("at", "double"), column("id", "bigint", rule=Surrogate(("at",))))
    shaped = shaped_of(fact("point", ["at"], columns, source="point"), rows).to_pylist()
    assert [math.copysign(1, row["at"]) for row in shaped if row["at"] == 0] == [1.0] * (values.count(0.0))
    assert len({row["id"] for row in shaped if row["at"] == 0}) <= 1
    beside = shaped_of(fact("point", ["id"], columns, source="point"), rows)
    assert str(beside.column("at").to_pylist()) == str(values), "what is no key stays as it is written"
