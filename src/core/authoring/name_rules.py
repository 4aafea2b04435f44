"""Rules of names and comments: no two things that lie in one place have one name, and the catalog holds every text.

The catalog keeps the columns and the partition levels of a table side by side, knows no capitals, and holds star
tables, raw tables, current states, records and views under one roof.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.authoring.problems import Problems
from core.contract.model import Aggregated, Contract, Contracts, Latest, Table, Take
from core.rendering.catalog import INGEST_LINES, column_comment

LONGEST_COMMENT, LONGEST_DESCRIPTION, LONGEST_PARAMETER = 255, 2048, 512_000  # of the Glue catalog; the last in bytes
RECORDS = ("processing_log", "quarantine", "completeness", INGEST_LINES)
PREFIXES = {"raw_": "lines as acquired", "current_": "current states of source tables"}


def name_rules(contract: Contract, contracts: Contracts, table: Table, path: str, problems: Problems) -> None:
    """Add the names of a table and of its columns that something else has already."""
    _table_is_alone(contracts, table, path, problems)
    _texts_fit(table, path, problems)
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


def _texts_fit(table: Table, path: str, problems: Problems) -> None:
    """The catalog keeps a text of each table and each column, and the values of each partition level."""
    if len(table.description) > LONGEST_DESCRIPTION:
        problems.add(path, f"its description has more than {LONGEST_DESCRIPTION:,} characters", "Say it shorter")
    for column in table.columns:
        text = column_comment(column.comment, column.unit, column.references)
        comment_fits(text, f"{path}.columns.{column.name}.comment", problems)
    for part in table.partition_by:
        if len(",".join(part.values).encode()) > LONGEST_PARAMETER:
            problem = (
                f"the values of {part.name!r} are more than the {LONGEST_PARAMETER:,} bytes that the catalog holds"
            )
            problems.add(f"{path}.partition_by", problem, f'Gather them: "bucket({part.column}, 64)", in quotes')


def comment_fits(comment: str, path: str, problems: Problems) -> None:
    """Add a comment that the catalog refuses: one line of 255 characters, the unit and what is referenced included."""
    if len(comment) > LONGEST_COMMENT:
        problems.add(
            path, f"{len(comment)} characters, and the catalog keeps {LONGEST_COMMENT} of a comment", "Say it shorter"
        )
    if any(letter < " " and letter != "\t" for letter in comment):
        problems.add(path, "holds a line break, which the catalog refuses", "Write it in one line: comment: >-")


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
