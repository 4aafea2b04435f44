"""Names that say what they hold, and first lines that can be understood alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.conftest import Module, Sources

# They say that something is there, not what it is.
EMPTY_WORDS = {"one", "some", "found", "told", "mine", "made"}


def names_of(module: Module) -> Iterator[tuple[int, str]]:
    for node in module.nodes:
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.keyword(arg=str(name)):
                yield node.lineno, name


def test_no_name_is_an_empty_word(sources: Sources) -> None:
    wrong = [
        f"{module}:{line}: {name}"
        for module in sources
        for line, name in names_of(module)
        if name.strip("_").lower() in EMPTY_WORDS
    ]
    assert wrong == []


def test_the_first_line_of_a_module_is_a_noun_or_a_verb(sources: Sources) -> None:
    wrong = [
        f"{module}: {first}"
        for module in sources
        if (first := (ast.get_docstring(module.tree) or "").partition("\n")[0]).split(" ")[0].rstrip(",")
        in {"What", "Whose", "Which", "When", "Where", "Who", "How"}
    ]
    assert wrong == []


def test_every_module_says_what_it_is(sources: Sources) -> None:
    assert [str(module) for module in sources if not module.is_package and not ast.get_docstring(module.tree)] == []
