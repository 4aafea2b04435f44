"""Ten objects, one of them poisoned in any listed way: within the time and the memory that Terraform gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.lake import REPOSITORY
from tests.support.poison import BODIES, BOMBS, METADATA, POISONED_LINES
from tests.support.poison_measured import KINDS, OBJECTS
from tests.support.terraform_defaults import default_of

SCALE = 160  # the bounds of bombs are divided by it; ``make chaos`` measures them whole
SLOW = ("bad lines without end",)  # three blocks of 700,000 lines each are read before it is halted
HALTED = {
    **dict.fromkeys(BODIES, ("truncated", "corrupt")),
    **dict.fromkeys(METADATA, ("altered",)),
    **dict.fromkeys(BOMBS, ("too_large", "quarantine")),
}
OTHERS_MB = 100  # of the function: SDK, layers and what they load, which this process has not


@pytest.fixture(scope="module")
def measured() -> Mapping[str, Mapping[str, Any]]:
    kinds = [what for what in KINDS if what not in SLOW]
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}"}
    command = [sys.executable, "-m", "tests.support.poison_measured", str(SCALE), *kinds]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, timeout=240).stdout
    return {line["what"]: line for line in map(json.loads, output.splitlines())}


@pytest.mark.parametrize("what", [what for what in KINDS if what not in SLOW])
def test_nine_are_committed_and_the_tenth_is_refused_with_its_reason(
    what: str, measured: Mapping[str, Mapping[str, Any]]
) -> None:
    batch = measured[what]
    assert batch["errors"] == {}
    assert batch["committed"] == OBJECTS - 1
    assert batch["outcome"] == ("committed" if what in POISONED_LINES else "halted")
    assert 10 < len(batch["reason"]) < 300
    if what in HALTED:
        assert batch["reason"].startswith(HALTED[what])


def test_each_batch_is_done_in_time(measured: Mapping[str, Mapping[str, Any]]) -> None:
    assert max(batch["seconds"] for batch in measured.values()) < default_of("process_timeout_seconds")


def test_all_of_it_fits_into_the_functions_memory(measured: Mapping[str, Mapping[str, Any]]) -> None:
    assert max(batch["peak_mb"] for batch in measured.values()) + OTHERS_MB < default_of("process_memory_mb")
