"""The last line of a row that is gone, found by its version and marked as deleted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.support.lake import shipped_contracts

from core.contract.model import Field
from core.contract.types import parse_type
from core.errors import InvalidData
from core.landing.whereabouts import repair_name
from ingestion.check.last_seen import marked_deleted

STAFF = shipped_contracts().dataset("sales").source_table("staff")
AT = datetime(2026, 11, 20, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":1}\n',
        b'{"id":1,"checked_at":"2026-11-19T00:00:00Z"}',
        b'{"id":1 , "deleted_at" : null, "checked_at":"x" }\n',
    ],
)
def test_a_line_is_marked_once_however_often_it_was_marked_before(line: bytes) -> None:
    marked = marked_deleted(STAFF, line, AT)
    time = "2026-11-20T15:00:00.000000Z"
    assert json.loads(marked) == {"id": 1, "deleted_at": time, "checked_at": time}
    assert marked.count(b"deleted_at") == 1
    assert marked.endswith(b"}\n")


def test_a_sources_own_columns_of_those_names_stay() -> None:
    own = Field("deleted_at", parse_type("timestamp"), required=False)
    table = replace(STAFF, fields=(*(field for field in STAFF.fields if field.name != "deleted_at"), own))
    marked = marked_deleted(table, b'{"id":1,"deleted_at":"2026-01-01T00:00:00"}\n', AT)
    time = "2026-11-20T15:00:00.000000Z"
    own_and_marks = {"deleted_at": "2026-01-01T00:00:00", "starmend_deleted_at": time, "checked_at": time}
    assert json.loads(marked) == {"id": 1} | own_and_marks


def test_what_is_no_object_cannot_be_marked() -> None:
    with pytest.raises(InvalidData, match="is no JSON object"):
        marked_deleted(STAFF, b"[1]", AT)


def test_names_of_repairs_sort_by_the_time_of_their_check() -> None:
    assert repair_name(AT, "gone-1") == "20261120T150000000000Z-gone-1"
    assert repair_name(AT, "z") < repair_name(AT.replace(microsecond=1), "a")
