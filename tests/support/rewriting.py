"""Tests' assertions rewritten by all of pytest's processes together: in a fresh checkout each would rewrite them all.

That takes nine seconds of CPU, of which three processes at once would share nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from _pytest.assertion import rewrite
from _pytest.assertion.rewrite import assertstate_key

TESTS = Path(__file__).parents[1]


def rewrite_share(config: pytest.Config) -> None:
    """Rewrite and keep the files that fall to this process of pytest-xdist, where they are not kept yet."""
    worker = getattr(config, "workerinput", None)
    if worker is None or sys.dont_write_bytecode:
        return
    number, count = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    for file in sorted(TESTS.rglob("test_*.py"))[number::count]:
        _rewrite(file, config)


def _rewrite(file: Path, config: pytest.Config) -> None:
    """As pytest's own import does it (``AssertionRewritingHook.exec_module``), which takes what lies here."""
    folder = rewrite.get_cache_dir(file)
    kept = folder / f"{file.stem}{rewrite.PYC_TAIL}"
    if rewrite.try_makedirs(folder) and rewrite._read_pyc(file, kept) is None:
        stat, code = rewrite._rewrite_test(file, config)
        rewrite._write_pyc(config.stash[assertstate_key], code, stat, kept)
