"""What a driver or the network raises becomes the pipeline's own error: retry, refuse or stop."""

from __future__ import annotations

import struct

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from core.errors import MissingColumns, OutOfReach, PipelineBug, StarmendError, UnknownTable
from ingestion.engines.failures import AuthenticationFailed, StatementTimeOut, UnprintableValue
from ingestion.engines.postgresql.failures import reaching


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("28P01", AuthenticationFailed), ("57014", StatementTimeOut), ("42P01", UnknownTable),
        ("42703", MissingColumns), ("42501", PipelineBug), ("40001", OutOfReach), ("53300", OutOfReach),
        ("57P01", OutOfReach), ("42804", PipelineBug), ("", PipelineBug),
        ("22021", UnprintableValue), ("XX001", UnprintableValue), ("22P02", UnprintableValue),
        ("54000", UnprintableValue), ("54001", UnprintableValue), ("XX000", PipelineBug),
    ],
)  # fmt: skip
def test_a_code_of_the_server_says_what_to_do(code: str, kind: type[StarmendError]) -> None:
    with pytest.raises(StarmendError) as raised, reaching("read", "staff"):
        raise DatabaseError({"C": code, "M": "no luck"})
    assert type(raised.value) is kind
    assert "no luck" in raised.value.problem
    assert isinstance(raised.value.__cause__, DatabaseError)


def test_more_memory_than_a_value_may_have_is_an_unprintable_value_in_any_language() -> None:
    with pytest.raises(UnprintableValue), reaching("copy", "staff"):
        raise DatabaseError({"C": "XX000", "F": "mcxt.c", "M": "ungültige Anforderungsgröße bei Speicherreservierung"})


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError("reset by peer"), "reset by peer"),
        (struct.error("unpack"), "unpack"),
        (InterfaceError("Server refuses SSL"), "SSL"),
    ],
)
def test_a_broken_connection_is_worth_another_try(error: Exception, problem: str) -> None:
    with pytest.raises(OutOfReach) as raised, reaching("read", "staff"):
        raise error
    assert problem in raised.value.problem
    assert raised.value.remedy


def test_what_is_ours_passes_through() -> None:
    with pytest.raises(KeyError), reaching("read", "staff"):
        raise KeyError("x")
