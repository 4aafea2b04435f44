"""Read a folder of contracts: the only place that parses them.

Raises ``BadContracts`` naming, for every problem, the file, the path inside it, what is wrong and what would be right.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from core.authoring import declare
from core.authoring.calendars import ALWAYS, calendar_names, known_until, trading_calendar
from core.authoring.lookups import read_lookups
from core.authoring.problems import BadContracts, Problem, Problems
from core.authoring.resolve import resolve
from core.authoring.rules import check_contract, contradicted_plans, shared_tables_agree
from core.authoring.written import Document, explain_key, explain_shape, explain_syntax
from core.contract.codec import content_hash
from core.contract.model import Contract, Contracts, Database, Feed, Lookup, TradingCalendar
from core.feeds.grid import expects_slots
from core.warehouse.row_layout import basis_of


def load(folder: Path, *, today: dt.date) -> Contracts:
    """Every ``*.yaml`` of the folder, resolved and checked.

    ``today`` bounds how far calendars are written out (to the end of the next year), so that the same contracts give
    the same rendered file all year.
    """
    contracts, problems = examine(folder, today=today)
    if errors := [problem for problem in problems if not problem.warning]:
        raise BadContracts(errors)
    return contracts


def examine(folder: Path, *, today: dt.date) -> tuple[Contracts, Sequence[Problem]]:
    """Like ``load``, but returns the problems (warnings too) with as much as could be resolved."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        return Contracts(()), [Problem(str(folder), ".", "holds no contract (*.yaml)", "Name the folder of contracts")]
    read = [(problems := Problems(file.name), _read_shape(file, problems)) for file in files]
    lookups, of_lookups = read_lookups(folder / "lookups")
    return examine_shapes(read, lookups, today=today, of_lookups=of_lookups.items)


def examine_shapes(
    read: Iterable[tuple[Problems, declare.ContractShape | None]],
    lookups: tuple[Lookup, ...],
    *,
    today: dt.date,
    of_lookups: Sequence[Problem] = (),
) -> tuple[Contracts, Sequence[Problem]]:
    """Like ``examine``, of files that are read already: the problems of each with its shape, where it has one."""
    collected: list[Problem] = []
    loaded: list[tuple[Problems, Contract]] = []
    for problems, shape in read:
        if shape is not None:
            loaded.append((problems, resolve(shape, problems)))
        else:
            collected += problems.items
    collected += of_lookups
    contracts = Contracts(tuple(contract for _, contract in loaded), lookups)
    for problems, contract in loaded:
        if not problems.items:
            check_contract(contract, contracts, problems, today=today)
        _check_calendar(contract, problems)
    collected += [problem for problems, _ in loaded for problem in problems.items]
    collected += _disagreements(loaded, contracts)
    if any(not problem.warning for problem in collected):
        return contracts, collected
    hashed = tuple(
        dataclasses.replace(_with_bases(contract, lookups), hash=content_hash(contract)) for contract in contracts
    )
    calendars = _calendars(loaded, today)
    collected += [problem for problems, _ in loaded for problem in problems.items if problem not in collected]
    return Contracts(hashed, lookups, calendars), collected


def _with_bases(contract: Contract, lookups: Sequence[Lookup]) -> Contract:
    tables = [dataclasses.replace(table, basis=basis_of(table, contract.source, lookups)) for table in contract.tables]
    return dataclasses.replace(contract, tables=tuple(tables))


def _read_shape(file: Path, problems: Problems) -> declare.ContractShape | None:
    text = ""
    try:
        text = file.read_text(encoding="utf-8")
        document = Document(text)
        odd_keys = list(document.keys_that_are_no_text())
    except (OSError, UnicodeDecodeError) as error:
        problems.add(".", f"cannot be read: {error}", "Save it as a text file in UTF-8")
        return None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # ValueError: a date that is none
        problems.add(".", *explain_syntax(error, text))
        return None
    for path, written, read in odd_keys:
        problems.add(path, *explain_key(written, read))
    if problems.items:
        return None
    if not isinstance(document.data, dict):
        problems.add(".", "is no mapping", "Begin with: dataset: <name>")
        return None
    try:
        return declare.ContractShape.model_validate(_with_attributes_as_written(document))
    except ValidationError as error:
        for detail in error.errors():
            if explanation := explain_shape(detail, document):
                problems.add(*explanation)
        return None


def _with_attributes_as_written(document: Document) -> dict[str, Any]:
    """The data with numbers and days among the entities' attributes as the file has them: ``lat: 51.470`` is a text."""
    data = copy.deepcopy(document.data)
    source = data.get("source")
    entities = source.get("entities") if isinstance(source, dict) else None
    for name, entity in entities.items() if isinstance(entities, dict) else ():
        inner = entity.get("attributes") if isinstance(entity, dict) else None
        for place, holder in (((), entity), (("attributes",), inner)):
            for key, value in holder.items() if isinstance(holder, dict) else ():
                is_written = isinstance(value, int | float | dt.date) and not isinstance(value, bool)
                if is_written and isinstance(holder, dict) and key not in declare.EntityShape.model_fields:
                    holder[key] = document.written(("source", "entities", name, *place, key))
    return dict(data)


def _check_calendar(contract: Contract, problems: Problems) -> None:
    if isinstance(contract.source, Feed) and contract.source.calendar != ALWAYS:
        problems.expect_one_of("source.calendar", contract.source.calendar, calendar_names(), what="calendar")


def _disagreements(loaded: list[tuple[Problems, Contract]], contracts: Contracts) -> list[Problem]:
    files = {contract.dataset: of_file.file for of_file, contract in loaded}
    problems = [
        Problem(
            files[contract.dataset],
            f"warehouse.{table.name}",
            "another contract promises a different table of this name",
            "Rename it, or make both the same",
        )
        for contract, table in shared_tables_agree(contracts)
    ]
    datasets = [contract.dataset for _, contract in loaded]
    for name in {dataset for dataset in datasets if datasets.count(dataset) > 1}:
        problems.append(
            Problem(files[name], "dataset", f"{name!r} is declared twice", "Give each file its own dataset")
        )
    sound = [contract for of_file, contract in loaded if all(problem.warning for problem in of_file.items)]
    problems += [
        Problem(files[contract.dataset], "source.rate_limit", problem, remedy)
        for contract, problem, remedy in contradicted_plans(sound)
    ]
    owners: dict[str, str] = {}
    for _, contract in loaded:
        if isinstance(contract.source, Database) and contract.source.canary:
            continue  # a shadow has neither of the two
        for table in contract.source.tables if contract.source else ():
            owner = owners.setdefault(table.name, contract.dataset)
            if owner != contract.dataset:
                problem = f"dataset {owner!r} has a source table {table.name!r} too"
                remedy = "Rename one: its current state and its raw table are known by that name alone"
                problems.append(Problem(files[contract.dataset], f"source.tables.{table.name}", problem, remedy))
    return problems


def _check_cadence(feed: Feed, calendar: TradingCalendar, last: dt.date, problems: Problems) -> None:
    """Refuse a feed of which nothing is ever expected: it would be healthy for ever. Say that a calendar ends."""
    if not expects_slots(calendar, every=feed.every, start=calendar.covers_from, end=calendar.covers_to):
        problem = (
            f"no slot of {feed.every // 3600} hours begins while {calendar.name} is open, so nothing would be expected"
        )
        remedy = "Take a cadence of which each session has slots, or calendar: always (slots begin at midnight, UTC)"
        problems.add("source.every", problem, remedy)
    if (until := known_until(calendar.name)) is not None and until < last:
        problem = f"the holidays of {calendar.name} are known until {until}, and nothing is expected after that day"
        remedy = "Upgrade exchange_calendars and deploy before; an alarm says so a month ahead"
        problems.add("source.calendar", problem, remedy, warning=True)


def _calendars(loaded: list[tuple[Problems, Contract]], today: dt.date) -> tuple[TradingCalendar, ...]:
    """The calendars that feeds name, from the earliest day that their facts list to the end of the next year."""
    first: dict[str, tuple[dt.date, Problems]] = {}
    for problems, contract in loaded:
        if isinstance(contract.source, Feed):
            day = min(dt.date.fromisoformat(table.since) for table in contract.tables if table.kind == "fact")
            name = contract.source.calendar
            if name not in first or day < first[name][0]:
                first[name] = (day, problems)
    last = dt.date(today.year + 1, 12, 31)
    calendars = []
    for name, (day, problems) in sorted(first.items()):
        try:
            calendar = trading_calendar(name, first=day, last=last)
            calendars.append(calendar)
            for of_feed, contract in loaded:
                if isinstance(contract.source, Feed) and contract.source.calendar == name:
                    _check_cadence(contract.source, calendar, last, of_feed)
        except ValueError as error:
            problem = f"{name} is not known from {day} on: {' '.join(str(error).split())}"
            problems.add("source.calendar", problem, "Let the facts begin later (since)")
    return tuple(calendars)
