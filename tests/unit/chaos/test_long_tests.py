"""Reading of what pytest prints of the long tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.chaos.long_tests import ROOT, result_of

TESTS = "def test_right(): pass\ndef test_also(): pass\ndef test_wrong(): assert 1 == 2, 'not so'\n"


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """With the project's own options, which decide what is printed."""
    (folder / "test_some.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-rfE"]
    return subprocess.run([*command, str(folder)], cwd=folder, capture_output=True, text=True)


def test_what_passed_is_counted_and_what_failed_is_named_with_its_reason(tmp_path: Path) -> None:
    done = run(tmp_path, TESTS)
    result = result_of(done.returncode, done.stdout)
    assert result.figures == {"tests": 3, "passed": 2}
    [fault] = result.faults
    assert fault.startswith("FAILED test_some.py::test_wrong - AssertionError: not so")


def test_a_run_that_fell_over_is_a_fault(tmp_path: Path) -> None:
    done = run(tmp_path, "import nothing_of_that_name\n")
    assert len(result_of(done.returncode, done.stdout, done.stderr).faults) == 1
    assert result_of(4, "", "ERROR: usage").faults == ["pytest ended with 4: ERROR: usage"]
