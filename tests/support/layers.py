"""The functions' layers as they are deployed, built once below ``build`` and reused by every test."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from deploy.layers.build import Layers, build_layers
from deploy.layers.wheels import LAMBDA_PYTHON
from deploy.programs.python import find_python
from local.emulator.execution.python import function_python
from local.provisioning import LAYERS


@cache
def built_layers() -> Layers:
    return build_layers(LAYERS)


@cache
def function_layers() -> Layers:
    """The layers that functions on the emulator have: Lambda's, where this machine has Lambda's Python."""
    return build_layers(LAYERS, function_python().platform)


@cache
def unpacked_layers() -> dict[str, Path]:
    """The folder of each layer's packages, unpacked once for its content."""
    folders = {}
    for name, layer in built_layers():
        folder = layer.parent / "unpacked" / hashlib.sha256(layer.read_bytes()).hexdigest()[:24]
        if not folder.is_dir():
            fresh = Path(tempfile.mkdtemp(dir=layer.parent))
            with zipfile.ZipFile(layer) as opened:
                opened.extractall(fresh)
            folder.parent.mkdir(exist_ok=True)
            fresh.rename(folder)
        folders[name] = folder / "python"
    return folders


def lambda_python() -> Path:
    """An interpreter of Lambda's version; skips the test where the machine has none."""
    python = find_python(LAMBDA_PYTHON)
    if python is None:
        pytest.skip(f"this machine has no Python {LAMBDA_PYTHON}")
    return python


def run_alone(script: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What a script prints under Lambda's Python with nothing on its path but the standard library."""
    command = [str(lambda_python()), "-I", "-S", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(environment or {}), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
