"""The long runs' own machinery: what breaks is found, told with its numbers, and does not hide behind other runs."""

from __future__ import annotations

import json
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from tests.chaos.__main__ import carry_out, discover, main
from tests.chaos.beside import ALONE, BUDGETS, FIRST, Command, carry_out_beside
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


PROGRAM = """
import json, signal, sys
name, file, seed = sys.argv[2], sys.argv[4], int(sys.argv[6])
print("  on its way", file=sys.stderr, flush=True)
if name == "merges":
    signal.pause()
if name == "contracts":
    sys.exit("no such run")
json.dump({name: {"faults": 0, "seed": seed}}, open(file, "w"))
"""


def test_runs_beside_one_another_end_in_one_file_each_with_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    program = (sys.executable, "-S", str(tmp_path / "program.py"))
    quick = partial(Command, minutes=lambda name: 0.02 if name == "merges" else 5, program=program)
    monkeypatch.setattr("tests.chaos.__main__.Command", quick)
    file, only = tmp_path / "chaos.json", ("lines", "merges", "contracts")
    given = [word for name in only for word in ("--only", name)]
    assert main([*given, "--jobs", "2", "--seed", "5", "--file", str(file)]) == 1
    entries = json.loads(file.read_text())
    assert entries["lines"] == {"faults": 0, "seed": 5}
    assert entries["merges"] == {"faults": 1, "first_faults": ["did not end within 0.02 minutes"]}
    assert entries["contracts"] == {"faults": 1, "first_faults": ["ended with 1: no such run"]}
    said = capsys.readouterr().err
    assert "lines: on its way" in said
    assert "faults in: " in said


def test_what_measures_has_the_machine_to_itself_after_all_others() -> None:
    at_once: list[str] = []
    beside: dict[str, set[str]] = {}
    lock, both = threading.Lock(), threading.Barrier(2)

    def run(name: str) -> dict[str, int]:
        with lock:
            at_once.append(name)
        if name not in ALONE:
            both.wait(60)  # two of them are there
        with lock:
            beside[name] = set(at_once)
        with lock:
            at_once.remove(name)
        return {"faults": 0}

    names = ["load", "lines", "fuzz", "page_at_scale", "contracts", "merges"]
    ended = [name for name, _ in carry_out_beside(names, run, jobs=2)]
    assert set(ended[:4]) == {"lines", "fuzz", "contracts", "merges"}
    assert ended[4:] == ["load", "page_at_scale"]
    assert beside["load"] == {"load"}
    assert discover().keys() >= {*ALONE, *FIRST, *BUDGETS}
