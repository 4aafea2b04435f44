"""YAML as somebody would write it by hand: short mappings in one line, a remark behind what was guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

WIDTH = 140
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./()-]+)*")
_PLAIN_ALONE = re.compile(
    r"https?://[A-Za-z0-9_./:-]*[A-Za-z0-9/]|\d+ [a-z]+"
    r"|[A-Za-z_][A-Za-z0-9_./-]*(\([A-Za-z0-9_, ]*\))?\??( [A-Za-z0-9_./()-]+)*"
)
# What YAML reads as something else.
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

Value = str | int | bool | Sequence[str | int] | Mapping[str, "Value"]


class Page:
    """Lines of a YAML file, written from top to bottom."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def put(self, indent: int, key: str, value: Value | None = None, remark: str = "") -> None:
        """A key with its value in one line, or with none where what is below it follows."""
        text = f"{'  ' * indent}{scalar(key)}:"
        if value is not None:
            text += f" {scalar(value, alone=True) if isinstance(value, str) else flow(value)}"
        self._put(indent, text, remark)

    def remark(self, indent: int, text: str) -> None:
        """A comment of its own, in as many lines as it takes."""
        lead = f"{'  ' * indent}# "
        line = ""
        for word in one_line(text).split(" "):
            if line and len(lead) + len(line) + len(word) + 1 > WIDTH:
                self._lines.append(lead + line)
                line = ""
            line = f"{line} {word}".strip()
        self._lines.append((lead + line).rstrip())

    def left_out(self, indent: int, key: str, value: Value, remark: str) -> None:
        """A line that counts once somebody takes its mark away."""
        page = Page()
        page.put(0, key, value)
        self._lines.append(f"{'  ' * indent}# {page._lines[0]}  # {one_line(remark)}")

    def anchor(self, indent: int, key: str, name: str) -> None:
        """A key whose mapping follows, and which :meth:`alias` can take again by a name."""
        self._put(indent, f"{'  ' * indent}{scalar(key)}: &{name}", "")

    def alias(self, indent: int, key: str, name: str) -> None:
        """A key that is the mapping of that name."""
        self._put(indent, f"{'  ' * indent}{scalar(key)}: *{name}", "the same, asked for what is missing")

    def gap(self) -> None:
        """An empty line."""
        self._lines.append("")

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def _put(self, indent: int, text: str, remark: str) -> None:
        written = f"{text}  # {one_line(remark)}" if remark else text
        if remark and len(written) > WIDTH:
            self.remark(indent, remark)
            written = text
        self._lines.append(written)


def flow(value: Value) -> str:
    """A value in one line, such as ``{type: int, comment: "one, or two"}``."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return scalar(value)
    return "[" + ", ".join(map(flow, value)) + "]"


def scalar(text: str, *, alone: bool = False) -> str:
    """A text, in quotes where YAML would read anything else; ``alone`` in its line it needs them less often.

    Days are for the contract's own reading, hence bare.
    """
    if (_PLAIN_ALONE if alone else _PLAIN).fullmatch(text) and text.lower() not in _WORDS:
        return text
    return text if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else json.dumps(text, ensure_ascii=False)


def one_line(text: str) -> str:
    """A text without line breaks and other control characters, which neither a remark nor the catalog holds."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
