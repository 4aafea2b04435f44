"""Child processes: announced, attached to, and never outliving their parent or a signal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import OutOfReach
from local.child import Child, is_running

MODULE = """
import argparse, pathlib, sys
from local.child import Daemon

parser = argparse.ArgumentParser()
parser.add_argument("--state", type=pathlib.Path)
parser.add_argument("--parent", type=int)
parser.add_argument("--fail", action="store_true")
options = parser.parse_args()
if options.fail:
    sys.exit("no luck today")
daemon = Daemon(options.state, options.parent)
daemon.announce({"answer": 42})
daemon.wait()
daemon.leave()
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "waiting_child.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "run/child.json"


def test_a_child_tells_its_facts_is_attached_to_and_leaves_nothing(state: Path) -> None:
    child = Child.start("waiting_child", [], state=state)
    again = Child.attach(state)
    assert (child.facts, again.facts, again.pid) == ({"answer": 42}, {"answer": 42}, child.pid)
    assert state.stat().st_mode & 0o077 == 0
    again.stop()
    assert not is_running(state)
    child.stop()
    assert list(state.parent.iterdir()) == []


def test_a_child_that_ends_at_once_is_out_of_reach_with_the_end_of_its_log(state: Path) -> None:
    with pytest.raises(OutOfReach, match=r"it ended\. .*no luck today"):
        Child.start("waiting_child", ["--fail"], state=state)


def test_a_second_child_of_one_state_file_is_refused_and_the_first_goes_on(state: Path) -> None:
    child = Child.start("waiting_child", [], state=state)
    with pytest.raises(OutOfReach, match="a process runs there already"):
        Child.start("waiting_child", [], state=state)
    assert is_running(state)
    child.stop()


def test_a_state_file_that_nobody_holds_is_a_leftover(tmp_path: Path) -> None:
    state = tmp_path / "child.json"
    state.write_text('{"pid": 1, "facts": {}}')
    assert not is_running(state)
    with pytest.raises(OutOfReach, match="nothing runs there"):
        Child.attach(state)
