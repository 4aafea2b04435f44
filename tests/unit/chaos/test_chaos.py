"""The long runs' own machinery: what breaks is found, told with its numbers, and does not hide behind other runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.chaos.__main__ import carry_out, discover, main
from tests.chaos.crash_points import sweep
from tests.chaos.run import Options, Result
from tests.support.crashpoints import Crash, Effects, Point


class Book:
    """Two entries under two effects; a careless one adds where a careful one sets."""

    def __init__(self, *, careful: bool) -> None:
        self._careful = careful
        self._entries: dict[str, int] = {}

    def write(self, name: str) -> None:
        self._entries[name] = 1 if self._careful else self._entries.get(name, 0) + 1

    def attempt(self, effects: Effects) -> None:
        watched = effects.watch(self)
        for name in ("one", "two"):
            watched.write(name)

    def outcome(self) -> dict[str, int]:
        return dict(self._entries)

    state = outcome


def test_work_that_may_not_be_done_twice_is_found_at_every_point() -> None:
    good = sweep("book", lambda: Book(careful=True), seed=1, pairs=10)
    assert (good.effects, good.points, good.pairs, good.differing) == (2, 6, 10, [])
    bad = sweep("book", lambda: Book(careful=False), seed=1, pairs=10)
    assert len(bad.differing) == 16
    assert "book at 0-before (write)" in bad.differing[0]


def test_the_same_seed_samples_the_same_points() -> None:
    first, again, other = (
        sweep("book", lambda: Book(careful=False), seed=seed, singles=3, pairs=5) for seed in (1, 1, 2)
    )
    assert first.differing == again.differing != other.differing


def test_who_is_dead_has_no_effect_any_more() -> None:
    effects, book = Effects(Point(0, "after")), Book(careful=True)
    with pytest.raises(Crash):
        effects.watch(book).write("one")
    with pytest.raises(Crash, match="dead already"):
        effects.watch(book).write("two")
    assert book.outcome() == {"one": 1}


def test_the_file_is_grown_by_name_and_a_run_that_falls_over_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "chaos.json"
    options = Options(7, tmp_path, 3)
    assert carry_out("fine", lambda given: Result({"runs": given.amount(100)}), options, file)

    def falls(_: Options) -> Result:
        raise RuntimeError("lightning")

    assert not carry_out("broken", falls, options, file)
    assert not carry_out("faulty", lambda _: Result({}, ["x"] * 50), options, file)
    entries = json.loads(file.read_text())
    assert entries["fine"].items() >= {"runs": 3, "faults": 0, "seed": 7}.items()
    assert "lightning" in entries["broken"]["first_faults"][0]
    assert (entries["faulty"]["faults"], len(entries["faulty"]["first_faults"])) == (50, 20)


def test_every_run_is_listed_and_an_unknown_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"schedules", "backlog", "writers", "crash_points"} <= discover().keys()
    assert main(["--only", "nothing"]) == 2
    assert "there are: " in capsys.readouterr().err
