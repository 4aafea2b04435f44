"""Resolved values as JSON and back: defaults are left out, what is unknown is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.contract.codec import content_hash, from_data, load_rendered, to_data
from core.contract.model import Check, Column, GroupValue, Latest, Partition, Surrogate, Table, Take
from core.contract.types import parse_type

TABLE = Table(
    "fact_x", "shop", "fact", "one row per x", ("x",),
    (
        Column("x", parse_type("decimal(10,2)"), Take("x"), check=Check(">", "0")),
        Column("is_latest", parse_type("boolean"), Latest()),
        Column("id", parse_type("bigint"), Surrogate(("x",))),
        Column("hour", parse_type("timestamp"), GroupValue("at", "hour")),
    ),
    partition_by=(Partition("x", "x", "value", values=("1.00",)),),
)  # fmt: skip


def test_a_value_comes_back_as_it_was() -> None:
    assert from_data(Table, json.loads(json.dumps(to_data(TABLE)))) == TABLE


def test_what_equals_its_default_is_left_out_but_a_tag_never() -> None:
    data = to_data(TABLE)
    assert "version" not in data
    assert data["columns"][1]["rule"] == {"rule": "latest"}


def test_a_field_of_another_release_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fields"):
        from_data(Table, {**to_data(TABLE), "colour": "red"})
    with pytest.raises(ValueError, match="none of"):
        from_data(Column, {**to_data(TABLE.columns[0]), "rule": {"rule": "guess"}})


def test_the_hash_is_of_the_content() -> None:
    assert content_hash(TABLE) == content_hash(from_data(Table, to_data(TABLE)))
    assert content_hash(TABLE) != content_hash(replace(TABLE, name="fact_y"))


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="starmend contract render"):
        load_rendered('{"format": 99}')
