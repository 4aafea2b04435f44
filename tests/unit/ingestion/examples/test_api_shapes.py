"""APIs of random shapes, each read by a contract made from the same choices: values exact, nothing taken for absent."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

import pytest
from tests.support.api_reading import is_read_exactly
from tests.support.api_shapes import Shape, spelt
from tests.support.scripted_server import Answer, ScriptedServer, scripted_server

CASES = 100  # more are a part of the long runs
FOUND = (20261496,)  # by the long runs: the first hundred pages, of one record each, end before what is asked for
LOCAL = "%Y-%m-%d %H:%M:%S"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with scripted_server(lambda _request: Answer("{}")) as server:
        yield server


@pytest.mark.parametrize("seed", [*range(CASES), *FOUND])
def test_an_api_of_any_shape_is_read_exactly(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    caplog.set_level(logging.DEBUG)
    is_read_exactly(Shape(seed), server)
    assert not [spelling for spelling in spelt(Shape(seed).secret) if spelling in caplog.text]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("minutes", [0, 30, 60, 90])
def test_a_time_that_clocks_show_twice_is_asked_for_from_its_first_to_its_second(
    server: ScriptedServer, seed: int, minutes: int
) -> None:
    shape = Shape(seed)
    shape.zone, shape.every, shape.url_form, shape.record_form = "Europe/London", 300, LOCAL, "iso"
    shape.pages, shape.range, shape.word, shape.limit, shape.posts = "none", "both", "", 0, False
    shape.start = int(dt.datetime(2026, 10, 25, 0, 0, tzinfo=dt.UTC).timestamp()) + 60 * minutes
    shape.end, shape.now = shape.start + 6 * 300, shape.start + 40 * 300
    shape.know()
    is_read_exactly(shape, server)
