"""Replacement of functions and of source texts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from local.emulator.patching import edit, wrap


def test_a_replacement_gets_the_stock_function_before_its_arguments() -> None:
    service = SimpleNamespace(add=lambda left, right: left + right)
    wrap(service, "add", lambda stock, left, right: 10 * stock(left, right))
    assert service.add(1, right=2) == 30


def test_a_function_that_is_not_there_any_more_is_an_error() -> None:
    with pytest.raises(AttributeError):
        wrap(SimpleNamespace(), "add", lambda stock: stock())


@pytest.mark.parametrize("text", ["nothing of it", "old and old"])
def test_a_text_is_edited_only_where_its_part_stands_once(text: str) -> None:
    assert edit("an old text", "old", "new") == "an new text"
    with pytest.raises(RuntimeError, match="is not what this patch was written for"):
        edit(text, "old", "new")
