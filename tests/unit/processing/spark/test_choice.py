"""The engine that a rebuild gets by itself, and the reason that it is told."""

from __future__ import annotations

import pytest

from core.audit.repair_jobs import Inputs, Restate
from processing.spark.choice import LARGEST_JOB, choose_engine

GB = 10**9


def jobs(count: int, objects: int, *, mixed: bool) -> list[Restate]:
    """So many jobs over so many objects, each of which has rows for all of them or for one."""
    keys = [f"{number:04d}" for number in range(objects)]
    groups = [keys if mixed else keys[number::count] for number in range(count)]
    return [
        Restate("sales", "fact", (str(number),), Inputs(tuple(group), (), "")) for number, group in enumerate(groups)
    ]


@pytest.mark.parametrize(
    ("planned", "size", "engine", "reason"),
    [
        (jobs(100, 100, mixed=False), GB // 2, "lambda", "100 jobs read 50.0 GB, the largest 500.0 MB"),
        (
            jobs(100, 100, mixed=True),
            8_000_000,
            "spark",
            "jobs would read 80.0 GB of 800.0 MB: each object 100.0 times",
        ),
        (jobs(4, 10, mixed=True), 8_000_000, "lambda", "4 jobs read 320.0 MB, the largest 80.0 MB"),
        (
            jobs(1, 200, mixed=False),
            8_000_000,
            "spark",
            "a job would read 1.6 GB, and a function reads 1.1 GB within its time",
        ),
        ([], 0, "lambda", "0 jobs read 0 bytes, the largest 0 bytes"),
    ],
)
def test_an_engine_is_chosen_by_what_it_would_read(planned: list[Restate], size: int, engine: str, reason: str) -> None:
    sizes = {key: size for job in planned if job.inputs for key in job.inputs.objects}
    choice = choose_engine(planned, sizes, has_spark=True)
    assert (choice.engine, choice.reason) == (engine, reason)
    alone = choose_engine(planned, sizes, has_spark=False)
    assert alone.engine == "lambda"
    assert reason in alone.reason


def test_what_a_function_may_read_it_reads_within_its_time() -> None:
    seconds = LARGEST_JOB / (8_000_000 / 4)  # docs/scale/scenarios.yaml: 8 MB of lines take 4 seconds
    assert seconds < 900 * 2 / 3
