"""The layout that a footer records: what another one may be merged onto, and how the difference is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.lake import shipped_contracts
from tests.support.tables import ORDERS, QUOTES

from core.contract.model import Check, Database, Take
from core.contract.types import parse_type
from core.errors import of_kind
from core.warehouse.arrow_types import stored_schema
from core.warehouse.row_layout import RowLayout, basis_of, form_of, why_outdated

LAYOUT = RowLayout(("a", "b"), (("state", "draft", "sent"), ("changed",)), ("a",), ("is_latest",))


def test_a_layout_is_read_as_it_was_written_and_what_a_later_release_adds_is_passed_over() -> None:
    assert RowLayout.from_data(LAYOUT.to_data()) == LAYOUT
    assert RowLayout.from_data({**RowLayout(()).to_data(), "more": 1}) == RowLayout(())


def test_columns_whose_value_is_the_path_s_are_in_no_layout() -> None:
    assert RowLayout.of(QUOTES).key == ("minute",)
    assert RowLayout.of(QUOTES).version == (("provenance", "observed", "late", "repaired"), ("fetched_at",))
    assert RowLayout.of(ORDERS).latest == ("is_latest",)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": ("b", "a")}, "sorted by the key (a, b), the contract says (b, a)"),
        ({"key": ("a", "b", "c")}, "the contract says (a, b, c)"),
        ({"version": (("changed",),)}, "won by the version (state by draft < sent, changed)"),
        ({"version": (("state", "sent", "draft"), ("changed",))}, "state by sent < draft"),
        ({"version": (("state", "sent"), ("changed",))}, "the contract says (state by sent, changed)"),
        ({"version": (("state",), ("changed",))}, "the contract says (state, changed)"),
    ],
)
def test_another_key_or_version_rule_is_a_conflict_that_names_both(change: dict[str, object], told: str) -> None:
    wanted = replace(LAYOUT, **change)  # type: ignore[arg-type]
    assert told in LAYOUT.conflict(wanted)
    assert told in LAYOUT.difference(wanted)


def test_a_rank_that_is_added_leaves_the_others_in_their_order() -> None:
    wanted = replace(LAYOUT, version=(("state", "new", "draft", "seen", "sent", "paid"), ("changed",)))
    assert LAYOUT.conflict(wanted) == ""
    assert LAYOUT.difference(wanted) == ""


def test_other_histories_are_no_conflict_but_other_flags() -> None:
    wanted = replace(LAYOUT, history_of=(), latest=())
    assert LAYOUT.conflict(wanted) == ""
    assert LAYOUT.has_other_flags(wanted)
    assert "latest rows are those of (a)" in LAYOUT.difference(wanted)


def test_the_form_of_columns_is_of_names_types_and_origins_alone() -> None:
    form = form_of(QUOTES)
    price = QUOTES.column("price")

    def with_price(**changes: object) -> str:
        changed = replace(price, **changes)  # type: ignore[arg-type]
        return form_of(replace(QUOTES, columns=tuple(changed if each is price else each for each in QUOTES.columns)))

    same = ({"comment": "of a trade"}, {"check": Check(">", "0")}, {"unit": "USD"}, {"required": True})
    assert [with_price(**change) == form for change in same] == [True] * len(same)
    others = ({"type": parse_type("decimal(20,6)")}, {"rule": Take("o")}, {"name": "amount"})
    assert [with_price(**change) == form for change in others] == [False] * len(others)
    assert form_of(replace(QUOTES, columns=QUOTES.columns[::-1])) == form


def test_a_former_name_that_is_said_later_makes_rows_outdated_that_have_no_value_of_it() -> None:
    """The deployment said that partitions are made again, and nothing found them to be."""
    contracts = shipped_contracts()
    table, source = (
        contracts.table("fact_sales_order"),
        of_kind(contracts.dataset("sales").source, Database, "test", "sales"),
    )
    before = replace(table, basis=basis_of(table, source))
    said = tuple(
        replace(
            each,
            fields=tuple(
                replace(field, was=("amount",)) if field.name == "units_sold" else field for field in each.fields
            ),
        )
        for each in source.tables
    )
    after = replace(table, basis=basis_of(table, replace(source, tables=said)))
    written = RowLayout.of(before)
    assert why_outdated(written, stored_schema(table), before) == ""
    assert why_outdated(written, stored_schema(table), after)
    assert why_outdated(RowLayout.of(after), stored_schema(table), after) == ""
