"""Patterns of service models in Python: those that differ in spelling, and those that cannot be said at all."""

from __future__ import annotations

import re

import pytest

from local.emulator.requests.patterns import compiled
from local.emulator.requests.reading import SERVICES, service_model


@pytest.mark.parametrize(
    ("pattern", "kept", "broken"),
    [
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", ["Größe 1", "日本/x", ""], ["a!", "\n"]),
        (r"\p{ASCII}*", ["Root=1-2"], ["ü"]),
        (
            r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*",
            ["a b", "\t", "\N{GRINNING FACE}"],
            ["a\nb", "\x00"],
        ),
        (r"[\w-_]*", ["a-b_c"], ["a b", "é"]),
        (r"\d{12}", ["123456789012"], ["١٢٣٤٥٦٧٨٩٠١٢", "1234567890123"]),
        (r"^a|b$", ["a", "b"], ["ab", "b\n"]),
    ],
)
def test_a_value_keeps_to_a_pattern_as_in_java(pattern: str, kept: list[str], broken: list[str]) -> None:
    assert [value for value in kept if not compiled(pattern).fullmatch(value)] == []
    assert [value for value in broken if compiled(pattern).fullmatch(value)] == []


def test_every_pattern_of_the_pipelines_services_can_be_checked() -> None:
    unsayable = set()
    for service in SERVICES:
        model = service_model(service)
        for name in model.shape_names:
            pattern = model.shape_for(name).metadata.get("pattern", "")
            try:
                compiled(pattern)
            except re.error:
                unsayable.add((service, name))
    assert unsayable == set()
