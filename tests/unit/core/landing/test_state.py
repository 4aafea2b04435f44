from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import IdOutOfOrder, InvalidData
from core.landing.ingest_objects import EPOCH, START, ObjectFacts, Position
from core.landing.state import (
    FIRST_ID,
    FIRST_TIMESTAMP,
    ParameterNames,
    StoredState,
    check_next_id,
    parse_id,
    parse_timestamp,
    plan_adoption,
    safe_horizon,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE = datetime(2026, 11, 20, 13, tzinfo=UTC)
TWO = datetime(2026, 11, 20, 14, tzinfo=UTC)


def facts(*, start: datetime = NOON, until: datetime = ONE, last: bool = True) -> ObjectFacts:
    return ObjectFacts(start, until, start + timedelta(minutes=30), (17,), 3, "ab" * 32, last)


def test_parameters_are_named_by_dataset_and_table() -> None:
    names = ParameterNames("/starmend/prod", "sales")
    assert names.timestamp("staff") == "/starmend/prod/sales/staff/timestamp"
    assert names.sequential_id("staff") == "/starmend/prod/sales/staff/sequential_id"
    assert names.latest_object("staff") == "/starmend/prod/sales/staff/latest_object"


def test_the_first_values_are_the_epoch_and_zero() -> None:
    assert parse_timestamp(FIRST_TIMESTAMP, name="t") == EPOCH
    assert parse_id(FIRST_ID, name="i") == 0


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-20T12:00:00", "42"])
def test_a_timestamp_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidData, match="/sales/staff/timestamp"):
        parse_timestamp(text, name="/sales/staff/timestamp")


@pytest.mark.parametrize("text", ["", "-1", "1.0", "٣", "twelve"])
def test_an_id_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidData):
        parse_id(text, name="i")


@pytest.mark.parametrize("new", [41, 42, 44, 0])
def test_an_id_that_is_not_exactly_one_greater_is_refused(new: int) -> None:
    with pytest.raises(IdOutOfOrder, match=f"{new} does not follow 42"):
        check_next_id(42, new, name="/sales/staff/sequential_id")
    check_next_id(42, 43, name="/sales/staff/sequential_id")


# ---------------------------------------------------------------- adoption


def test_a_first_load_starts_from_the_epoch_and_changes_no_parameter() -> None:
    state = plan_adoption(StoredState(EPOCH, 0), [], None)
    assert (state.position, state.number) == (START, 0)
    assert (state.write_timestamp, state.write_number) == (None, None)


def test_without_objects_a_timestamp_that_runs_ahead_is_not_believed() -> None:
    state = plan_adoption(StoredState(TWO, 0), [], None)
    assert state.position == START
    assert state.write_timestamp == EPOCH


def test_a_whole_interval_ends_at_its_horizon() -> None:
    state = plan_adoption(StoredState(ONE, 7), [], facts())
    assert state.position == Position(ONE)
    assert not state.cut
    assert (state.write_timestamp, state.write_number) == (None, None)


def test_a_cut_interval_goes_on_behind_its_last_row() -> None:
    cut = facts(last=False)
    state = plan_adoption(StoredState(cut.resume_version, 7), [], cut)
    assert state.position == Position(NOON + timedelta(minutes=30), (17,))
    assert state.cut
    assert state.write_timestamp is None


def test_objects_beyond_the_parameters_are_adopted() -> None:
    state = plan_adoption(StoredState(NOON, 7), [8, 9], facts())
    assert (state.position, state.number) == (Position(ONE), 9)
    assert (state.write_timestamp, state.write_number) == (ONE, 9)
    assert state.missing == ()


def test_a_hole_among_adopted_objects_is_told_and_not_filled() -> None:
    state = plan_adoption(StoredState(NOON, 7), [8, 11], facts())
    assert state.number == 11
    assert state.missing == (9, 10)


@pytest.mark.parametrize("stored", [StoredState(None, None), StoredState(None, 9), StoredState(EPOCH, 9)])
def test_lost_or_stale_parameters_are_rebuilt(stored: StoredState) -> None:
    beyond = [8, 9] if stored.number is None else []
    state = plan_adoption(stored, beyond, facts())
    assert (state.position, state.number) == (Position(ONE), 9)
    assert state.write_timestamp == ONE


def test_an_object_that_is_gone_leaves_the_timestamp_as_the_best_knowledge_and_its_number_unused() -> None:
    state = plan_adoption(StoredState(ONE, 7), [], None)
    assert (state.position, state.number) == (Position(ONE), 7)
    assert state.newest_lost
    assert (state.write_timestamp, state.write_number) == (None, None)


def test_after_a_cut_on_a_wall_clock_the_timestamp_does_not_go_past_the_interval_start() -> None:
    wall = datetime(2026, 11, 20, 12, 30)  # noqa: DTZ001
    cut = ObjectFacts(NOON, ONE, wall, (17,), 3, "ab" * 32, False)
    state = plan_adoption(StoredState(None, 7), [], cut)
    assert state.position == Position(wall, (17,))
    assert state.write_timestamp == NOON


# ---------------------------------------------------------------- horizon

instants = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
spans = st.timedeltas(timedelta(0), timedelta(days=1))


@given(instants, spans, spans)
def test_the_horizon_stays_behind_its_bound_by_margin_and_precision(
    bound: datetime, margin: timedelta, precision: timedelta
) -> None:
    horizon = safe_horizon(bound, margin=margin, precision=precision)
    assert bound - horizon >= margin
    assert bound - horizon >= precision
    assert horizon.tzinfo is UTC


def test_the_horizon_is_in_utc_whatever_the_bound_is_in() -> None:
    bound = datetime(2026, 11, 20, 13, tzinfo=timezone(timedelta(hours=1)))
    assert safe_horizon(bound, margin=timedelta(0), precision=timedelta(0)) == NOON
