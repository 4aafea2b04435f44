"""Texts and JMESPaths with placeholders, which are filled for each call.

A placeholder is a name in braces. ``{entity}``, ``{entities}``, ``{start}``, ``{end}`` and ``{count}`` are the call's,
any other is an attribute of the entity. Within a JMESPath a placeholder stands in quotes, as a name
(``prices."{entity}"``) or as a text (``[?symbol == '{entity}']``), and is escaped for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from jmespath.parser import ParsedResult
from jmespath.visitor import Options, TreeInterpreter

from core.json import UNREADABLE

PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_]+)\}")
OF_CALLS = frozenset({"entity", "entities", "start", "end", "count"})
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*")|('(?:[^'\\]|\\.)*')""")


class NoTemplate(ValueError):
    """A text that is no template."""


@dataclass(frozen=True)
class Template:
    """A text with placeholders."""

    text: str

    @cached_property
    def names(self) -> frozenset[str]:
        """The placeholders."""
        return frozenset(PLACEHOLDER.findall(self.text))

    def fill(self, values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
        """The text. Raises ``KeyError`` for a placeholder without a value."""
        return PLACEHOLDER.sub(lambda match: escape(values[match[1]]), self.text)


@dataclass(frozen=True)
class Path:
    """A JMESPath, which may have placeholders within its quotes. Raises ``NoTemplate`` where it is none."""

    text: str

    def __post_init__(self) -> None:
        outside = _QUOTED.sub("''", self.text)
        if PLACEHOLDER.search(outside):
            raise NoTemplate(f'a placeholder stands in quotes, as in "{{entity}}": {self.text!r}')
        try:
            _compiled(self.filled(dict.fromkeys(self.names, "x")))
        except JMESPathError as error:
            raise NoTemplate(f"{self.text!r} is no JMESPath ({' '.join(str(error).split())})") from None

    @cached_property
    def names(self) -> frozenset[str]:
        """The placeholders."""
        return frozenset(PLACEHOLDER.findall(self.text))

    def filled(self, values: Mapping[str, str]) -> str:
        """The JMESPath with its placeholders filled, escaped for the quotes that they stand in."""
        return _QUOTED.sub(lambda match: self._in_quotes(match, values), self.text) if self.names else self.text

    def compiled(self, values: Mapping[str, str]) -> Expression:
        """The expression for one call."""
        return _compiled(self.filled(values))

    def search(self, document: object, values: Mapping[str, str] | None = None) -> object:
        """What the path leads to; None where it leads nowhere. Raises ``JMESPathError``."""
        return self.compiled(values or {}).search(document)

    @staticmethod
    def _in_quotes(match: re.Match[str], values: Mapping[str, str]) -> str:
        """A name stays in its quotes; a text becomes a literal, as a raw text cannot hold every backslash."""
        if match[1]:
            return PLACEHOLDER.sub(lambda name: json.dumps(values[name[1]])[1:-1], match[0])
        if not PLACEHOLDER.search(match[2]):
            return match[2]
        raw = match[2][1:-1].replace("\\'", "'")
        text = json.dumps(PLACEHOLDER.sub(lambda name: values[name[1]], raw)).replace("`", "\\`")
        return f"`{text}`"


class _Exact(Functions):  # type: ignore[misc]
    """JMESPath's functions for documents without floats: its own ``to_number`` makes 1 of 1.10, of "1.10" a float."""

    @signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_to_number(self, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            return None
        try:
            return Decimal(value) if isinstance(value, str) else value
        except InvalidOperation:
            return None


_EXACT = Options(custom_functions=_Exact())


class _Interpreter(TreeInterpreter):  # type: ignore[misc]
    """JMESPath's interpreter, to which values that have no order are null, as its specification has it.

    Its own compares text with numbers and NaN as Python does, which raises.
    """

    def visit_comparator(self, node: Mapping[str, Any], value: object) -> object:
        try:
            return super().visit_comparator(node, value)
        except (TypeError, InvalidOperation):
            return None


class Expression(ParsedResult):  # type: ignore[misc]
    """A JMESPath that may be asked of many documents."""

    def search(self, value: object, options: Options = _EXACT) -> Any:
        """What it leads to. Raises ``JMESPathError``, whatever the document is."""
        try:
            return _Interpreter(options).visit(self.parsed, value)
        except JMESPathError:
            raise
        except (*UNREADABLE, ArithmeticError) as error:
            raise JMESPathError(f"{self.expression}: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Expression:
    parsed = jmespath.compile(text)
    return Expression(parsed.expression, parsed.parsed)
