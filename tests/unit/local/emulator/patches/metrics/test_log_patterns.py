"""Filter patterns of CloudWatch Logs, matched without a log."""

from __future__ import annotations

import json

import pytest

from local.emulator.patches.metrics.log_patterns import field, matcher


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("ERROR timeout", "a timeout is an ERROR", True),
        ("ERROR -harmless", "a harmless ERROR", False),
        ("?timeout ?refused", "refused", True),
        ('"exact words"', "words, not exact", False),
        ("", "anything", True),
    ],
)
def test_terms_are_all_none_or_any(pattern: str, message: str, expected: bool) -> None:
    assert (matcher(pattern)(message) is not None) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.level = "ERR*" }', True),
        ("{ $.n >= 3 && $.n < 4 }", True),
        ("{ $.n != 3 }", False),
        ("{ $.a.b = true }", True),
        ("{ $.nothing IS NULL }", True),
        ("{ $.missing IS NULL }", False),
        ("{ $.missing NOT EXISTS && $.a EXISTS }", True),
        ('{ ($.n = 1 || $.n = 3) && $.level = "INFO" }', False),
        ("{ $.level > 3 }", False),
    ],
)
def test_selectors_look_at_the_fields_of_json(pattern: str, expected: bool) -> None:
    message = json.dumps({"level": "ERROR", "n": 3, "a": {"b": True}, "nothing": None})
    assert (matcher(pattern)(message) is not None) is expected
    assert matcher(pattern)("no json") is None


@pytest.mark.parametrize("pattern", ["{ ($.n = 1 }", "{ $.n = 1 && }", "{ $.n = 1 ) }"])
def test_a_pattern_that_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="filter pattern"):
        matcher(pattern)


def test_a_field_is_its_value_or_nothing() -> None:
    assert field({"a": {"b": 1}}, "$.a.b") == 1
    assert field({"a": {}}, "$.a.b") is None
