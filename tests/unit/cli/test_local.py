"""The local stack's commands, without a stack."""

from __future__ import annotations

from tests.support.commands import Command


def test_stopping_what_does_not_run_is_no_error(starmend: Command) -> None:
    said = starmend("local", "down")
    assert (said.code, said.out) == (0, "down\n")
