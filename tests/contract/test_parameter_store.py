"""What every ParameterStore promises: the one in memory, and the one over SSM."""

from __future__ import annotations

import pytest
from tests.fakes.parameters import MemoryParameters

from aws.parameters import SsmParameterStore
from core.errors import UnknownTable
from core.ports import ParameterStore

NAMES = [f"/starmend/test/sales/t{number:02d}/timestamp" for number in range(23)]


@pytest.fixture(params=["memory", "ssm"])
def store(request: pytest.FixtureRequest) -> ParameterStore:
    if request.param == "memory":
        return MemoryParameters(dict.fromkeys(NAMES, "0"))
    client = request.getfixturevalue("client_of")("ssm")
    for name in NAMES:
        client.put_parameter(Name=name, Value="0", Type="String")
    return SsmParameterStore(client)


def test_a_value_is_read_as_it_was_put(store: ParameterStore) -> None:
    store.put(NAMES[0], "2026-11-20T14:30:00.000000Z")
    assert store.get(NAMES[0]) == "2026-11-20T14:30:00.000000Z"


def test_an_unknown_name_is_a_key_error_that_says_what_to_do(store: ParameterStore) -> None:
    with pytest.raises(UnknownTable) as unknown:
        store.get("/starmend/test/sales/nothing/timestamp")
    assert isinstance(unknown.value, KeyError)
    assert "/starmend/test/sales/nothing/timestamp" in str(unknown.value)


def test_many_are_read_at_once_and_the_unknown_ones_are_left_out(store: ParameterStore) -> None:
    store.put(NAMES[22], "7")
    values = store.get_many([*NAMES, "/starmend/test/none"])
    assert set(values) == set(NAMES)
    assert values[NAMES[22]] == "7"
