"""No logic is written twice: blocks of the same shape are counted, whatever their names, texts and numbers are."""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from tests.architecture.conftest import Module, Sources

BLOCK = 6  # lines
LEAST_SHAPES, LEAST_WORDS = 3, 20  # below it a block is too plain to be logic: a list of arguments, a chain of fields
MOST_PAIRS = 4
BRACKETS = set("()[]{},")
_SPACE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def declared(module: Module) -> set[int]:
    """Lines that say what there is and do nothing: imports, docstrings, fields, tables of constants, signatures."""
    lines: set[int] = set()
    for constant in module.tree.body:
        if isinstance(constant, ast.Assign):
            lines |= set(range(constant.lineno, (constant.end_lineno or constant.lineno) + 1))
    for node in module.nodes:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.AnnAssign() | ast.Expr(value=ast.Constant(value=str())):
                lines |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                lines |= set(range(first, node.body[0].lineno))
    return lines


def shapes(module: Module) -> list[str]:
    """Each line of code that does something, with its names, texts and numbers left out."""
    lines: dict[int, list[str]] = defaultdict(list)
    for token in tokenize.generate_tokens(io.StringIO(module.path.read_text(encoding="utf-8")).readline):
        if token.type in _SPACE:
            continue
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            lines[token.start[0]].append("name")
        elif token.type in (tokenize.STRING, tokenize.NUMBER):
            lines[token.start[0]].append("value")
        else:
            lines[token.start[0]].append(token.string)
    skipped = declared(module)
    code = [words for number, words in sorted(lines.items()) if number not in skipped]
    return [" ".join(words) for words in code if set(words) - BRACKETS]  # brackets that stand alone are no line


def pairs(sources: Sources) -> Iterator[tuple[str, str]]:
    places: dict[tuple[str, ...], set[tuple[str, int]]] = defaultdict(set)
    for module in sources:
        code = shapes(module)
        for first in range(len(code) - BLOCK + 1):
            block = tuple(code[first : first + BLOCK])
            if len(set(block)) >= LEAST_SHAPES and sum(line.count(" ") + 1 for line in block) >= LEAST_WORDS:
                places[block].add((str(module), first))
    for standing in places.values():
        for (module_name, first), (other, second) in combinations(sorted(standing), 2):
            if module_name != other or second - first >= BLOCK:
                yield module_name, other


def test_few_blocks_of_six_lines_have_the_same_shape(sources: Sources) -> None:
    repeated = sorted(set(pairs(sources)))
    assert len(repeated) <= MOST_PAIRS, "\n".join(f"{module_name} ~ {other}" for module_name, other in repeated)
