"""Tables as the page shows them."""

from __future__ import annotations

import pytest
from tests.support.lake import shipped_contracts
from tests.support.pages import entry

from auditor.page.tables import MOST_CERTIFICATES, MOST_PARTITIONS, MOST_REASONS, shape_refusals, shape_table
from core.contract.model import Table

CONTRACTS = shipped_contracts()
TABLES = tuple(CONTRACTS.tables())
SALES = CONTRACTS.dataset("sales")


def lineage(name: str) -> tuple[list[str], list[str]]:
    table = CONTRACTS.table(name)
    view = shape_table(CONTRACTS.dataset(table.dataset), table, TABLES)
    return [place.name for place in view.upstream], [place.table for place in view.downstream]


def test_lineage_goes_from_the_source_to_the_rollup_and_to_what_refers() -> None:
    assert lineage("fact_quote") == (["quotes.quotes (finnhub)"], ["fact_quote_hourly"])
    assert lineage("fact_quote_hourly")[0] == ["fact_quote"]
    assert "fact_quote" in lineage("dim_symbol")[1]
    assert lineage("dim_staff")[0] == ["sales.staff (postgresql)", "sales.department (postgresql)"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_place_of_the_lineage_is_a_table_or_a_source_and_each_sees_the_other(table: Table) -> None:
    names = {other.name for other in TABLES}
    view = shape_table(CONTRACTS.dataset(table.dataset), table, TABLES)
    assert {place.table for place in (*view.upstream, *view.downstream) if place.table} <= names - {table.name}
    for place in view.upstream:
        if place.table:
            assert table.name in lineage(place.table)[1]


def test_rows_of_a_partition_are_those_of_all_its_certified_windows() -> None:
    table = CONTRACTS.table("fact_quote")
    path = "symbol=AAPL/month=2026-11"
    hours = [
        entry(
            number, "quotes", f"2026-11-20T{hour}:00:00Z", f"2026-11-20T{hour + 1}:00:00Z", {f"fact_quote/{path}": 60}
        )
        for number, hour in ((1, 15), (2, 16))
    ]
    other = entry(3, "quotes", "2026-11-20T17:00:00Z", "2026-11-20T18:00:00Z", {"fact_other/x": 9})
    view = shape_table(
        CONTRACTS.dataset("quotes"), table, TABLES, paths=[path, "symbol=ZM/month=2026-11"], versions={path: 7},
        entries=[*hours, other],
    )  # fmt: skip
    assert [(part.rows, part.version) for part in view.partitions] == [(120, 7), (None, None)]
    assert [certificate.number for certificate in view.certificates] == [2, 1], "of this table, the newest first"


def test_what_there_is_too_much_of_is_cut_and_counted() -> None:
    table = CONTRACTS.table("fact_quote")
    paths = [f"symbol=AAPL/month={year}-{month:02d}" for year in range(2026, 1926, -1) for month in range(12, 0, -1)]
    entries = [
        entry(at, "quotes", f"2026-{at % 12 + 1:02d}-01T{at // 12:02d}:00:00Z", "x", {f"fact_quote/{paths[0]}": 1})
        for at in range(1, 100)
    ]
    view = shape_table(CONTRACTS.dataset("quotes"), table, TABLES, paths=paths, entries=entries)
    assert (len(view.partitions), view.partition_count) == (MOST_PARTITIONS, 1200)
    assert (len(view.certificates), view.certificate_count) == (MOST_CERTIFICATES, 99)


def test_refused_lines_are_counted_by_reason_the_most_frequent_first_with_an_example() -> None:
    lines = [{"object": f"a-{at}", "line": at, "reason": f"reason {at % 12}"} for at in range(40)]
    lines += [{"object": "b", "line": 5, "reason": "no JSON"}] * 9
    refusals = shape_refusals(lines, objects=41, more=True)
    assert refusals.reasons[:2] == (("no JSON", 9), ("reason 0", 4))
    assert refusals.examples[:2] == (("b", 5, "no JSON"), ("a-0", 0, "reason 0"))
    assert (len(refusals.reasons), refusals.lines) == (MOST_REASONS, 49)
