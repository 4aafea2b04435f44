"""Comparison of two sets of contracts: every element that is another, with its class. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.contract.model import Contract, Contracts, Database, Feed, TradingCalendar
from core.evolution.changes import Change
from core.evolution.compare_sources import compare_sources
from core.evolution.compare_tables import compare_tables
from core.evolution.elements import Verdict, applied, change_of, compare_named


def compare_contracts(before: Contracts, after: Contracts) -> tuple[Change, ...]:
    """The changes that lead from one to the other, dataset by dataset in the order of the new ones.

    None where no contract, lookup or known time of a calendar is another.
    """
    return tuple(_compare(before, after))


def as_written(contract: Contract) -> Contract:
    """The contract without what only a deployment knows: the generations of its tables."""
    source = contract.source
    if isinstance(source, Database):
        source = replace(source, tables=tuple(replace(table, generation="") for table in source.tables))
    tables = tuple(replace(table, generation="") for table in contract.tables)
    return replace(contract, source=source, tables=tables, beside=None)


def _compare(before: Contracts, after: Contracts) -> Iterator[Change]:
    came, went, both = compare_named(
        {contract.dataset: as_written(contract) for contract in before},
        {contract.dataset: as_written(contract) for contract in after},
    )
    for name in came:
        yield change_of(name, "dataset", "", name, applied("a new dataset"))
    for name in went:
        road = "Keep it until nobody reads it; to take it out all the same: --allow-destroy"
        verdict = Verdict("refused", "its tables would be there and nobody would see or feed them", road)
        yield change_of(name, "dataset", name, "", verdict)
    for _, was, becomes in both:
        yield from compare_sources(was, becomes)
        yield from compare_tables(was, becomes)
        yield from _compare_quarantine(was, becomes)
        yield from _compare_lookups(before, after, becomes)
        yield from _compare_calendars(before, after, was, becomes)


def _compare_quarantine(was: Contract, becomes: Contract) -> Iterator[Change]:
    for name in ("quarantine_share", "quarantine_minimum"):
        old, new = getattr(was, name), getattr(becomes, name)
        if old != new:
            place = name.replace("_", ".")
            verdict = applied("objects that stand halted are tried again")
            yield change_of(becomes.dataset, place, old, new, verdict)


def _compare_lookups(before: Contracts, after: Contracts, contract: Contract) -> Iterator[Change]:
    """Lookup files that the contract's tables go by."""
    known = {lookup.name: lookup for lookup in before.lookups}
    for lookup in after.lookups:
        old = known.get(lookup.name)
        users = [
            table.name
            for table in contract.tables
            if any(column.rule.rule == "looked_up" and column.rule.lookup == lookup.name for column in table.columns)
        ]
        if old is not None and old != lookup and users:
            verdict = Verdict("restate", f"values of {', '.join(users)} are looked up in it", "They are made again")
            place = f"lookups.{lookup.name}"
            yield change_of(contract.dataset, place, _size(old.columns), _size(lookup.columns), verdict)


def _size(columns: object) -> str:
    values = list(columns.values()) if isinstance(columns, dict) else []
    return f"{len(values[0]) if values else 0} lines"


def _compare_calendars(before: Contracts, after: Contracts, was: Contract, becomes: Contract) -> Iterator[Change]:
    """A calendar of the same name that knows another time; that it reaches further is no change."""
    if not (isinstance(was.source, Feed) and isinstance(becomes.source, Feed)):
        return
    name = becomes.source.calendar
    if was.source.calendar != name:
        return
    old, new = before.calendar(name), after.calendar(name)
    start, end = max(old.covers_from, new.covers_from), min(old.covers_to, new.covers_to)
    if _within(old, start, end) != _within(new, start, end):
        verdict = applied("it holds from its deployment on")
        yield change_of(becomes.dataset, f"calendars.{name}", old.version, new.version, verdict)


def _within(calendar: TradingCalendar, start: int, end: int) -> list[tuple[int, int]]:
    return [
        (max(opens, start), min(closes, end)) for opens, closes in calendar.segments if opens < end and closes > start
    ]
