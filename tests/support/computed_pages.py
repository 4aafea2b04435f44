"""The scripts that compute pages of the documents, which lie beside their figures and in no package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"


def estimate_of(page: str) -> ModuleType:
    """``docs/<page>/estimate.py``, which writes ``docs/<page>.md``."""
    spec = importlib.util.spec_from_file_location(f"{page}_estimate", DOCS / page / "estimate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
