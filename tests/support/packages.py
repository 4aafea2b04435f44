"""Our sources compiled once a run: each package of the functions' code would compile them again, a second of CPU."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy import packaging
from deploy.layers.bytecode import compiled

_KNOWN: dict[bytes, dict[str, bytes]] = {}


def compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages take the bytecode of sources that were compiled before; tests/unit/deploy/layers compiles them twice."""
    monkeypatch.setattr(packaging, "compiled", _remembered)


def _remembered(files: Mapping[str, bytes], python: Path, root: str) -> dict[str, bytes]:
    question = hashlib.sha256(f"{python} {root}".encode())
    for name in sorted(files):
        if name.endswith(".py"):
            question.update(f"{name} {len(files[name])} ".encode() + files[name])
    key = question.digest()
    if key not in _KNOWN:
        _KNOWN[key] = compiled(files, python, root)
    return dict(_KNOWN[key])
