"""Comparison of one element of a contract, field by field, by a table of rules.

Each element (a table, a column, a feed) has a rule for every one of its fields, so that no difference is passed over: a
field without a rule raises ``KeyError``, which the tests find for every field of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from core.contract.codec import to_data
from core.contract.types import ColumnType
from core.evolution.changes import Change, Grade
from core.json import canonical_text
from core.warehouse.arrow_types import arrow_type
from core.warehouse.partition_objects import widens

LONGEST = 80  # characters of a value in a line


@dataclass(frozen=True, slots=True)
class Verdict:
    """The class of a change, why, and what to do."""

    grade: Grade
    reason: str
    road: str = ""


Rule = Verdict | Callable[[Any, Any], Verdict]
Inner = Callable[[str, Any, Any], Iterator[Change]]  # place, before, after: an element that is compared by its parts


def compare_fields(
    dataset: str,
    place: str,
    before: Any,
    after: Any,
    rules: Mapping[str, Rule],
    *,
    inner: Mapping[str, Inner] | None = None,
) -> Iterator[Change]:
    """The fields of two values of one dataclass that differ; those of ``inner`` are compared by their parts."""
    for field in fields(before):
        was, becomes = getattr(before, field.name), getattr(after, field.name)
        if was == becomes:
            continue
        where = f"{place}.{field.name}" if place else field.name
        if inner and field.name in inner:
            yield from inner[field.name](where, was, becomes)
            continue
        rule = rules[field.name]
        verdict = rule(was, becomes) if callable(rule) else rule
        yield change_of(dataset, where, was, becomes, verdict)


def change_of(dataset: str, place: str, was: Any, becomes: Any, verdict: Verdict) -> Change:
    """A change with its values as texts."""
    return Change(dataset, place, shown(was), shown(becomes), verdict.grade, verdict.reason, verdict.road)


def compare_named(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[list[str], list[str], list[tuple[str, Any, Any]]]:
    """Names that came, names that went, and the elements of both sides, in the order of the sides."""
    both = [(name, before[name], after[name]) for name in after if name in before]
    return [name for name in after if name not in before], [name for name in before if name not in after], both


def shown(value: Any) -> str:
    """A value as a line of a contract would have it, cut where it is long."""
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, ColumnType | str):
        text = str(value)
    elif isinstance(value, tuple) and all(isinstance(part, str) for part in value):
        text = f"[{', '.join(value)}]"
    elif is_dataclass(value) or isinstance(value, tuple | dict):
        text = canonical_text(to_data(value))
    else:
        text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


# ---------------------------------------------------------------- rules that several elements have


def by_type(was: ColumnType, becomes: ColumnType) -> Verdict:
    """A wider type holds every value that there is; any other may not."""
    if (was.name, becomes.name) == ("json", "string"):
        return Verdict("additive", "every JSON text is a string")
    is_checked = becomes.name == "json" and was.name != "json"
    if not is_checked and widens(arrow_type(was), arrow_type(becomes)):
        return Verdict("additive", f"every {was} is a {becomes}; stored ones are widened as they are read")
    return Verdict("rebuild", f"not every {was} is a {becomes}", "Values that do not fit are rejected, with a reason")


def applied(reason: str, road: str = "") -> Verdict:
    """A change that is applied at once."""
    return Verdict("additive", reason, road)
