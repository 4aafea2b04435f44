"""Filter patterns of CloudWatch Logs: terms for text, selectors for JSON.

"Filter pattern syntax for metric filters" (CloudWatch Logs User Guide): bare and quoted terms must all be there,
``-term`` must not, of ``?term`` any one; ``{ $.a.b = "x*" && $.n >= 3 }`` with =, !=, <, <=, >, >=, IS NULL, EXISTS,
NOT EXISTS, && and || with parentheses. Array subscripts, regular expressions and space-delimited patterns are not done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

Match = Callable[[str], "dict[str, Any] | None"]
Test = Callable[["dict[str, Any]"], bool]
Parser = Callable[["list[str]"], "tuple[Test, list[str]]"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<path>\$[.\w-]*)|(?P<string>"[^"]*")|(?P<op>!=|<=|>=|=|<|>|&&|\|\||\(|\))|(?P<word>[^\s()=<>!&|]+))"""
)
_MISSING = object()


def field(document: dict[str, Any], path: str) -> Any:
    """``$.a.b`` of a document, or None."""
    value = _select(document, path)
    return None if value is _MISSING else value


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Match:
    """A function from a message to its document ({} for text), or to None when the pattern does not match it."""
    stripped = pattern.strip()
    if not stripped.startswith("{"):
        test = _terms(stripped)
        return lambda message: {} if test(message) else None
    selects = _selector(stripped.strip("{}"))

    def match(message: str) -> dict[str, Any] | None:
        try:
            document = json.loads(message)
        except ValueError:
            return None
        return document if isinstance(document, dict) and selects(document) else None

    return match


def _terms(pattern: str) -> Callable[[str], bool]:
    terms = [(sign, quoted or bare) for sign, quoted, bare in re.findall(r'([-?]?)(?:"([^"]*)"|([^\s"]+))', pattern)]
    required = [term for sign, term in terms if not sign]
    excluded = [term for sign, term in terms if sign == "-"]
    optional = [term for sign, term in terms if sign == "?"]

    def test(message: str) -> bool:
        if any(term in message for term in excluded) or not all(term in message for term in required):
            return False
        return bool(required) or not optional or any(term in message for term in optional)

    return test


def _selector(text: str) -> Test:
    tokens = [match.group().strip() for match in _TOKEN.finditer(text)]
    test, rest = _any_of(tokens)
    if rest:
        raise ValueError(f"filter pattern not understood: {text}")
    return test


def _any_of(tokens: list[str]) -> tuple[Test, list[str]]:
    return _chain(tokens, "||", _all_of, any)


def _all_of(tokens: list[str]) -> tuple[Test, list[str]]:
    return _chain(tokens, "&&", _single, all)


def _chain(
    tokens: list[str], op: str, operand: Parser, combine: Callable[[Iterable[bool]], bool]
) -> tuple[Test, list[str]]:
    """Operands with ``op`` between them as one test, and the tokens after the last of them."""
    test, rest = operand(tokens)
    tests = [test]
    while rest and rest[0] == op:
        test, rest = operand(rest[1:])
        tests.append(test)
    return lambda document: combine(test(document) for test in tests), rest


def _single(tokens: list[str]) -> tuple[Test, list[str]]:
    if not tokens:
        raise ValueError("filter pattern ends too early")
    if tokens[0] == "(":
        inner, rest = _any_of(tokens[1:])
        if rest[:1] != [")"]:
            raise ValueError("filter pattern lacks a closing parenthesis")
        return inner, rest[1:]
    path, words = tokens[0], [token.upper() for token in tokens[1:3]]
    if words[:1] == ["EXISTS"]:
        return lambda document: _select(document, path) is not _MISSING, tokens[2:]
    if words == ["NOT", "EXISTS"]:
        return lambda document: _select(document, path) is _MISSING, tokens[3:]
    if words == ["IS", "NULL"]:
        return lambda document: _select(document, path) is None, tokens[3:]
    return _comparison(path, tokens[1], tokens[2]), tokens[3:]


def _comparison(path: str, op: str, operand: str) -> Test:
    def test(document: dict[str, Any]) -> bool:
        value = _select(document, path)
        if value is _MISSING or value is None:
            return False
        if op in ("=", "!="):
            return _equal(value, operand) == (op == "=")
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        limit = float(operand)
        return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[op]

    return test


def _equal(value: Any, operand: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == operand.lower()
    if isinstance(value, int | float):
        try:
            return float(value) == float(operand.strip('"'))
        except ValueError:
            return False
    return isinstance(value, str) and fnmatchcase(value, operand.strip('"').replace("[", "[[]"))


def _select(document: Any, path: str) -> Any:
    for step in filter(None, path.removeprefix("$").split(".")):
        if not isinstance(document, dict) or step not in document:
            return _MISSING
        document = document[step]
    return document
