"""Rules of names: no two things that lie in one place have one name.

The catalog keeps the columns and the partition levels of a table side by side, knows no capitals, and holds star
tables, raw tables, current states, records and views under one roof.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.authoring.problems import Problems
from core.contract.model import Aggregated, Contract, Contracts, Latest, Table, Take

RECORDS = ("processing_log", "quarantine", "completeness")
PREFIXES = {"raw_": "lines as acquired", "current_": "current states of source tables"}


def name_rules(contract: Contract, contracts: Contracts, table: Table, path: str, problems: Problems) -> None:
    """Add the names of a table and of its columns that something else has already."""
    _table_is_alone(contracts, table, path, problems)
    _columns_are_alone(table, path, problems)
    _marks_are_the_pipelines(contract, table, path, problems)


def _table_is_alone(contracts: Contracts, table: Table, path: str, problems: Problems) -> None:
    name = table.name
    if name in RECORDS:
        problems.add(path, f"{name!r} is a table of the pipeline's own records", f"Call it otherwise, as dim_{name}")
    for prefix, holding in PREFIXES.items():
        if name.startswith(prefix):
            problem = f"names that begin with {prefix!r} are the pipeline's, for {holding}"
            problems.add(path, problem, f"Call it otherwise, as fact_{name.removeprefix(prefix)}")
    for other in contracts.tables():
        views = {f"{other.name}_now": Latest, f"{other.name}_complete": Aggregated}
        if (rule := views.get(name)) and any(isinstance(column.rule, rule) for column in other.columns):
            problems.add(path, f"{name!r} is the view of {other.name}", "Call it otherwise")


def _columns_are_alone(table: Table, path: str, problems: Problems) -> None:
    seen: set[str] = set()
    for column in table.columns:
        if column.name in seen:
            problem = f"the pipeline adds a column {column.name!r}"
            if isinstance(column.rule, Latest):
                problem += ", which tells the newest version (history_of)"
            remedy = f"Name yours otherwise and take it: from: {column.name}"
            problems.add(f"{path}.columns.{column.name}", problem, remedy)
        seen.add(column.name)
    levels: set[str] = set()
    for part in table.partition_by:
        if part.name in levels:
            problems.add(f"{path}.partition_by", f"two levels are called {part.name!r}", "Leave one of them out")
        levels.add(part.name)
        if part.transform != "value" and part.name in seen:
            problem = f"the level {part.name!r} has the name of a column, and lies beside it in the catalog"
            problems.add(
                f"{path}.columns.{part.name}", problem, "Name the column otherwise, or partition by another unit"
            )


def _marks_are_the_pipelines(contract: Contract, table: Table, path: str, problems: Problems) -> None:
    """In a fact these two names mean what the auditor's repairs say of a row, and nothing else."""
    if table.kind != "fact" or contract.source is None:
        return
    for column in table.columns:
        if column.name in (table.deleted, table.checked):
            field = column.rule.field if isinstance(column.rule, Take) else ""
            added = {name.name for source in contract.source.tables for name in source.fields if name.added}
            if field != column.name or field not in added:
                problem = f"{column.name!r} is the pipeline's own mark of a row, whose value the auditor's repairs give"
                problems.add(f"{path}.columns.{column.name}", problem, "Name the column otherwise")


def no_lookalikes(names: Iterable[str], path: str, problems: Problems) -> None:
    """Add names that differ in capitals alone: the catalog takes them for one."""
    spelt: dict[str, str] = {}
    for name in names:
        first = spelt.setdefault(name.casefold(), name)
        if first != name:
            remedy = "Leave one of the two out, or have the source name it otherwise"
            problems.add(path, f"{name!r} and {first!r} are one name to the catalog", remedy)
