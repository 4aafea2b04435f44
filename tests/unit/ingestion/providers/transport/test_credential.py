"""A provider's secret is read once, and again once for each value that the provider refuses."""

from __future__ import annotations

import pytest

from core.errors import InvalidData
from ingestion.providers.transport.credential import Credential


class Rotating:
    """Gives the values one after the other at each fresh read; a cached read gives the last."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)
        self.reads = 0

    def read(self, name: str, *, refresh: bool = False) -> str:
        self.reads += 1
        if refresh and len(self.values) > 1:
            self.values.pop(0)
        return self.values[0]


def test_it_is_read_when_first_needed_and_then_kept() -> None:
    secrets = Rotating(" token \n")
    credential = Credential(secrets, "key")
    assert secrets.reads == 0
    assert [credential.value(), credential.value()] == ["token", "token"]
    assert secrets.reads == 1
    assert "token" not in repr(credential)


def test_a_refused_value_is_replaced_once_it_was_rotated_and_asked_for_once() -> None:
    secrets = Rotating("old", "new")
    credential = Credential(secrets, "key")
    assert credential.renewed(credential.value()) == "new"
    assert credential.renewed("old") == "new"
    assert credential.renewed("new") is None
    reads = secrets.reads
    assert credential.renewed("new") is None
    assert secrets.reads == reads
    credential.forget()
    credential.renewed("new")
    assert secrets.reads == reads + 1


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "café"])
def test_a_value_that_no_header_can_carry_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(InvalidData, match="starmend secret set key") as refused:
        Credential(Rotating(value), "key").value()
    assert not value.strip() or value not in str(refused.value)
