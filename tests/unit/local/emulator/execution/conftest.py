"""Execution environments made without an emulator, so that a machine without namespaces can be played."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.local.emulator.functions import archive

from local.emulator.execution.python import function_python
from local.emulator.execution.worker import Environment, Machine

Make = Callable[..., Environment]


@pytest.fixture(params=["shut in", "open"])
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Environments of a function of these files, on a machine that can shut them in and on one that cannot."""
    if request.param == "shut in" and function_python().open_because:
        pytest.skip(function_python().open_because)
    monkeypatch.setenv("GATEWAY_PORT", "9")
    python = replace(function_python(), open_because="" if request.param == "shut in" else "a test")
    monkeypatch.setattr(Environment, "machine", Machine(python, tmp_path / "layers", tmp_path / "code"), raising=False)
    monkeypatch.setattr("ministack.services.lambda_svc._resolve_layer_zip", lambda layer: layer)
    yielded: list[Environment] = []

    def environment(
        files: dict[str, str], *, layers: tuple[Mapping[str, str | bytes], ...] = (), **config: Any
    ) -> Environment:
        settings = {
            "FunctionName": "function",
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:function",
            "Handler": "index.handler",
            "MemorySize": 256,
            "Timeout": 20,
            "Layers": [archive(layer) for layer in layers],
        }
        yielded.append(Environment("function", settings | config, archive(files)))
        return yielded[-1]

    yield environment
    for made in yielded:
        made._end()
        made._discard_tmpdir()
