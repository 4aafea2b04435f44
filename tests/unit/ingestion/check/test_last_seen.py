"""The last line of a row that is gone, found by its version and marked as deleted."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.lake import shipped_contracts

from core.contract.model import Field
from core.contract.types import parse_type
from core.errors import InvalidData
from core.landing.ingest_objects import ObjectFacts, TableObject, encode_facts
from core.landing.whereabouts import repair_name
from core.time import format_instant
from ingestion.check import last_seen
from ingestion.check.last_seen import LastSeen, marked_deleted

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


def _stored(bodies: dict[int, bytes]) -> LastSeen:
    """Objects of one hour each from ``AT`` on."""
    objects, hour = MemoryObjects(), timedelta(hours=1)
    for number, body in bodies.items():
        start = AT + number * hour
        facts = ObjectFacts(start, start + hour, start + hour, (1,), 1, "ab" * 32, True)
        objects.write(TableObject("sales", "staff", number).key, body, metadata=encode_facts(facts))
    return LastSeen(objects, "sales", STAFF, "UTC", max(bodies))


def _line(staff_id: int, number: int, name: str = "") -> bytes:
    at = format_instant(AT + timedelta(hours=number, minutes=1))
    return json.dumps({"staff_id": staff_id, "last_updated": at, "first_name": name}).encode() + b"\n"


def _wanted(staff_id: int, number: int) -> dict[tuple[int, ...], tuple[str, str]]:
    return {(staff_id,): (format_instant(AT + timedelta(hours=number, minutes=1)), "")}


@pytest.mark.parametrize("damage", [(slice(None, -12), b""), (slice(0), b"no gzip"), (slice(None, 30), b"\xff" * 9)])
def test_an_object_that_cannot_be_read_hides_no_line_of_another(damage: tuple[slice, bytes]) -> None:
    """As one that was cut off: of no row of the job any line was found, and no row that is gone was marked."""
    lost, kept = gzip.compress(_line(1, 1) * 50, mtime=0), gzip.compress(_line(2, 2), mtime=0)
    seen = _stored({1: lost[damage[0]] + damage[1], 2: kept})
    assert seen.lines(_wanted(1, 1) | _wanted(2, 2)) == {(2,): _line(2, 2).rstrip()}


def test_the_last_line_of_a_row_counts_wherever_it_lies_in_a_large_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_seen, "LINES", 3)
    lines = [_line(number % 5, 1, f"{number}") for number in range(11)]
    seen = _stored({1: gzip.compress(b"".join(lines), mtime=0)})
    wanted = _wanted(0, 1) | _wanted(4, 1)
    assert seen.lines(wanted) == {(0,): lines[10].rstrip(), (4,): lines[9].rstrip()}
