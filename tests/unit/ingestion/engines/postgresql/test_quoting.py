from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.extraction import scratch_database

from core.errors import InvalidData
from ingestion.engines.postgresql.quoting import identifier, literal
from ingestion.engines.postgresql.session import PostgresSession

pytestmark = pytest.mark.database
FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# What breaks naive quoting, often.
nasty = st.text(st.one_of(st.sampled_from("'\"\\$;-/*%:E\n\r\t\x01\x02{}"), st.characters(exclude_categories=["Cs"])))


@pytest.fixture(scope="module", params=["on", "off"])
def session(request: pytest.FixtureRequest) -> Iterator[PostgresSession]:
    with scratch_database() as database:
        opened = database.session()
        opened.query(f"SET standard_conforming_strings = {request.param}")
        yield opened
        opened.close()


def value_of(session: PostgresSession, text: str) -> object:
    return session.query(f"SELECT {text}")[0][0]


@FUZZ
@given(nasty.filter(lambda text: "\0" not in text))
def test_any_text_comes_back_as_it_was(session: PostgresSession, text: str) -> None:
    assert value_of(session, literal(text, "text")) == text


@FUZZ
@given(st.integers(-(2**63), 2**63 - 1))
def test_any_bigint_comes_back_as_it_was(session: PostgresSession, number: int) -> None:
    assert value_of(session, literal(number, "bigint")) == number


@FUZZ
@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20))
def test_any_decimal_comes_back_exactly(session: PostgresSession, number: Decimal) -> None:
    assert value_of(session, literal(number, "numeric")) == number


@FUZZ
@given(st.datetimes(timezones=st.just(UTC)))
def test_any_instant_comes_back_to_the_microsecond(session: PostgresSession, at: datetime) -> None:
    assert value_of(session, literal(at, "timestamp with time zone")) == at
    naive = at.replace(tzinfo=None)
    assert value_of(session, literal(naive, "timestamp without time zone")) == naive


@FUZZ
@given(st.floats())
def test_a_double_comes_back_from_the_text_that_json_gave(session: PostgresSession, number: float) -> None:
    back = value_of(session, literal(repr(number), "double precision"))
    assert repr(back) == repr(number)


@FUZZ
@given(nasty.filter(lambda text: "\0" not in text and 0 < len(text.encode()) < 64))
def test_any_name_names_what_it_says(session: PostgresSession, name: str) -> None:
    assert session.query(f"SELECT one.{identifier(name)} FROM (SELECT 7 AS {identifier(name)}) AS one") == [[7]]


def test_booleans_and_dates_are_typed(session: PostgresSession) -> None:
    assert value_of(session, literal(True, "boolean")) is True
    assert value_of(session, literal(date(2026, 11, 20), "date")) == date(2026, 11, 20)


@pytest.mark.parametrize("value", ["\0", "a\0b", "\ud800"])
def test_text_that_postgresql_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(InvalidData):
        literal(value, "text")


def test_a_float_is_refused_for_it_has_no_exact_text() -> None:
    with pytest.raises(InvalidData, match="float"):
        literal(0.1, "numeric")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "ä" * 32])
def test_a_name_that_the_server_would_cut_is_refused(name: str) -> None:
    with pytest.raises(InvalidData):
        identifier(name)
