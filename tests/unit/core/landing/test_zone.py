"""Keys of the landing zone, and the records about each object."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lake import shipped_contracts

from core.errors import UnknownTable
from core.landing.zone import HALT_NOTES, day_of_note, landing_of, object_of_note, prefixes_of, source_of


@pytest.mark.parametrize(
    ("key", "kind", "table", "number", "name"),
    [
        ("tables/sales/staff/000000000042.jsonl.gz", "table", "staff", 42, "000000000042.jsonl.gz"),
        ("repair/sales/staff/20261120T-rows.jsonl.gz", "repair", "staff", None, "repair-20261120T-rows.jsonl.gz"),
        ("feeds/quotes/2026/11/20/14/part-1.gz", "feed", "quotes", None, "2026-11-20-14-part-1.gz"),
    ],
)
def test_a_key_names_its_object_and_its_records(key: str, kind: str, table: str, number: int | None, name: str) -> None:
    landing = landing_of(key)
    assert landing is not None
    assert (landing.kind, landing.table, landing.number, landing.name) == (kind, table, number, name)
    folder = f"dataset={landing.dataset}/source_table={table}/"
    assert landing.receipt_key == f"receipts/{folder}{name}.json"
    assert landing.quarantine_key == f"quarantine/{folder}{name}.jsonl"
    assert source_of(shipped_contracts(), landing).name == table
    assert any(key.startswith(prefix) for prefix in prefixes_of(shipped_contracts(), landing.dataset, table))


@pytest.mark.parametrize("key", ["tables/sales/staff/latest", "feeds/quotes/", "feeds/quotes/2026/", "x", ""])
def test_other_keys_are_no_ingest_objects(key: str) -> None:
    assert landing_of(key) is None


def test_an_object_of_no_contract_says_what_to_do() -> None:
    landing = landing_of("tables/sales/stuff/000000000001.jsonl.gz")
    assert landing is not None
    with pytest.raises(UnknownTable, match="Add it to a contract"):
        source_of(shipped_contracts(), landing)


KEYS = (
    "tables/sales/staff/{:012}.jsonl.gz",
    "repair/sales/staff/20261120T{:06}-a.jsonl.gz",
    "feeds/sales/2026/11/20/14/a-{}.gz",
)


@given(
    st.sampled_from(KEYS),
    st.integers(0, 999_999),
    st.datetimes(min_value=datetime(2020, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_name_of_a_halt_s_note_tells_its_object(form: str, number: int, at: datetime) -> None:
    key = form.format(number)
    landing = landing_of(key)
    assert landing is not None
    note = landing.halt_note_key(at)
    assert (object_of_note(note), day_of_note(note)) == (key, f"{at:%Y-%m-%d}")


@pytest.mark.parametrize("rest", ["", "2026", "2026-11-20T14/staff", "2026-11-20T14/sales/odd.json", "a/b/c/d/e"])
def test_a_note_of_another_name_tells_none(rest: str) -> None:
    assert object_of_note(f"{HALT_NOTES}sales/{rest}") is None
