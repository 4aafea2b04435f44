"""Looking at what Terraform made, through its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Resource = dict[str, Any]


def managed(state: Mapping[str, Any]) -> Iterator[Resource]:
    """Every resource of the state (``terraform show -json``), those of modules too; data sources are none."""
    yield from _managed(state["values"]["root_module"])


def _managed(module: Mapping[str, Any]) -> Iterator[Resource]:
    yield from (resource for resource in module.get("resources", []) if resource["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from _managed(child)
