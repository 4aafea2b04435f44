"""Roles of a database's tables in a star: facts, dimensions, parents that a dimension absorbs, and what is left out.

Told by foreign keys and counts. A fact refers to other tables and tells of something that happened: it has a time of
its own, or it is measured and nobody refers to it. Whatever else has rows that others refer to, or refers to little,
describes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.proposing.clocks import Clocks, find_clocks, is_business_time
from core.proposing.naming import one_of_many, plain_name
from core.proposing.unread import nameless, unread
from core.sources.catalog import CatalogColumn, CatalogTable, Reference
from core.sources.fitting import proposed
from core.sources.samples import TableSample

Role = Literal["fact", "dimension", "absorbed", "left out"]
MOST_COMPARED = 1_000_000  # rows of a table without clocks, all of which every audit compares
MOST_REFERRING = 2  # tables of details that a fact may have; what more refer to describes
_MEASURES = ("integer", "decimal", "float")
_SAY_NOTHING = ("id", "key", "code", "name", "number", "uuid")  # names of keys that are in every table


@dataclass(frozen=True, slots=True)
class Understood:
    """A table, what was found out of it, and its role with the reason.

    ``parents`` are its references to other tables of the proposal that name one row by one column.
    """

    table: CatalogTable
    sample: TableSample
    clocks: Clocks
    role: Role
    why: str
    parents: tuple[Reference, ...] = ()

    @property
    def relation(self) -> str:
        return self.table.relation


def understand(tables: Sequence[CatalogTable], samples: Mapping[str, TableSample]) -> list[Understood]:
    """Every table with its role; ``samples`` by relation."""
    tables = with_references_by_name(tables)
    read = {table.relation: _first_look(table, samples.get(table.relation, TableSample())) for table in tables}
    kept = {relation: known for relation, known in read.items() if known.role != "left out"}
    children: dict[str, list[CatalogTable]] = {relation: [] for relation in kept}
    for known in kept.values():
        for parent in {reference.table for reference in known.table.references} - {known.relation}:
            if parent in children:
                children[parent].append(known.table)
    judged = [
        _judged(read[table.relation], kept, children[table.relation])
        if table.relation in kept
        else read[table.relation]
        for table in tables
    ]
    return _with_absorbed(judged)


def with_references_by_name(tables: Sequence[CatalogTable]) -> list[CatalogTable]:
    """The tables, with the references that their columns' names tell where no foreign key does.

    ``customer_id`` is of the one table whose key is called so, or which is called customer and has a key of one column.
    """
    targets: dict[str, dict[str, CatalogTable]] = {}
    for table in tables:
        if len(table.key) == 1 and table.kind in ("table", "partitioned"):
            key, name = plain_name(table.key[0]), plain_name(table.name)
            own = {key} if key not in _SAY_NOTHING else set()
            for called in own | {f"{name}_id", f"{one_of_many(name).replace(' ', '_')}_id"}:
                targets.setdefault(called, {})[table.relation] = table
    return [replace(table, references=(*table.references, *_by_name(table, targets))) for table in tables]


def _by_name(table: CatalogTable, targets: Mapping[str, Mapping[str, CatalogTable]]) -> Iterator[Reference]:
    known = {name for reference in table.references for name in reference.columns}
    for column in table.columns:
        parents = [*targets.get(plain_name(column.name), {}).values()]
        if len(parents) != 1 or column.name in known or (column.name,) == table.key:
            continue
        key = parents[0].column(parents[0].key[0])
        if key is not None and key.type.kind == column.type.kind and parents[0].relation != table.relation:
            yield Reference((column.name,), parents[0].relation, (key.name,))


def _first_look(table: CatalogTable, sample: TableSample) -> Understood:
    clocks = find_clocks(table, sample)
    unfit = _unfit(table, clocks, max(sample.total, table.rows))
    return Understood(table, sample, clocks, "left out" if unfit else "dimension", unfit)


def _unfit(table: CatalogTable, clocks: Clocks, rows: int) -> str:
    """Why a table cannot be promised; empty where it can."""
    if not table.readable:
        return "this role may not read it: GRANT SELECT"
    if table.kind not in ("table", "partitioned"):
        return f"it is a {table.kind}; one can be read where it has a key and a clock, with a lookback"
    if table.filtered:
        return "a policy hides rows of it from this role"
    if not table.key:
        return "nothing tells its rows apart: it has no primary key and no unique index without nulls"
    if hidden := [name for name in table.key if not _readable(table, name)]:
        return f"this role may not read its key {', '.join(hidden)}"
    if len({name.casefold() for name in table.key}) < len(table.key):
        return "the columns of its key differ in capitals alone, and to the catalog they are one"
    if any(map(nameless, table.key)):
        return f"no contract can name its key {', '.join(table.key)}: read it through a view that names it otherwise"
    if not clocks and rows > MOST_COMPARED:
        return "no column tells when a row was made or changed, and it is too large to be compared whole in every audit"
    return ""


def _readable(table: CatalogTable, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.readable


def _judged(known: Understood, kept: Mapping[str, Understood], children: Sequence[CatalogTable]) -> Understood:
    table = known.table
    hidden = unread(table, (*table.key, known.clocks.created_at, known.clocks.changed_at))
    references = [reference for reference in table.references if not hidden.keys() & {*reference.columns}]
    parents = tuple(reference for reference in references if _names_one_row(reference, table, kept))
    role, why = _role(known, [kept[name] for name in _others(table, kept)], children)
    return Understood(table, known.sample, known.clocks, role, why, parents)


def _others(table: CatalogTable, kept: Mapping[str, Understood]) -> list[str]:
    return sorted({reference.table for reference in table.references if reference.table in kept} - {table.relation})


def _names_one_row(reference: Reference, table: CatalogTable, kept: Mapping[str, Understood]) -> bool:
    parent = kept.get(reference.table)
    if parent is None or len(reference.columns) != 1 or reference.theirs != parent.table.key:
        return False
    ours, theirs = table.column(reference.columns[0]), parent.table.column(reference.theirs[0])
    if ours is None or theirs is None or proposed(ours.type) != proposed(theirs.type):  # as int and bigint
        return False
    return reference.table != table.relation


def _role(known: Understood, parents: Sequence[Understood], children: Sequence[CatalogTable]) -> tuple[Role, str]:
    table = known.table
    if not parents:
        return "dimension", "it refers to no other table"
    if _rows(known) and all(_rows(parent) > _rows(known) for parent in parents):
        return "dimension", f"it has fewer rows ({_rows(known)}) than each table that it refers to"
    if len(children) > MOST_REFERRING:
        return "dimension", f"{len(children)} tables refer to it"
    measured = [column.name for column in table.columns if _is_measure(column, table)]
    times = [column.name for column in table.columns if is_business_time(column, known.sample)]
    references = f"it refers to {_counted(len(parents), 'table')}"
    if times and (measured or len(parents) > 1):
        return "fact", f"{references} and tells when: {times[0]}"
    if measured and not children:
        return "fact", f"{references}, is measured ({measured[0]}), and no table refers to it"
    if children:
        return "dimension", f"{children[0].name} refers to it, and it has no time but its clocks"
    return "dimension", f"{references} and measures nothing"


def _with_absorbed(judged: Sequence[Understood]) -> list[Understood]:
    """Parents that are told whole by the dimensions that refer to them need no table of their own."""
    by_relation = {known.relation: known for known in judged}
    referring: dict[str, list[Understood]] = {}
    for known in judged:
        for reference in known.parents if known.role != "left out" else ():
            referring.setdefault(reference.table, []).append(known)
    absorbed = {
        relation
        for relation, children in referring.items()
        if is_leaf(by_relation[relation])
        and all(child.role == "dimension" and joined(child, by_relation).get(relation) for child in children)
        and all(_references_to(child, relation) == 1 for child in children)
    }
    why = "the dimensions that refer to it tell it whole"
    return [
        Understood(known.table, known.sample, known.clocks, "absorbed", why, known.parents)
        if known.relation in absorbed
        else known
        for known in judged
    ]


def joined(known: Understood, by_relation: Mapping[str, Understood]) -> dict[str, Reference]:
    """The parents that a dimension tells in its own row, by relation: those that refer to nothing further."""
    if known.role != "dimension" or set(known.table.key) <= {name for ref in known.parents for name in ref.columns}:
        return {}  # what lies between two tables only names them
    parents: dict[str, Reference] = {}
    for reference in known.parents:
        parent = by_relation.get(reference.table)
        if parent is not None and parent.role in ("dimension", "absorbed") and is_leaf(parent):
            parents.setdefault(reference.table, reference)
    return parents


def is_leaf(known: Understood) -> bool:
    """Whether a table refers to no other one of the proposal."""
    return not known.parents


def _references_to(known: Understood, relation: str) -> int:
    return sum(reference.table == relation for reference in known.table.references)


def _is_measure(column: CatalogColumn, table: CatalogTable) -> bool:
    """A number that is neither part of a key nor a reference, nor a flag or a number of something by its name."""
    keys = {*table.key, *(name for reference in table.references for name in reference.columns)}
    parts = set(column.name.lower().replace("-", "_").split("_"))
    named = parts & {"id", "no", "nr", "number", "code", "year", "version", "active", "status", "flag", "type", "level"}
    return column.type.kind in _MEASURES and column.name not in keys and not named


def _rows(known: Understood) -> int:
    return max(known.sample.total, known.table.rows, 0)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
