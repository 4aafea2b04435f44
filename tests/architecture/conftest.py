"""The source as the rules of the house look at it: modules, what they import, which names they use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Module:
    """A Python file below ``src``; ``name`` is dotted, that of a package for its ``__init__``."""

    path: Path
    name: str

    @property
    def wing(self) -> str:
        return self.name.split(".")[0]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of the tree, which a dozen rules look through."""
        return tuple(ast.walk(self.tree))

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def __str__(self) -> str:
        return str(self.path.relative_to(SRC))


class Sources:
    """All modules, and the arrows between them."""

    def __init__(self) -> None:
        self.modules = {
            (module := Module(path, _name(path))).name: module
            for path in sorted(SRC.rglob("*.py"))
            if ".egg-info" not in str(path)
        }

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules.values())

    @cache  # noqa: B019 - there is one, for the whole run
    def imports(self, module: Module) -> frozenset[str]:
        """Dotted names as far as they are modules of ours, and the first words of all others."""
        names: set[str] = set()
        for node in module.nodes:
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                parent = node.module or ""
                names |= {f"{parent}.{alias.name}" for alias in node.names}
        return frozenset(self._module_of(name) for name in names)

    def _module_of(self, name: str) -> str:
        if name in self.modules:
            return name
        parent = name.rpartition(".")[0]
        return parent if parent in self.modules else name.split(".")[0]


def _name(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="session")
def sources() -> Sources:
    return Sources()
