"""Changes of a source from look to look: told for a day, until undone, or until the contract has taken them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.extraction import source_table

from auditor.databases.shapes import NEWS, Shapes, changed_source, look_at_source
from core.audit.source_check import shapes_to_data
from core.sources.catalog import CatalogColumn, SourceType

TYPES = {
    "int": SourceType("integer", 32),
    "bigint": SourceType("integer", 64),
    "string": SourceType("text"),
}
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def column(name: str, kind: str, number: int) -> CatalogColumn:
    return CatalogColumn(name, TYPES[kind], kind, number=number)


def contract(**columns: str) -> Any:
    table = source_table("payment", key=["id"], **columns)
    return SimpleNamespace(dataset="shop"), SimpleNamespace(tables=(table,))


def look(promised: Any, columns: Sequence[CatalogColumn], before: Shapes, *, at: datetime) -> Shapes:
    answer = shapes_to_data({"payment": tuple(columns)}, ())
    services: Any = SimpleNamespace(needed_source=lambda: lambda _question: answer, now=lambda: at)
    return look_at_source(services, *promised, before)


def told(shapes: Shapes) -> list[str]:
    return [text for finding in changed_source("shop", shapes) for text in finding.changes]


ID, AMOUNT, PAID = column("id", "int", 1), column("amount", "int", 2), column("paid", "int", 2)
PROMISED = contract(id="int", amount="int")


@pytest.mark.parametrize(
    ("now", "text", "taken"),
    [
        (
            [ID, PAID],
            'column amount was renamed to paid; the contract\'s line: paid: {type: "int?", was: amount}',
            contract(id="int", paid="int"),
        ),
        ([ID], "column amount (int) was dropped, promised as int", contract(id="int")),
        (
            [ID, column("amount", "bigint", 2)],
            "column amount was int and is bigint; the contract's line: amount: bigint?",
            contract(id="int", amount="bigint"),
        ),
        (
            [ID, AMOUNT, column("note", "string", 3)],
            "column note (string) was added; the contract's line: note: string?",
            contract(id="int", amount="int", note="string"),
        ),
    ],
    ids=["renamed", "dropped", "widened", "added"],
)
def test_a_change_is_over_once_the_contract_has_taken_it(now: list[CatalogColumn], text: str, taken: Any) -> None:
    first = look(PROMISED, [ID, AMOUNT], Shapes(), at=START)
    changed = look(PROMISED, now, first, at=START + HOUR)
    assert told(changed) == [text]
    assert told(look(PROMISED, now, changed, at=START + 2 * HOUR)) == [text]
    after = look(taken, now, changed, at=START + 2 * HOUR)
    assert told(after) == []
    assert after.former == {}
    assert told(look(PROMISED, [ID, AMOUNT], changed, at=START + 2 * HOUR)) == []  # it was taken back


def test_a_change_is_a_finding_for_a_day_and_told_with_the_time_of_its_first_look() -> None:
    shapes = look(PROMISED, [ID, AMOUNT], Shapes(), at=START)
    for hour in range(1, 30):
        shapes = look(PROMISED, [ID, PAID], shapes, at=START + hour * HOUR)
        findings = changed_source("shop", shapes)
        assert bool(findings) == (hour * HOUR <= NEWS + HOUR), hour
        assert {finding.since for finding in findings} <= {"2026-11-20T13:00:00Z"}
    assert shapes.former == {}


def test_changes_that_were_told_before_looks_kept_what_had_been_are_known_as_they_are() -> None:
    old = look(PROMISED, [ID, PAID], Shapes(), at=START)
    old = replace(old, changes=(("elsewhere", "a table that no contract names", "2026-11-20T11:00:00Z"),))
    assert told(look(PROMISED, [ID, PAID], old, at=START + HOUR)) == ["a table that no contract names"]


NAMES = st.sampled_from("bcdef")


@given(
    st.lists(
        st.lists(st.tuples(NAMES, st.sampled_from([*TYPES])), unique_by=lambda pair: pair[0]), min_size=1, max_size=6
    )
)
def test_whatever_happened_nothing_is_told_of_a_source_that_is_as_the_contract_says(
    looks: list[list[tuple[str, str]]],
) -> None:
    """Columns come, go and change at every look; then the contract is written as the last one has it."""
    shapes, numbers = look(contract(id="int", b="int"), [ID, column("b", "int", 9)], Shapes(), at=START), 10
    now: list[CatalogColumn] = [ID]
    for minute, names in enumerate(looks, 1):
        now = [ID, *(column(name, kind, numbers + place) for place, (name, kind) in enumerate(names))]
        numbers += len(names)
        shapes = look(contract(id="int", b="int"), now, shapes, at=START + timedelta(minutes=minute))
    written = contract(**{each.name: each.stated for each in now})
    assert told(look(written, now, shapes, at=START + HOUR)) == []


def test_a_change_of_yesterday_is_not_told_again_with_those_of_today() -> None:
    columns, shapes = [ID, AMOUNT], look(PROMISED, [ID, AMOUNT], Shapes(), at=START)
    for number, hour in enumerate((1, 20, 27), 3):
        columns.append(column(f"note{number}", "string", number))
        shapes = look(PROMISED, columns, shapes, at=START + hour * HOUR)
    assert [text.split()[1] for text in told(shapes)] == ["note5", "note4"]
    assert {text.split()[1]: at for _, text, at in shapes.changes}["note4"] == "2026-11-21T08:00:00Z"
