"""Partitions of an earlier contract: found newest first, once, and not where nothing of their columns is another."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tests.support.audited import AuditedFeed, feed_contract, instant
from tests.support.tables import QUOTES, rows_of

from auditor.services import Limits
from auditor.state import change_state, read_state
from auditor.warehouse import outdated
from auditor.warehouse.outdated import Outdated, choose_outdated, find_outdated
from core.contract.model import Column, Contract, Table, Take
from core.contract.types import parse_type
from core.time import epoch
from core.warehouse.partition_objects import open_object
from core.warehouse.row_layout import RowLayout
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


def test_a_merge_onto_old_rows_leaves_them_old_and_a_first_commit_is_new(lake: AuditedFeed) -> None:
    for month in (3, 4):
        row = {"symbol": "ZM", "minute": instant(epoch(f"2026-{month:02d}-21T14:00:00Z"))}
        source = SourceRef(f"object-of-{month}", "etag")
        context = CommitContext("new", random=random.Random(month))
        path = f"symbol=ZM/month=2026-{month:02d}"
        commit_rows(lake.partitions, WIDER, path, rows_of(WIDER, [row]), sources=[source], context=context)
    assert found(lake, feed_contract(tables=(WIDER,))) == PATHS
    old, new = (_layout(lake, f"symbol=ZM/month=2026-{month:02d}") for month in (3, 4))
    assert (old.form, new.form) == (RowLayout.of(FACT).form, RowLayout.of(WIDER).form)


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


def _layout(lake: AuditedFeed, path: str) -> RowLayout:
    pointer = lake.partitions.read_pointer(f"fact_quote/{path}")
    assert pointer is not None
    stored = lake.partitions.read_object(pointer.target)
    assert stored is not None
    layout = open_object(stored.key, stored.body).footer.layout
    assert layout is not None
    return layout
