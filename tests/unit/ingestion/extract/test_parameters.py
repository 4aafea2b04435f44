from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.fakes.parameters import MemoryParameters

from core.errors import IdOutOfOrder, InvalidData, OutOfReach, UnknownTable
from core.landing.ingest_objects import EPOCH, ObjectFacts
from core.landing.state import ParameterNames, StoredState, plan_adoption
from ingestion.extract.parameters import (
    advance,
    read_sequential_id,
    read_stored,
    read_timestamp,
    rebuild,
    write_sequential_id,
    write_timestamps,
)

NAMES = ParameterNames("/starmend/test", "sales")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE = datetime(2026, 11, 20, 13, 0, 0, 1, tzinfo=UTC)


@pytest.fixture
def parameters() -> MemoryParameters:
    return MemoryParameters(
        {
            NAMES.timestamp("staff"): "2026-11-20T12:00:00.000000Z",
            NAMES.sequential_id("staff"): "41",
            NAMES.timestamp("design"): "1970-01-01T00:00:00.000000Z",
            NAMES.sequential_id("design"): "0",
        }
    )


class Unreachable:
    """A Parameter Store that does not answer."""

    def get(self, name: str) -> str:
        raise OutOfReach("get parameter", name, "no answer")

    def get_many(self, names: list[str]) -> dict[str, str]:
        raise OutOfReach("get parameters", names[0], "no answer")

    def put(self, name: str, value: str) -> None:
        raise OutOfReach("put parameter", name, "no answer")


def test_a_timestamp_is_read_and_the_dictionary_is_written_back(parameters: MemoryParameters) -> None:
    assert read_timestamp(parameters, NAMES, "staff") == NOON
    write_timestamps(parameters, NAMES, {"staff": ONE, "design": NOON})
    assert read_timestamp(parameters, NAMES, "staff") == ONE
    assert read_timestamp(parameters, NAMES, "design") == NOON
    assert parameters.values[NAMES.timestamp("staff")] == "2026-11-20T13:00:00.000001Z"


def test_an_unknown_table_is_a_key_error_and_nothing_is_written(parameters: MemoryParameters) -> None:
    before = dict(parameters.values)
    for call in (
        lambda: read_timestamp(parameters, NAMES, "nothing"),
        lambda: read_sequential_id(parameters, NAMES, "nothing"),
        lambda: write_sequential_id(parameters, NAMES, "nothing", 1),
        lambda: write_timestamps(parameters, NAMES, {"staff": ONE, "nothing": ONE}),
        lambda: advance(parameters, NAMES, "nothing", until=ONE, number=1),
    ):
        with pytest.raises(KeyError) as caught:
            call()
        assert isinstance(caught.value, UnknownTable)
        assert "/sales/nothing/" in str(caught.value)
    assert parameters.values == before


def test_out_of_reach_says_what_and_where() -> None:
    away = Unreachable()
    for call in (
        lambda: read_timestamp(away, NAMES, "staff"),  # type: ignore[arg-type]
        lambda: read_sequential_id(away, NAMES, "staff"),  # type: ignore[arg-type]
        lambda: write_timestamps(away, NAMES, {"staff": ONE}),  # type: ignore[arg-type]
        lambda: write_sequential_id(away, NAMES, "staff", 42),  # type: ignore[arg-type]
        lambda: read_stored(away, NAMES, ["staff"]),  # type: ignore[arg-type]
    ):
        with pytest.raises(ConnectionError, match="/starmend/test/sales/staff/"):
            call()


def test_an_id_goes_on_by_exactly_one(parameters: MemoryParameters) -> None:
    write_sequential_id(parameters, NAMES, "staff", 42)
    assert read_sequential_id(parameters, NAMES, "staff") == 42
    for wrong in (41, 42, 44):
        with pytest.raises(IdOutOfOrder):
            write_sequential_id(parameters, NAMES, "staff", wrong)
    assert read_sequential_id(parameters, NAMES, "staff") == 42


def test_who_was_beaten_moves_no_parameter(parameters: MemoryParameters) -> None:
    before = dict(parameters.values)
    with pytest.raises(IdOutOfOrder):
        advance(parameters, NAMES, "staff", until=ONE, number=41)
    assert parameters.values == before
    advance(parameters, NAMES, "staff", until=ONE, number=42)
    assert (read_timestamp(parameters, NAMES, "staff"), read_sequential_id(parameters, NAMES, "staff")) == (ONE, 42)


def test_what_is_corrupt_is_refused_alone_and_unknown_to_the_pass(parameters: MemoryParameters) -> None:
    parameters.put(NAMES.timestamp("staff"), "soon")
    parameters.put(NAMES.sequential_id("design"), "many")
    with pytest.raises(InvalidData):
        read_timestamp(parameters, NAMES, "staff")
    with pytest.raises(InvalidData):
        read_sequential_id(parameters, NAMES, "design")
    assert read_stored(parameters, NAMES, ["staff", "design", "nothing"]) == {
        "staff": StoredState(None, 41),
        "design": StoredState(EPOCH, None),
        "nothing": StoredState(None, None),
    }


def test_lost_parameters_are_rebuilt_and_right_ones_left_alone(parameters: MemoryParameters) -> None:
    facts = ObjectFacts(NOON, ONE, NOON, (1,), 1, "ab" * 32, True)
    del parameters.values[NAMES.timestamp("staff")]
    rebuild(parameters, NAMES, "staff", plan_adoption(StoredState(None, 41), [42, 43], facts))
    assert (read_timestamp(parameters, NAMES, "staff"), read_sequential_id(parameters, NAMES, "staff")) == (ONE, 43)

    before = dict(parameters.values)
    rebuild(parameters, NAMES, "staff", plan_adoption(StoredState(ONE, 43), [], facts))
    assert parameters.values == before
