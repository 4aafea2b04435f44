"""Partitions of an earlier contract: found newest first, once, and not where nothing of their columns is another."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Container
from dataclasses import replace

import pytest
from tests.support.audited import (
    CALENDAR,
    CLOCK,
    HOUR,
    ORDER_FACT,
    AuditedDatabase,
    AuditedFeed,
    feed_contract,
    instant,
)
from tests.support.tables import QUOTES, rows_of

from auditor.databases.rows.comparison import ComparisonTerms, compare_slices
from auditor.databases.rows.targets import ALWAYS, Slice
from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import scan_partitions
from auditor.services import Limits
from auditor.state import DatasetState, change_state, read_state
from auditor.warehouse import outdated
from auditor.warehouse.outdated import Outdated, Reached, choose_outdated, find_outdated
from auditor.windows import windows_between
from core.contract.model import Column, Contract, Contracts, Table, Take
from core.contract.types import parse_type
from core.time import epoch
from core.warehouse.partition_objects import open_object
from core.warehouse.row_layout import MIXED, RowLayout
from processing.partitions.commit import CommitContext, SourceRef, commit_rows, restate

FACT = replace(QUOTES, source="quotes")
WIDER = replace(FACT, columns=(*FACT.columns, Column("asked_at", parse_type("timestamp"), Take("fetched_at"))))
PATHS = [f"symbol={symbol}/month=2026-{month:02d}" for month in (3, 2, 1) for symbol in ("ZM", "AAPL")]


@pytest.fixture
def lake() -> AuditedFeed:
    """Three months of two symbols, by the contract without the new column."""
    lake = AuditedFeed()
    for month in (1, 2, 3):
        at = epoch(f"2026-{month:02d}-20T14:00:00Z")
        lake.put([("AAPL", at), ("ZM", at)], table=FACT)
    return lake


def found(lake: AuditedFeed, contract: Contract, **limits: object) -> list[str]:
    """What a run takes up; it remembers how far it came, as an audit does at its end."""
    services = replace(lake.services, limits=Limits(workers=2, **limits))  # type: ignore[arg-type]
    chosen = choose_outdated(services, contract)
    change_state(lake.records, "test", lambda state: replace(state, forms={**state.forms, **chosen.forms}))
    findings = find_outdated(services, contract, chosen)
    assert [(finding.table, finding.partition) for finding in findings] == list(chosen.places)
    return [path for _, path in chosen.places]


def made_again(lake: AuditedFeed, path: str, table: Table = WIDER) -> None:
    """What a restate does: the same rows, with the new column."""
    at = epoch(f"{path[-7:]}-20T14:00:00Z")
    record = {"symbol": path[7:].partition("/")[0], "minute": instant(at), "asked_at": instant(at)}
    rows = rows_of(table, [record])
    restate(lake.partitions, table, path, lambda: (rows, ()), context=CommitContext("c", random=random.Random(1)))


def test_nothing_is_outdated_where_no_column_is_another_and_no_table_is_listed_twice(lake: AuditedFeed) -> None:
    assert found(lake, feed_contract()) == []
    assert {until for _, until in read_state(lake.records, "test").forms.values()} == {""}
    lake.records.fail = lambda effect, key: AssertionError(key) if effect == "list" else None
    assert found(lake, feed_contract()) == []


def test_partitions_without_a_new_column_are_found_newest_first(lake: AuditedFeed) -> None:
    contract = feed_contract(tables=(WIDER,))
    assert found(lake, contract) == PATHS
    for path in PATHS[:2]:
        made_again(lake, path)
    assert found(lake, contract) == PATHS[2:]
    assert read_state(lake.records, "test").forms["fact_quote"][1] == PATHS[2]
    for path in PATHS[2:]:
        made_again(lake, path)
    assert found(lake, contract) == []
    assert read_state(lake.records, "test").forms["fact_quote"][1] == ""


def test_a_run_looks_at_so_many_and_the_next_goes_on(lake: AuditedFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outdated, "MOST", 4)
    contract = feed_contract(tables=(WIDER,))
    for path in PATHS[:4]:
        made_again(lake, path)
    assert found(lake, contract) == []
    assert read_state(lake.records, "test").forms["fact_quote"][1] == PATHS[4]
    assert found(lake, contract) == PATHS[4:]


def merged(lake: AuditedFeed, month: int, table: Table) -> None:
    """A row of another day comes into a partition."""
    row = {"symbol": "ZM", "minute": instant(epoch(f"2026-{month:02d}-21T14:00:00Z"))}
    source = SourceRef(f"object-of-{month}", "etag")
    context = CommitContext(f"by {len(table.columns)} columns", random=random.Random(month))
    path = f"symbol=ZM/month=2026-{month:02d}"
    commit_rows(lake.partitions, table, path, rows_of(table, [row]), sources=[source], context=context)


def test_a_merge_onto_old_rows_leaves_them_outdated_and_a_first_commit_is_new(lake: AuditedFeed) -> None:
    for month in (3, 4):
        merged(lake, month, WIDER)
    assert found(lake, feed_contract(tables=(WIDER,))) == PATHS
    old, new = (_layout(lake, f"symbol=ZM/month=2026-{month:02d}") for month in (3, 4))
    assert (old.form, new.form) == (MIXED, RowLayout.of(WIDER).form)


def test_rows_that_an_older_contract_was_merged_onto_are_outdated_for_they_lost_its_successor_s_columns(
    lake: AuditedFeed,
) -> None:
    for path in PATHS:
        made_again(lake, path)
    merged(lake, 3, FACT)  # by a function that began before the deployment
    assert found(lake, feed_contract(tables=(WIDER,))) == PATHS[:1]
    made_again(lake, PATHS[0])
    assert found(lake, feed_contract(tables=(WIDER,))) == []


def test_rows_of_two_rules_are_outdated_by_either_though_the_columns_are_the_same(lake: AuditedFeed) -> None:
    columns = (replace(each, rule=Take("o")) if each.name == "price" else each for each in FACT.columns)
    other = replace(FACT, columns=tuple(columns))
    merged(lake, 2, other)
    assert found(lake, feed_contract(tables=(FACT,))) == ["symbol=ZM/month=2026-02"]


def test_what_an_older_contract_makes_when_its_table_is_through_is_named_where_an_audit_reads_it(
    lake: AuditedFeed,
) -> None:
    for path in PATHS:
        made_again(lake, path)
    contract = feed_contract(tables=(WIDER,))
    assert found(lake, contract) == []
    made_again(lake, PATHS[0], table=FACT)  # by a rebuild that began before the deployment, or by a rollback
    assert found(lake, contract) == []
    march = epoch("2026-03-20T14:00:00Z")
    windows = windows_between(lake.feed, CALENDAR, march, march + HOUR)
    scan = scan_partitions(contract, expect(lake.feed, CALENDAR, windows), lake.partitions, workers=2)
    chosen = choose_outdated(lake.services, contract)
    (finding,) = find_outdated(lake.services, contract, chosen, scan.outdated)
    assert (finding.partition, finding.problem) == (PATHS[0], "its rows have no asked_at")


def test_a_comparison_with_the_source_sees_what_an_older_contract_made() -> None:
    lake = AuditedDatabase()
    lake.put({1: 10})
    columns = (*ORDER_FACT.columns, Column("seen_at", parse_type("timestamp"), Take("updated")))
    contract = replace(lake.contract, tables=(replace(ORDER_FACT, columns=columns),))
    services = replace(lake.services, contracts=Contracts((contract,)))
    lake.source = {1: 10}
    terms = ComparisonTerms(contract, "run", 0, {"orders": CLOCK}, {}, frozenset())
    compared = compare_slices(services, terms, [Slice(ORDER_FACT.name, *ALWAYS)])
    assert compared.outdated == [(ORDER_FACT.name, "", "its rows have no seen_at")]


def test_a_value_of_another_origin_is_outdated_though_its_column_is_the_same(lake: AuditedFeed) -> None:
    other = replace(
        FACT,
        columns=tuple(replace(each, rule=Take("o")) if each.name == "price" else each for each in FACT.columns),
    )
    assert found(lake, feed_contract(tables=(other,))) == PATHS


def test_as_many_are_taken_up_as_can_be_certified_again_and_never_none() -> None:
    chosen = Outdated(tuple(("fact_quote", path) for path in PATHS), {"fact_quote": ("form", PATHS[0])})
    assert Outdated.from_data(chosen.to_data()) == chosen
    assert (Outdated().to_data(), Outdated.from_data({})) == ({}, Outdated())

    def windows(_table: str, path: str) -> list[tuple[str, int]]:
        return [(path[-2:], hour) for hour in range(10)]

    for most, months in ((1, 1), (19, 1), (20, 2), (1_000, 3)):
        kept, parts = chosen.within(windows, most=most)
        assert (len(kept.places), len(parts)) == (2 * months, 10 * months)  # both symbols of a month have its windows
        assert kept.forms == chosen.forms
    assert len(chosen.within(windows, most=19, size=lambda _: 3)[0].places) == 2


def ended(lake: AuditedFeed, contract: Contract, *, refuses: Container[str] = ()) -> list[str]:
    """A whole run: what it takes up is made again but for what ``refuses``, and it remembers how far it came."""
    chosen = choose_outdated(lake.services, contract)
    widths = {table.name: table for table in contract.tables}
    for table, path in chosen.places:
        if path not in refuses:
            made_again(lake, path, widths[table])
    left = find_outdated(lake.services, contract, chosen)

    def remember(state: DatasetState) -> DatasetState:
        forms = chosen.forms_after(state.forms, left, contract)
        kept = chosen.still_open(forms, {"outdated_partition"})
        return replace(state, forms=forms, causes=tuple({*kept, *(["outdated_partition"] if left else [])}))

    change_state(lake.records, "test", remember)
    return [path for _, path in chosen.places]


def test_partitions_that_cannot_be_made_again_hold_back_neither_their_table_nor_another(
    lake: AuditedFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outdated, "MOST", 2)
    twin = replace(WIDER, name="fact_twin")
    for month in (1, 2, 3):
        at = epoch(f"2026-{month:02d}-20T14:00:00Z")
        lake.put([("AAPL", at), ("ZM", at)], table=replace(FACT, name="fact_twin"))
    contract = feed_contract(tables=(WIDER, twin))
    refused = PATHS[:4]
    assert ended(lake, contract, refuses=refused) == PATHS[:2]
    runs = [ended(lake, contract, refuses=refused) for _ in range(12)]
    assert set(PATHS[4:]) <= {path for run in runs for path in run}, "what lies behind is reached"
    state = read_state(lake.records, "test")
    assert "outdated_partition" in state.causes, "what stays is told for as long as it does"
    stays = {table: Reached.of(text).until for table, (_, text) in state.forms.items() if text}
    assert stays == {"fact_quote": PATHS[0], "fact_twin": PATHS[0]}
    for name in ("fact_quote", "fact_twin"):
        layouts = [_layout(lake, path, name).form == RowLayout.of(WIDER).form for path in PATHS]
        assert layouts == [False] * 4 + [True] * 2
    tried = Counter(path for run in runs for path in run if path in refused)
    assert max(tried.values()) - min(tried.values()) <= 2, "and each of what stays has its turns"


def test_a_table_that_was_stuck_is_through_once_all_of_it_could_be_made_again(
    lake: AuditedFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outdated, "MOST", 2)
    contract = feed_contract(tables=(WIDER,))
    for _ in range(4):
        ended(lake, contract, refuses=PATHS[:1])
    for _ in range(6):
        ended(lake, contract)
    state = read_state(lake.records, "test")
    assert (state.forms["fact_quote"][1], state.causes) == ("", ())


def _layout(lake: AuditedFeed, path: str, table: str = "fact_quote") -> RowLayout:
    pointer = lake.partitions.read_pointer(f"{table}/{path}")
    assert pointer is not None
    stored = lake.partitions.read_object(pointer.target)
    assert stored is not None
    layout = open_object(stored.key, stored.body).footer.layout
    assert layout is not None
    return layout
