"""Rollups: groups of an hour, computed from facts and certificates."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.lake import MemoryLake, quote, shipped_contracts
from tests.support.rebuild_histories import with_table

from core.audit.certificate import Ledger, LedgerEntry, ledger_key
from core.audit.repair_jobs import RepairJob, Restate, write_job
from core.contract.model import Aggregated, Contracts, TradingCalendar
from core.contract.types import parse_type
from core.errors import InvalidData, LostCommit, PipelineBug
from core.time import iso
from core.warehouse.arrow_types import stored_schema
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import pointer_key
from processing.derived.rollups import Rollup, certified_in, derive_rollup, rollup_rows
from processing.partitions.commit import AlreadyThere, Committed
from processing.restating.job import restate_job

HOUR = datetime(2026, 11, 20, 15, tzinfo=UTC)
START = int(HOUR.timestamp())
PATH = "symbol=AAPL/month=2026-11"


def entry(start: int, end: int, **more: Any) -> LedgerEntry:
    fields = dict.fromkeys(("number", "expected", "present", "observed", "repaired", "late", "absent"), 0)
    texts = {"hash": "h", "contract": "c", "digest": "d", "start": iso(start), "end": iso(end)}
    return LedgerEntry(**fields, **texts, partitions={}, **more)  # type: ignore[arg-type]


@pytest.fixture
def rollup() -> Rollup:
    """An hour in which the exchange trades."""
    contracts = shipped_contracts()
    calendar = TradingCalendar("test", "1", START, START + 7200, ((START, START + 3600),))
    table, fact = contracts.table("fact_quote_hourly"), contracts.table("fact_quote")
    return Rollup(table, fact, contracts.feed("quotes"), calendar, PATH)


def facts(rollup: Rollup, prices: dict[int, str], *, repaired: tuple[int, ...] = ()) -> pa.Table:
    """Quotes by minute of the hour."""
    schema = stored_schema(rollup.fact)
    columns: dict[str, list[Any]] = {
        "minute": [HOUR.replace(tzinfo=None) + timedelta(minutes=minute) for minute in prices],
        "price": [Decimal(price) for price in prices.values()],
        "provenance": ["repaired" if minute in repaired else "observed" for minute in prices],
    }
    return pa.table(
        [pa.array(columns.get(name, [None] * len(prices)), schema.field(name).type) for name in schema.names],
        schema=schema,
    )


def test_a_group_has_the_aggregates_of_its_facts(rollup: Rollup) -> None:
    (row,) = rollup_rows(rollup, facts(rollup, {5: "2", 0: "1.5", 59: "1"}, repaired=(5,)), []).to_pylist()
    assert {name: row[name] for name in ("open", "high", "low", "close")} == {
        "open": Decimal("1.5"),
        "high": Decimal(2),
        "low": Decimal(1),
        "close": Decimal(1),
    }
    assert [row[name] for name in ("minutes", "expected", "repaired", "absent", "complete")] == [3, 60, 1, 0, False]


def test_a_group_is_complete_once_every_owed_minute_is_certified_and_there_or_absent(rollup: Rollup) -> None:
    minutes = facts(rollup, dict.fromkeys(range(59), "1"))
    absent = {"AAPL": [[iso(START + 59 * 60), iso(START + 3600)]]}
    for certified, complete in (
        (entry(START, START + 3600, absent_points=absent), True),
        (entry(START, START + 1800, absent_points=absent), False),
        (entry(START, START + 3600), False),
    ):
        (row,) = rollup_rows(rollup, minutes, [certified]).to_pylist()
        assert row["complete"] == complete


def test_a_certified_group_without_facts_is_shown_and_an_uncertified_one_is_not(rollup: Rollup) -> None:
    none = facts(rollup, {})
    assert rollup_rows(rollup, none, []).num_rows == 0
    (row,) = rollup_rows(rollup, none, [entry(START, START + 3600)]).to_pylist()
    assert (row["minutes"], row["open"], row["complete"]) == (0, None, False)


def test_facts_that_no_slot_owes_are_not_counted(rollup: Rollup) -> None:
    (row,) = rollup_rows(rollup, facts(rollup, {0: "1", 61: "9"}), []).to_pylist()
    assert (row["minutes"], row["high"]) == (1, Decimal(1))


def summing(contracts: Contracts, kind: str) -> Contracts:
    """The contracts with a sum of the prices in place of the rollup's highest one."""
    table = contracts.table("fact_quote_hourly")
    column = next(column for column in table.columns if column.name == "high")
    total = dataclasses.replace(column, type=parse_type(kind), rule=Aggregated("sum", "price"))
    columns = tuple(total if known is column else known for known in table.columns)
    return with_table(contracts, dataclasses.replace(table, columns=columns))


def test_a_sum_that_outgrows_its_column_names_group_and_remedy_and_stops_no_neighbour() -> None:
    lake = MemoryLake(summing(shipped_contracts(), "decimal(18,6)"))
    prices = {"AAPL": "999999999999", "MSFT": "1.5"}
    minutes = [f"2026-11-20T14:{minute}:00Z" for minute in (35, 36)]
    lines = [quote(symbol, minute, price) for symbol, price in prices.items() for minute in minutes]
    lake.process(lake.put("feeds/quotes/2026/11/20/15/1", lines))
    paths = tuple(lake.paths("fact_quote"))
    job = RepairJob("quotes", "r", Restate("quotes", "fact_quote_hourly", paths))
    counts = restate_job(lake.services, write_job(lake.records, job, attempt=0, number=0))
    assert counts == {"partitions": 2, "changed": 1, "failed": 1}
    assert lake.paths("fact_quote_hourly") == ["symbol=MSFT/month=2026-11"]
    assert [row["high"] for row in lake.rows("fact_quote_hourly")] == [Decimal(3)]
    with pytest.raises(InvalidData) as raised:
        derive_rollup(lake.services, lake.services.contracts.table("fact_quote_hourly"), PATH)
    assert str(raised.value) == (
        f"derive: fact_quote_hourly/{PATH}: high of the group AAPL, 2026-11-20T14:00:00Z is 1999999999998.000000, "
        "which no decimal(18,6) holds. "
        "Give fact_quote_hourly.high a type of more digits, or check the values of fact_quote"
    )


def test_a_rollup_without_a_unit_of_time_is_a_bug(rollup: Rollup) -> None:
    with pytest.raises(PipelineBug, match="unit of time"):
        _ = dataclasses.replace(rollup, table=rollup.fact).unit


def test_certificates_are_read_from_the_ledgers_of_their_months(rollup: Rollup) -> None:
    store, calendar = MemoryObjects(), dataclasses.replace(rollup.calendar, covers_from=0, covers_to=2**40)
    december = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    windows = {"2026-11": entry(december - 3600, december), "2026-12": entry(december, december + 3600)}
    for month, window in windows.items():
        ledger = Ledger({f"fact_quote/{month}": window, f"other/{month}": window})
        store.write(ledger_key("quotes", month), ledger.to_json())

    def certified(start: int, end: int) -> list[LedgerEntry]:
        return certified_in(store, "quotes", "fact_quote", start, end, calendar=calendar)

    assert certified(december - 60, december + 60) == list(windows.values())
    assert certified(december, december + 60) == [windows["2026-12"]]
    assert certified(december, december) == []


def test_a_rollup_is_committed_and_made_again_only_where_its_rows_change() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.process(lake.put("feeds/quotes/2026/11/20/15/1", [quote("AAPL", "2026-11-20T14:35:00Z", "1.5")]))
    table = lake.services.contracts.table("fact_quote_hourly")
    first, again = (derive_rollup(lake.services, table, PATH) for _ in range(2))
    assert isinstance(first, Committed)
    assert isinstance(again, AlreadyThere)
    assert [row["minutes"] for row in lake.rows("fact_quote_hourly")] == [1]


def test_a_rollup_names_the_object_that_it_was_made_of_also_where_its_rows_stay_the_same() -> None:
    """What is certified of it goes by that object."""
    lake = MemoryLake(shipped_contracts())
    table = lake.services.contracts.table("fact_quote_hourly")
    for number, minute in enumerate(("2026-11-20T14:35:00Z", "2026-11-20T09:00:00Z")):  # nothing is owed of the night
        lake.process(lake.put(f"feeds/quotes/2026/11/20/15/{number}", [quote("AAPL", minute, "1.5")]))
        assert isinstance(derive_rollup(lake.services, table, PATH), Committed)
        stored = lake.partitions.read_object(lake.snapshot("fact_quote_hourly", PATH).key)
        assert stored is not None
        used = open_object(stored.key, stored.body).footer.inputs
        assert used == {f"fact_quote/{PATH}": lake.snapshot("fact_quote", PATH).key}


@pytest.mark.parametrize("commits", [1, 2])
def test_a_rollup_is_never_made_of_facts_that_lost_their_pointer(commits: int) -> None:
    lake = MemoryLake(shipped_contracts())
    for minute in range(commits):
        key = f"feeds/quotes/2026/11/20/15/{minute}"
        lake.process(lake.put(key, [quote("AAPL", f"2026-11-20T15:{minute:02d}:00Z", "1.5")]))
    table = lake.services.contracts.table("fact_quote_hourly")
    derive_rollup(lake.services, table, PATH)
    before = lake.rows("fact_quote_hourly")
    lake.partitions.delete([pointer_key(f"fact_quote/{PATH}")])
    with pytest.raises(LostCommit, match="fact_quote --partition"):
        derive_rollup(lake.services, table, PATH)
    assert len(before) == 1
    assert lake.rows("fact_quote_hourly") == before
