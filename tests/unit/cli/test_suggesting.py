"""Suggestions for what no contract names: whatever names and numbers there are, YAML and JMESPath read them back."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.lake import MemoryLake, order, shipped_contracts

from cli.suggesting import suggest_of_lines
from core.contract.model import Contract, Feed, Provider
from core.contract.types import parse_type
from core.feeds.rest.templates import PLACEHOLDER, Path
from core.sources.suggestions import Suggestion
from core.sources.unknown_fields import unknown_fields

NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=12).filter(
    lambda name: not PLACEHOLDER.search(name)
)
NUMBERS = st.decimals() | st.integers(-(10**60), 10**60) | st.sampled_from(["1e-400", "1e400", "0E-60"]).map(Decimal)


def keeping(fields: dict[str, str]) -> tuple[Contract, Feed]:
    """A feed whose history's records are kept whole, beside these fields."""
    contract = shipped_contracts().dataset("quotes")
    assert isinstance(contract.source, Feed)
    settings = {"history": {"time": "at", "fields": {"record": "@", **fields}}}
    feed = replace(contract.source, history=Provider("rest", settings))
    return replace(contract, source=feed), feed


def suggested(record: dict[str, object], fields: dict[str, str]) -> list[Suggestion]:
    contract, feed = keeping(fields)
    lines = [{"kind": "history", "record": {"at": 1, **record}}]
    known = {field.name for field in feed.table.fields} | {"record"}
    return [each for each in unknown_fields(contract, feed.table, lines) if not known.intersection(each.lines)]


@given(NAMES)
@example("it's")
@example('a"b\\c')
@example("on")
@example("line\nbreak")
def test_a_path_that_is_suggested_leads_to_its_member_and_is_suggested_once(name: str) -> None:
    told = suggested({name: "x"}, {})
    read = [yaml.safe_load("\n".join(each.lines)) for each in told if each.path == "source.history.rest.history.fields"]
    for written in read:
        [(field, path)] = written.items()
        assert isinstance(field, str)
        assert Path(path).search({name: "found"}) == "found"
        again = suggested({name: "x"}, written)
        assert [each for each in again if each.path == "source.history.rest.history.fields"] == []
    assert len(read) == (name != "at")
    assert all(isinstance(key, str) for each in told for key in yaml.safe_load("\n".join(each.lines)))


@given(st.lists(NUMBERS, min_size=1, max_size=3))
def test_a_type_that_is_suggested_for_numbers_is_one(numbers: list[Decimal | int]) -> None:
    for number in numbers:
        told = [each for each in suggested({"brought": number}, {}) if each.path.startswith("warehouse.")]
        types = [written["type"] for each in told for written in yaml.safe_load("\n".join(each.lines)).values()]
        assert types
        assert [str(parse_type(kind)) for kind in types] == types


@pytest.mark.parametrize("value", ["two\nlines: {a", "\x1b[31mred", "\u2028"])
def test_what_is_shown_of_a_value_stays_on_its_line(value: str) -> None:
    assert all(each.reason.isprintable() for each in suggested({"brought": value}, {}))


def test_an_object_that_is_cut_off_keeps_no_other_from_being_looked_at() -> None:
    contracts = shipped_contracts()
    lake = MemoryLake(contracts)
    lake.put_table("sales", "sales_order", 1, [order(1, rebate=1.25)])
    key = lake.put_table("sales", "sales_order", 2, [order(2)])
    body = gzip.compress(json.dumps({"rebate": 1}).encode())
    lake.ingest.write(key, body[:-10], content_type="application/gzip")
    told = [*suggest_of_lines(contracts, lake.ingest, now=datetime(2026, 11, 20, 15, tzinfo=UTC), dataset="sales")]
    assert any("rebate: decimal(18,2)?" in each.lines for each in told)
