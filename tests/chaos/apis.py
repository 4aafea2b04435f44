"""APIs of random shapes, each read by a contract that is made from the same choices: a seed for each."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.run import Options, Result
from tests.support.api_reading import is_read_exactly
from tests.support.api_shapes import Shape
from tests.support.scripted_server import Answer, scripted_server

SHAPES = 2_000


def apis(options: Options) -> Result:
    """``--runs`` is the number of APIs."""
    figures = {"apis": 0, "calls": 0, "points": 0, "wrong": 0}
    faults: list[str] = []
    with scripted_server(lambda _request: Answer("{}")) as server:
        for seed in range(options.seed, options.seed + options.amount(SHAPES)):
            shape = Shape(seed)
            try:
                figures["points"] += is_read_exactly(shape, server)
            except AssertionError as error:
                figures["wrong"] += 1
                faults.append(f"seed {seed}: {str(error)[:500]}")
            figures["apis"] += 1
            figures["calls"] += len(shape.requests)
            server.requests.clear()
            options.progress(f"{figures['apis']} APIs")
    return Result(figures, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"apis": apis}
