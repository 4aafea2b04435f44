from pathlib import Path

import pytest
from bench.__main__ import discover, main
from bench.options import Options
from bench.race import Contestant, Runner, race

HERE = "tests.unit.bench.test_race"
ISSUED = {
    "transform_100k_1thread",
    "transform_100k_2threads",
    "transform_1m_2threads",
    "merge_10k_into_1m",
    "merge_1k_into_10k",
    "replay_10k_of_1m",
    "quotes_11_warm",
    "cold_import_processing",
    "commits_64_partitions_8_writers",
}


def holding(*, megabytes: int, **_: object):
    """A contestant that fills so much memory and lets it go."""

    def run() -> bytes:
        filled = bytearray(b"x") * (megabytes << 20)
        return bytes(filled[:1])

    return run


def threads_seen(*, threads: int, **_: object):
    """A contestant whose result is how many cores it may use."""
    import os

    return lambda: f"{threads} {len(os.sched_getaffinity(0))} {os.environ['POLARS_MAX_THREADS']}".encode()


def noisy(**_: object):
    """A contestant that prints."""

    def run() -> bytes:
        print("not an answer")  # noqa: T201
        return b"done"

    return run


def failing(**_: object):
    raise ValueError("cannot be set up")


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(data=tmp_path, scratch=tmp_path, quick=True, rounds=2, least=1, budget=5)


def test_contestants_take_turns_and_their_memory_is_their_own(options):
    result = race(
        [
            Contestant("ours", f"{HERE}:holding", {"megabytes": 8}),
            Contestant("greedy", f"{HERE}:holding", {"megabytes": 96}),
        ],
        threads=1,
        options=options,
    )

    record = result.record("memory")
    assert record.details["turns"] == {"ours": 2, "greedy": 2}
    assert 4 < record.peak_mb < 24
    assert 80 < record.details["peak_mb"]["greedy"] < 130


def test_a_contestant_has_the_cores_and_threads_of_its_measure(options):
    seen = {}

    race(
        [Contestant("ours", f"{HERE}:threads_seen")],
        threads=1,
        options=options,
        check=lambda saved: seen.update(ours=saved["ours"].read_text()),
    )

    assert seen == {"ours": "1 1 1"}


def test_one_contestant_has_one_turn_and_a_slow_one_none_in_a_quick_run(options):
    result = race(
        [
            Contestant("ours", f"{HERE}:noisy"),
            Contestant("once", f"{HERE}:noisy", once=True),
            Contestant("slow", f"{HERE}:noisy", slow=True),
        ],
        threads=1,
        options=options,
    )

    assert {name: len(turns) for name, turns in result.turns.items()} == {"ours": 2, "once": 1}


def test_a_contestant_that_cannot_be_set_up_is_named(options):
    with (
        pytest.raises(RuntimeError, match="contestant broken ended"),
        Runner(Contestant("broken", f"{HERE}:failing"), threads=1),
    ):
        pass


def test_results_that_differ_are_not_measured(options):
    def refuse(saved):
        raise AssertionError("they differ")

    with pytest.raises(AssertionError, match="they differ"):
        race([Contestant("ours", f"{HERE}:noisy")], threads=1, options=options, check=refuse)


def test_every_measure_is_found_without_the_peers_being_installed():
    assert discover().keys() >= ISSUED


def test_a_name_that_no_measure_has_is_refused(capsys):
    assert main(["--only", "no_such_measure"]) == 2
    assert "no_such_measure" in capsys.readouterr().err
