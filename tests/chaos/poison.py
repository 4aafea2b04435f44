"""Batches with a poisoned object, of every kind and at full size: nine committed, one refused, in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

from tests.chaos.run import Options, Result
from tests.support.lake import REPOSITORY
from tests.support.poison_measured import KINDS, OBJECTS
from tests.support.terraform_defaults import default_of

OTHERS_MB = 100  # of the function: SDK, layers and what they load, which this process has not


def poison(options: Options) -> Result:
    """``--runs`` is how many kinds, the last ones first: they are the bombs."""
    kinds = KINDS[-options.amount(len(KINDS)) :]
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}"}
    seconds, memory = default_of("process_timeout_seconds"), default_of("process_memory_mb") - OTHERS_MB
    faults, peak, longest = [], 0, 0.0
    for number, what in enumerate(kinds, 1):
        options.progress(f"{number} of {len(kinds)} kinds: {what}", now=True)
        command = [sys.executable, "-m", "tests.support.poison_measured", "1", what]
        answer = subprocess.run(command, env=environment, check=False, stdout=subprocess.PIPE)
        if answer.returncode:
            faults.append(f"{what}: the process ended with {answer.returncode}")
            continue
        batch = json.loads(answer.stdout)
        peak, longest = max(peak, batch["peak_mb"]), max(longest, batch["seconds"])
        if batch["errors"] or batch["committed"] != OBJECTS - 1 or not batch["reason"]:
            faults.append(f"{what}: {json.dumps(batch)}")
        if batch["seconds"] > seconds or batch["peak_mb"] > memory:
            limits = f"{seconds} s and {memory} MB are allowed"
            faults.append(f"{what}: {batch['seconds']} s, {batch['peak_mb']} MB; {limits}")
    return Result({"kinds": len(kinds), "peak_mb": peak, "longest_seconds": longest}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"poison": poison}
