"""Read a folder of contracts: the only place that parses them.

Raises ``BadContracts`` naming, for every problem, the file, the path inside it, what is wrong and what would be right.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from core.authoring import declare
from core.authoring.calendars import calendar_names, trading_calendar
from core.authoring.problems import BadContracts, Problem, Problems, nearest
from core.authoring.resolve import resolve
from core.authoring.rules import check_contract, shared_tables_agree
from core.contract.codec import content_hash
from core.contract.model import Contract, Contracts, Database, Feed, Lookup, TradingCalendar


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
    collected: list[Problem] = []
    loaded: list[tuple[Problems, Contract]] = []
    for file in files:
        problems = Problems(file.name)
        shape = _read_shape(file, problems)
        if shape is not None:
            loaded.append((problems, resolve(shape, problems)))
        else:
            collected += problems.items
    lookups = tuple(_read_lookup(path) for path in sorted((folder / "lookups").glob("*.csv")))
    contracts = Contracts(tuple(contract for _, contract in loaded), lookups)
    for problems, contract in loaded:
        if not problems.items:
            check_contract(contract, contracts, problems)
        _check_calendar(contract, problems)
    collected += [problem for problems, _ in loaded for problem in problems.items]
    collected += _disagreements(loaded, contracts)
    if any(not problem.warning for problem in collected):
        return contracts, collected
    hashed = tuple(dataclasses.replace(contract, hash=content_hash(contract)) for contract in contracts)
    return Contracts(hashed, lookups, _calendars(hashed, today)), collected


def _read_shape(file: Path, problems: Problems) -> declare.ContractShape | None:
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problems.add(".", f"is no YAML: {' '.join(str(error).split())}", "Mend the syntax")
        return None
    if not isinstance(data, dict):
        problems.add(".", "is no mapping", "Begin with: dataset: <name>")
        return None
    try:
        return declare.ContractShape.model_validate(data)
    except ValidationError as error:
        for detail in error.errors():
            problems.add(_path(detail["loc"]), *_explain(detail))
        return None


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is given twice: YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            keys.add(key)
        return super().construct_mapping(node, deep=deep)


def _path(location: tuple[int | str, ...]) -> str:
    kinds = {"fact", "dimension", "calendar", "rollup", "database", "feed", "ByKindShape", "str"}
    parts = [str(part) for position, part in enumerate(location) if not (position and part in kinds)]
    return ".".join(parts) or "."


def _explain(error: Any) -> tuple[str, str]:
    location, kind = error["loc"], error["type"]
    if kind == "extra_forbidden":
        return f"unknown key {location[-1]!r}", nearest(str(location[-1]), _known_keys())
    if kind == "missing":
        return f"{location[-1]!r} is missing", "Add it"
    if kind == "union_tag_invalid":
        return f"unknown kind {error['ctx']['tag']!r}", f"Use one of {error['ctx']['expected_tags']}"
    message = str(error["msg"]).removeprefix("Value error, ")
    problem, _, remedy = message.partition("; ")
    return problem, (remedy[:1].upper() + remedy[1:]) or f"It was {error.get('input')!r}"


def _known_keys() -> list[str]:
    shapes = [var for var in vars(declare).values() if isinstance(var, type) and issubclass(var, declare.Shape)]
    return sorted({field.alias or name for shape in shapes for name, field in shape.model_fields.items()})


def _read_lookup(path: Path) -> Lookup:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    columns = zip(*rows, strict=True)
    return Lookup(path.stem, {name: tuple(column) for name, column in zip(header, columns, strict=True)})


def _check_calendar(contract: Contract, problems: Problems) -> None:
    if isinstance(contract.source, Feed):
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


def _calendars(contracts: tuple[Contract, ...], today: dt.date) -> tuple[TradingCalendar, ...]:
    """The calendars that feeds name, from the earliest day that their facts list to the end of the next year."""
    first: dict[str, dt.date] = {}
    for contract in contracts:
        if isinstance(contract.source, Feed):
            days = [dt.date.fromisoformat(table.since) for table in contract.tables if table.kind == "fact"]
            name = contract.source.calendar
            first[name] = min([*days, first.get(name, dt.date.max)])
    last = dt.date(today.year + 1, 12, 31)
    return tuple(trading_calendar(name, first=day, last=last) for name, day in sorted(first.items()))
