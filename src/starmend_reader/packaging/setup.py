"""Build of the wheel: this package and, below it, those modules of the core that it leads to, under its own name.

A wheel with the core's short names would stand in the way of whatever else is called ``core``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SOURCES = Path(__file__).resolve().parents[2]
BUILD = SOURCES.parent / "build/reader"  # whatever is made on the way to the wheel lies outside of the sources
PACKAGE, CORE, INNER = "starmend_reader", "core", "starmend_reader._core"
_IMPORT = re.compile(rf"^(?P<start>\s*(?:from|import) ){CORE}(?=[. ])", re.MULTILINE)


def file_of(module: str) -> Path | None:
    """The file of a module of ours, a package's ``__init__``; None where it is neither."""
    path = SOURCES / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imported(file: Path) -> Iterator[str]:
    """The modules of the core that a file imports, at any time."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.split(".")[0] == CORE and file_of(name))


def own_files() -> list[Path]:
    """The package's own files, without this folder."""
    return [file for file in (SOURCES / PACKAGE).rglob("*.py") if file.parent != Path(__file__).resolve().parent]


def core_modules() -> set[str]:
    """The modules of the core that the reader leads to, and the packages that they lie in."""
    waiting = {name for file in own_files() for name in imported(file)}
    modules: set[str] = set()
    while waiting:
        module = waiting.pop()
        parents = {module.rsplit(".", count)[0] for count in range(1, module.count(".") + 1)}
        modules.add(module)
        file = file_of(module)
        waiting |= ({*imported(file), *parents} if file else set()) - modules
    return modules


class BuildWithCore(build_py):  # type: ignore[misc]
    """The package's modules, and those of the core with their imports made its own."""

    def run(self) -> None:
        target = Path(self.build_lib)
        files = {str(file.relative_to(SOURCES)): file for file in own_files()}
        for module in core_modules():
            if file := file_of(module):
                inner = INNER.replace(".", "/") + str(file.relative_to(SOURCES)).removeprefix(CORE)
                files[inner] = file
        for name, file in files.items():
            text = _IMPORT.sub(rf"\g<start>{INNER}", file.read_text(encoding="utf-8"))
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    BUILD.mkdir(parents=True, exist_ok=True)
    setup(
        packages=[PACKAGE],
        package_dir={PACKAGE: ".."},
        cmdclass={"build_py": BuildWithCore},
        options={"build": {"build_base": str(BUILD)}, "egg_info": {"egg_base": str(BUILD)}},
    )
