"""Write the tables of docs/apis.md from the settings' own words: python docs/apis/options.py"""

from __future__ import annotations

import dataclasses
import re
import types
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from core.feeds.rest.settings import Auth, Call, HistoryCall, LiveCall, Paging, RestSpec, Times, doc_of
from core.feeds.rest.templates import Path as JmesPath
from core.feeds.rest.templates import Template

PAGE = Path(__file__).parents[1] / "apis.md"
TABLES: dict[str, tuple[type, type | None]] = {
    "rest": (RestSpec, None),
    "both calls": (Call, None),
    "live": (LiveCall, Call),
    "history": (HistoryCall, Call),
    "time and times": (Times, None),
    "auth": (Auth, None),
    "pages": (Paging, None),
}
NAMES = {
    str: "text", int: "number", bool: "true or false", timedelta: "duration", Template: "text", JmesPath: "JMESPath",
    Times: "times", Auth: "auth", Paging: "pages", LiveCall: "live", HistoryCall: "history", Any: "value",
}  # fmt: skip


def described(kind: Any) -> str:
    """A type in the words of a contract."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(described(option) for option in get_args(kind) if option is not type(None))
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in get_args(kind))
    if origin is tuple:
        return f"list of {'statuses' if get_args(kind)[0] is int else 'values'}"
    if origin is not None:
        return f"mapping to {described(get_args(kind)[1])}"
    return NAMES[kind]


def default(setting: dataclasses.Field[Any]) -> str:
    """The value where none is told; empty where one has to be."""
    value = setting.default
    if isinstance(value, timedelta):
        return f"{value.days} day" if value else "none"
    if value is dataclasses.MISSING:
        return "none" if setting.default_factory is not dataclasses.MISSING else "**required**"
    if value in (None, "", 0, False, ()) or (dataclasses.is_dataclass(value) and not isinstance(value, JmesPath)):
        return "-"
    return f"`{value.text if isinstance(value, JmesPath) else value}`"


def table(kind: type, base: type | None) -> str:
    """The settings of one mapping, those of its base left out."""
    inherited = {setting.name for setting in dataclasses.fields(base)} if base else set()
    hints = get_type_hints(kind)
    lines = ["| setting | value | default | meaning |", "|---|---|---|---|"]
    for setting in dataclasses.fields(kind):
        if setting.name not in inherited:
            name = "from" if kind is Paging and setting.name == "cursor" else setting.name
            cells = (f"`{name}`", described(hints[setting.name]), default(setting), doc_of(setting))
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with its tables as the settings are now."""
    for name, (kind, base) in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        page = re.sub(pattern, lambda _: f"{begin}{table(kind, base)}\n{end}", page, flags=re.DOTALL)  # noqa: B023
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
