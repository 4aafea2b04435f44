"""What this release writes is read by the release before, which refuses fields that it does not know."""

from __future__ import annotations

from tests.stored_forms.strictly_read import known_fields, written_fields


def test_the_release_before_knows_each_field_that_is_written() -> None:
    known = known_fields()
    unknown = {
        name: sorted({*fields} - {*known[name]})
        for name, fields in written_fields().items()
        if name in known and {*fields} - {*known[name]}
    }
    assert unknown == {}, "mark it as `apart` and write it beside (core.contract.codec), or its readers fail"
