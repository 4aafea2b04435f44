"""Partitions that the catalog lists: what lies outside of them is hidden from Athena, and so from the reader. Pure.

An entity that was taken out of a contract, a dataset that is no more, rows of before a table's first day: their objects
stay in the lake, and no query shows them.
https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

_FORMATS = {"yyyy": "%Y", "yyyy-MM": "%Y-%m", "yyyy-MM-dd": "%Y-%m-%d", "yyyy-MM-dd-HH": "%Y-%m-%d-%H"}
_NOW = re.compile(r"NOW(?:(?P<shift>[+-]\d+)(?P<unit>YEARS|MONTHS|DAYS|HOURS))?")


def is_listed(projection: Mapping[str, str], values: Mapping[str, str], now: datetime) -> bool:
    """Whether the catalog's ``projection`` of a relation lists the partition that has these key values."""
    return all(_lists(projection, key, value, now) for key, value in values.items())


def _lists(projection: Mapping[str, str], key: str, value: str, now: datetime) -> bool:
    kind = projection.get(f"projection.{key}.type")
    if kind == "enum":
        return value in projection[f"projection.{key}.values"].split(",")
    if kind is None:
        return True
    low, high = projection[f"projection.{key}.range"].split(",")
    if kind == "integer":
        return value.isdecimal() and int(low) <= int(value) <= int(high)
    form = _FORMATS[projection[f"projection.{key}.format"]]
    return _bound(low, form, now) <= value <= _bound(high, form, now)  # the forms sort as time does


def _bound(text: str, form: str, now: datetime) -> str:
    """A bound of a range as a value of the key."""
    match = _NOW.fullmatch(text)
    if match is None:
        return text
    at = now.astimezone(UTC)
    if match["shift"]:
        at = _shifted(at, int(match["shift"]), match["unit"])
    return at.strftime(form)


def _shifted(at: datetime, count: int, unit: str) -> datetime:
    if unit in ("DAYS", "HOURS"):
        return at + (timedelta(days=count) if unit == "DAYS" else timedelta(hours=count))
    months = at.year * 12 + at.month - 1 + (12 * count if unit == "YEARS" else count)
    return at.replace(year=months // 12, month=months % 12 + 1, day=1)
