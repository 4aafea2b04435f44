"""Errors say on one line what failed, where, why and what to do, also on the far side of a process."""

from __future__ import annotations

import pickle

import pytest

from core import errors
from core.errors import (
    BadContract,
    BrokenPointer,
    InvalidData,
    MissingColumns,
    OutOfReach,
    PipelineBug,
    StarmendError,
    of_kind,
    present,
)


def kinds(kind: type[StarmendError]) -> list[type[StarmendError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in kinds(child))]


def test_an_error_is_one_line_and_its_remedy_is_left_out_where_there_is_none() -> None:
    assert str(InvalidData("read", "a/b", "is broken", "Mend it")) == "read: a/b: is broken. Mend it"
    assert str(InvalidData("read", "a/b", "is broken")) == "read: a/b: is broken"


@pytest.mark.parametrize("kind", [kind for kind in kinds(StarmendError) if kind.__module__ == errors.__name__])
def test_an_error_survives_pickling_whole(kind: type[StarmendError]) -> None:
    error = kind("read", "a/b", "is broken", "Mend it")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.operation, copy.place, copy.problem, copy.remedy) == ("read", "a/b", "is broken", "Mend it")


def test_a_broken_pointer_keeps_the_etag_that_a_swap_has_to_expect() -> None:
    assert pickle.loads(pickle.dumps(BrokenPointer("read", "p", "is broken", etag="e1"))).etag == "e1"


def test_an_error_is_also_what_python_calls_such_a_thing() -> None:
    assert issubclass(MissingColumns, KeyError)
    assert issubclass(BadContract, ValueError)
    assert issubclass(OutOfReach, ConnectionError)


def test_what_is_promised_and_not_there_is_a_bug_that_names_operation_and_place() -> None:
    assert of_kind(5, int, "count", "rows") == present(5, "count", "rows") == 5
    with pytest.raises(PipelineBug, match=r"count: rows: is of type str, promised is int\. Report it"):
        of_kind("5", int, "count", "rows")
    with pytest.raises(PipelineBug, match=r"count: rows: is not there, though it is promised\. Report it"):
        present(None, "count", "rows")
