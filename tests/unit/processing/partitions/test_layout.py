"""Layouts: the part that each stored column of a table plays in a merge."""

from __future__ import annotations

from tests.support.tables import COUNTS, ORDERS, QUOTES

from processing.partitions.layout import Layout, VersionColumn


def test_a_fact_with_history_has_latest_columns_that_no_row_brings() -> None:
    layout = Layout.of(ORDERS)
    assert layout.latest == ("is_latest",)
    assert "is_latest" not in layout.given
    assert layout.given_schema.names == list(layout.given)
    assert layout.content == ("amount", "note", "deleted_at")
    assert (layout.history_of, layout.deleted, layout.checked) == (("order_id",), "deleted_at", True)


def test_the_deciding_columns_are_those_that_tell_the_latest_version() -> None:
    deciding = Layout.of(ORDERS).deciding
    assert deciding.schema.names == ["order_id", "updated", "checked_at", "deleted_at", "is_latest"]


def test_columns_that_lie_in_the_path_play_no_part() -> None:
    layout = Layout.of(QUOTES)
    assert layout.key == ("minute",)
    assert "symbol" not in layout.schema.names
    ranked = VersionColumn("provenance", ("observed", "late", "repaired"))
    assert layout.version == (ranked, VersionColumn("fetched_at"))


def test_a_table_without_version_or_history_has_none() -> None:
    layout = Layout.of(COUNTS)
    assert (layout.version, layout.latest, layout.deleted, layout.checked) == ((), (), "", False)
    assert layout.content == ("total",)
