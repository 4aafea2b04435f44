"""Freed memory is used again without asking the system for it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource
import numpy as np
from processing.lines.memory import keep_freed_memory
assert {keep}
def block():
    return [np.ones(1 << 20) for _ in range(3)]
block()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    block()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


GIVEN_BACK = """
import numpy as np
from processing.lines.memory import give_memory_back, keep_freed_memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
keep_freed_memory()
arrays = [np.ones(1 << 17) for _ in range(100)]
last = np.ones(1 << 17)
arrays.clear()
held = resident()
give_memory_back()
print(held - resident())
"""


def faults(keep: str) -> int:
    """Pages that the system had to give for three arrays of 8 MB, twenty times."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(keep=keep)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_arrays_that_come_and_go_cost_no_pages_once_memory_is_kept() -> None:
    assert 10 * faults("keep_freed_memory()") < faults("True")


def test_memory_that_was_kept_is_given_back_from_between_what_is_in_use() -> None:
    done = subprocess.run([sys.executable, "-c", GIVEN_BACK], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 60 << 20
