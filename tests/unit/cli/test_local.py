"""The local stack's commands, without a stack."""

from __future__ import annotations

import pytest
from tests.support.commands import Command


@pytest.mark.parametrize("name", [("down",), ("local", "down")])
def test_stopping_what_does_not_run_is_no_error(starmend: Command, name: tuple[str, ...]) -> None:
    said = starmend(*name)
    assert (said.code, said.out) == (0, "down\n")
