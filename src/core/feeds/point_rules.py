"""The contract's rules for single values, asked of a provider's record before it becomes a line. Pure.

Processing refuses whole rows by the same rules (``core.warehouse.checks``). A record that is known to break one is
not written at all: it would lie in quarantine once for every time that its point is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from core.contract.literals import COMPARISONS
from core.contract.model import Check, Column, Contract, Feed, Take, TakeByKind
from core.feeds.lines import Kind

_NUMBERS = ("int", "bigint", "decimal", "double")


def broken_rule(contract: Contract, feed: Feed, kind: Kind, values: Mapping[str, object]) -> str:
    """The first rule that a record's values break, in words; empty where none is known to be broken.

    Checks of numbers and listed values are looked at; nulls break none of them.
    """
    for table in contract.tables:
        if table.kind != "fact" or table.source != feed.table.name:
            continue
        for column in table.columns:
            name = _field_of(column, kind)
            value = values.get(name) if name else None
            if value is not None and (rule := _broken(column, value)):
                return f"{name} = {str(value)[:60]!r} breaks {rule}"
    return ""


def _field_of(column: Column, kind: Kind) -> str:
    rule = column.rule
    if isinstance(rule, TakeByKind):
        return rule.live if kind == "live" else rule.history
    return rule.field if isinstance(rule, Take) and rule.form == "value" else ""


def _broken(column: Column, value: object) -> str:
    if column.check is not None and column.type.name in _NUMBERS and not _holds(column.check, value):
        return f"check {column.check.operator} {column.check.literal}"
    if column.one_of and column.type.name == "string" and str(value) not in column.one_of:
        return f"one_of {', '.join(column.one_of[:10])}"
    return ""


def _holds(check: Check, value: object) -> bool:
    """Whether a number holds; what is no number is refused when its line is written, with better words."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return True
    return not number.is_finite() or COMPARISONS[check.operator](number, Decimal(check.literal))
