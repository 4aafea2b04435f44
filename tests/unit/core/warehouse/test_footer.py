"""Footers: what an object says of itself, bounded however long the history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import PipelineBug
from core.warehouse.footer import (
    ANCESTORS,
    RECENT,
    Daily,
    Footer,
    SourceRef,
    later_ancestors,
    later_dailies,
    later_marks,
)
from core.warehouse.pointer import object_key, object_name
from core.warehouse.row_layout import RowLayout

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def key(version: int) -> str:
    return object_key("fact", object_name(version, "a" * 32))


FULL = Footer(
    table="fact",
    partition="fact/month=2026-11",
    version=7,
    kind="rollback",
    rows=3,
    parent=key(6),
    ancestors=(key(6), key(5)),
    sources=(SourceRef("k", "e"),),
    recent=("mark",),
    inputs={"b": "2", "a": ""},
    dailies=(Daily("2026-11-19", key(2)),),
    restores=2,
    hold='why: "quotes" and é',
    contract="hash",
    layout=RowLayout(("a", "b"), (("state", "draft", "sent"), ("changed",)), ("a",), ("is_latest",)),
    digest="d",
    digest_bytes=9,
    seal="0",
)


def test_a_footer_comes_back_as_it_was() -> None:
    assert Footer.from_json(FULL.to_json()) == FULL
    bare = Footer("fact", "fact", 1, "merge", 0)
    assert Footer.from_json(bare.to_json()) == bare


def test_another_format_is_refused_and_a_later_field_is_passed_over() -> None:
    data = json.loads(FULL.to_json())
    assert Footer.from_json(json.dumps({**data, "invented_later": 1})) == FULL
    with pytest.raises(PipelineBug, match="format 2"):
        Footer.from_json(json.dumps({**data, "format": 2}))


def test_the_lists_are_bounded_and_keep_the_newest() -> None:
    marks: tuple[str, ...] = ()
    ancestors: tuple[str, ...] = ()
    for number in range(1, 1000):
        marks = later_marks(marks, [SourceRef(f"object-{number}", "e")], "c")
        ancestors = later_ancestors(key(number), ancestors)
    assert len(marks) == RECENT
    assert len(ancestors) == ANCESTORS
    assert ancestors[0] == key(999)
    footer = Footer("fact", "fact", 1000, "merge", 1, recent=marks, ancestors=ancestors)
    assert footer.has_merged([SourceRef("object-999", "e"), SourceRef("object-900", "e")], "c")
    assert not footer.has_merged([SourceRef("object-1", "e")], "c")
    assert not footer.has_merged([], "c")
    assert not footer.has_merged([SourceRef("object-999", "other")], "c")
    assert not footer.has_merged([SourceRef("object-999", "e")], "another contract")
    assert len(footer.to_json()) < 10_000


def test_a_source_seen_again_is_remembered_as_new() -> None:
    refs = [SourceRef(str(number), "e") for number in range(RECENT)]
    marks = later_marks(later_marks((), refs, "c"), [refs[0], SourceRef("new", "e")], "c")
    footer = Footer("fact", "fact", 1, "merge", 1, recent=marks)
    assert footer.has_merged([refs[0]], "c")
    assert not footer.has_merged([refs[1]], "c")


def test_the_last_object_of_each_day_of_a_week_is_remembered() -> None:
    dailies: tuple[Daily, ...] = ()
    last: dict[str, int] = {}
    for number in range(1, 241):
        moment = NOON + timedelta(hours=2 * number)
        dailies = later_dailies(dailies, key(number), moment)
        last[moment.date().isoformat()] = number
    assert {daily.day: daily.version for daily in dailies} == dict(list(last.items())[-8:])
