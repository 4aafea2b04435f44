"""Terraform's variable files, as far as the command has to understand them before Terraform runs.

Only plain settings (text, numbers, true, false, null) are read; lists and maps are passed over. Terraform reads the
files itself and checks them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from core.errors import InvalidData

Plain = str | bool | float | None

_SETTING = re.compile(r'^\s*(?P<name>[A-Za-z_][\w-]*)\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|[\w.+-]+)\s*(?:(?:#|//).*)?$')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"(#|//).*$")
_WORDS: Mapping[str, Plain] = {"true": True, "false": False, "null": None}


def plain_settings(files: Sequence[Path]) -> dict[str, Plain]:
    """The plain settings of all files; a later file's win, as in Terraform. Raises ``InvalidData`` on a bad file."""
    settings: dict[str, Plain] = {}
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidData("read variables", str(file), str(error), "Name a readable file of variables") from error
        settings |= _of_json(file, text) if file.suffix == ".json" else dict(_of_hcl(text))
    return settings


def _of_json(file: Path, text: str) -> dict[str, Plain]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InvalidData("read variables", str(file), str(error), "Mend the JSON") from error
    return {name: value for name, value in values.items() if not isinstance(value, list | dict)}


def _of_hcl(text: str) -> Iterator[tuple[str, Plain]]:
    depth = 0
    for line in text.splitlines():
        if depth == 0 and (match := _SETTING.match(line)):
            yield match["name"], _plain(match["value"])
            continue
        bare = _COMMENT.sub("", _QUOTED.sub("", line))
        depth += sum(bare.count(bracket) for bracket in "[{(") - sum(bare.count(bracket) for bracket in "]})")


def _plain(value: str) -> Plain:
    if value.startswith('"'):
        return str(json.loads(value))
    if value in _WORDS:
        return _WORDS[value]
    try:
        return float(value)
    except ValueError:
        return value
