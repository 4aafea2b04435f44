"""Partitions of a table and the values of their keys, projected or registered.

"Partition projection with Amazon Athena" (Athena User Guide): with ``projection.enabled`` the partitions are those that
the properties list (``enum``, ``integer``, ``date``, ``injected``), at the location that the template makes of them,
whatever else lies in the bucket; without it they are those that the catalog has, at their own locations.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_NOW = re.compile(r"NOW(?:\s*([+-])\s*(\d+)\s*([A-Z]+?)S?)?$")
_DAYS = {"YEAR": 366, "MONTH": 31, "WEEK": 7, "DAY": 1, "HOUR": 1 / 24, "MINUTE": 1 / 1440, "SECOND": 1 / 86400}

Listed = Callable[[str], "tuple[str | None, ...] | None"]


def locate(table: dict[str, Any], registered: list[dict[str, Any]]) -> list[tuple[str, Listed]]:
    """Locations to list, each with a function from an object's URL to its partition's values (None: not in the table).

    ``registered`` are the catalog's partitions.
    """
    location = _folder(table["StorageDescriptor"].get("Location", ""))
    keys = [key["Name"] for key in table.get("PartitionKeys") or []]
    if not keys:
        return [(location, lambda _url: ())]
    parameters = table.get("Parameters") or {}
    if str(parameters.get("projection.enabled", "")).lower() != "true":
        return [_registered(partition) for partition in registered]
    template = parameters.get("storage.location.template") or location + "/".join(f"{k}=${{{k}}}" for k in keys)
    pattern = re.compile(re.sub(r"\\\$\\\{([^}]*?)\\\}", _group_of(parameters), re.escape(_folder(template))))
    listed = {key: _rule(key, parameters) for key in keys}

    def values(url: str) -> tuple[str | None, ...] | None:
        match = pattern.match(url)
        if match is None or not all(listed[key](match[_safe(key)]) for key in keys):
            return None
        return tuple(match[_safe(key)] for key in keys)

    return [(template.split("${")[0], values)]


def _registered(partition: dict[str, Any]) -> tuple[str, Listed]:
    values = tuple(None if v == "__HIVE_DEFAULT_PARTITION__" else v for v in partition["Values"])
    return _folder(partition["StorageDescriptor"]["Location"]), lambda _url: values


def _folder(location: str) -> str:
    return location if location.endswith("/") else location + "/"


def _group_of(parameters: dict[str, str]) -> Callable[[re.Match[str]], str]:
    """The pattern of a value: it lies in one folder, or in as many as a date's format has (``yyyy/MM/dd/HH``)."""

    def group(match: re.Match[str]) -> str:
        deeper = parameters.get(f"projection.{match[1]}.format", "").count("/")
        return f"(?P<{_safe(match[1])}>[^/]+{'/[^/]+' * deeper})"

    return group


def _safe(key: str) -> str:
    return re.sub(r"\W", "_", key)


def _rule(key: str, parameters: dict[str, str]) -> Callable[[str], bool]:
    kind = parameters.get(f"projection.{key}.type")
    if kind == "enum":
        members = {value.strip() for value in parameters[f"projection.{key}.values"].split(",")}
        return members.__contains__
    if kind == "injected":
        return lambda _value: True
    if kind not in ("integer", "date"):
        raise ValueError(f"INVALID_TABLE_PROPERTY: projection.{key}.type is {kind!r}")
    low, high = (bound.strip() for bound in parameters[f"projection.{key}.range"].split(","))
    if kind == "integer":
        return lambda value: value.lstrip("-").isdigit() and int(low) <= int(value) <= int(high)
    form = _strptime(parameters[f"projection.{key}.format"])
    return lambda value: _between(value, low, high, form)


def _strptime(java: str) -> str:
    for letters, directive in _JAVA.items():
        java = java.replace(letters, directive)
    return java.replace("'", "")


def _between(value: str, low: str, high: str, form: str) -> bool:
    try:
        at = datetime.strptime(value, form).replace(tzinfo=UTC)
    except ValueError:
        return False
    return _bound(low, form) <= at <= _bound(high, form)


def _bound(text: str, form: str) -> datetime:
    match = _NOW.match(text)
    if match is None:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    sign, count, unit = match.groups()
    shift = timedelta(days=int(count) * _DAYS[unit]) if count else timedelta()
    return datetime.now(UTC) + (-shift if sign == "-" else shift)
