"""The functions' layers as they are deployed, built once below ``build`` and reused by every test."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from deploy.folders import ROOT
from deploy.layers.build import Layers, build_layers
from deploy.layers.wheels import LAMBDA_PYTHON
from deploy.python import find_python


@cache
def built_layers() -> Layers:
    return build_layers(ROOT / "build" / "layers")


def lambda_python() -> Path:
    """An interpreter of Lambda's version; skips the test where the machine has none."""
    python = find_python(LAMBDA_PYTHON)
    if python is None:
        pytest.skip(f"this machine has no Python {LAMBDA_PYTHON}")
    return python


def run_alone(script: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What a script prints under Lambda's Python with nothing on its path but the standard library."""
    command = [str(lambda_python()), "-I", "-S", "-B", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(environment or {}), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
