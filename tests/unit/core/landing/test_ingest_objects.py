from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidData
from core.landing.ingest_objects import (
    METADATA_LIMIT,
    ObjectFacts,
    RepairObject,
    TableObject,
    decode_facts,
    encode_facts,
    parse_repair_key,
    parse_table_key,
)
from core.time import format_instant, parse_instant

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FACTS = ObjectFacts(NOON, NOON + timedelta(hours=1), NOON + timedelta(minutes=30), (17, "ä"), 3, "ab" * 32, False)


def test_names_and_keys_are_the_same_thing() -> None:
    third = TableObject("sales", "staff", 42)
    assert third.key == "tables/sales/staff/000000000042.jsonl.gz"
    assert parse_table_key(third.key) == third
    again = RepairObject("sales", "staff", "job-7")
    assert again.key == "repair/sales/staff/job-7.jsonl.gz"
    assert parse_repair_key(again.key) == again


@pytest.mark.parametrize("key", ["tables/sales/staff/42.jsonl.gz", "tables/sales/staff/000000000042.json", "x"])
def test_other_keys_name_no_object(key: str) -> None:
    assert parse_table_key(key) is None


def test_a_repair_needs_a_name_that_a_key_can_hold() -> None:
    with pytest.raises(InvalidData):
        _ = RepairObject("sales", "staff", "a/b").key


@given(st.datetimes(timezones=st.one_of(st.none(), st.just(UTC))))
def test_instants_keep_their_microseconds(at: datetime) -> None:
    assert parse_instant(format_instant(at)) == at
    assert format_instant(at).endswith("Z") == (at.tzinfo is not None)


key_values = st.one_of(st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(max_size=60))


@given(st.tuples(key_values), st.booleans(), st.integers(0, 10**9))
def test_facts_survive_their_metadata_which_are_ascii(key: tuple[int | str | bool], last: bool, rows: int) -> None:
    facts = replace(FACTS, resume_key=key, last=last, rows=rows)
    metadata = encode_facts(facts)
    assert all(value.isascii() for value in metadata.values())
    assert sum(len(name) + len(value) for name, value in metadata.items()) < METADATA_LIMIT
    assert decode_facts(metadata, key="k") == facts


def test_a_key_too_long_to_resume_from_is_refused() -> None:
    with pytest.raises(InvalidData, match="shorter key"):
        encode_facts(replace(FACTS, resume_key=("x" * 2000,)))


def test_a_key_from_which_nothing_resumes_may_be_as_long_as_it_likes() -> None:
    """Two columns of 150 Chinese characters stopped their table for as long as such a row was its last."""
    facts = replace(FACTS, resume_key=("漢" * 150, "字" * 150), last=True)
    metadata = encode_facts(facts)
    assert sum(len(name) + len(value) for name, value in metadata.items()) < METADATA_LIMIT
    assert decode_facts(metadata, key="k").next_position == facts.next_position


@pytest.mark.parametrize("name", list(encode_facts(FACTS)))
def test_metadata_that_no_extraction_wrote_are_refused(name: str) -> None:
    metadata = encode_facts(FACTS)
    with pytest.raises(InvalidData, match="not written by an extraction"):
        decode_facts({field: value for field, value in metadata.items() if field != name}, key="k")
    with pytest.raises(InvalidData):
        decode_facts({}, key="k")


def test_the_next_object_starts_at_the_horizon_or_behind_the_last_row() -> None:
    assert replace(FACTS, last=True).next_position.at == FACTS.interval_to
    assert replace(FACTS, last=True).next_position.after is None
    assert FACTS.next_position.at == FACTS.resume_version
    assert FACTS.next_position.after == (17, "ä")
