"""Tables on the page: what the contract says of each, where its rows come from, and what proves them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.audit.certificate import LedgerEntry
from core.contract.model import Column, Contract, Feed, Table
from core.warehouse.pointer import partition_of

MOST_PARTITIONS = 400  # of a table that are listed, the newest
MOST_CERTIFICATES = 60  # likewise
MOST_REASONS = 8  # for which lines were refused


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column as an analyst reads it; ``rule`` says what is checked of it, in words."""

    name: str
    type: str
    comment: str
    unit: str
    references: str
    rule: str


@dataclass(frozen=True, slots=True)
class Place:
    """A neighbour in the lineage: a source table, or a table of the warehouse (then ``table`` is its name)."""

    kind: Literal["source", "fact", "rollup", "dimension", "calendar"]
    name: str
    table: str = ""


@dataclass(frozen=True, slots=True)
class PartitionView:
    """A partition: its certified rows within the range (None: no certificate speaks of it) and its current version."""

    path: str
    rows: int | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A certificate that speaks of the table. ``start`` and ``end`` (ISO 8601) bound its window."""

    number: int
    hash: str
    start: str
    end: str
    expected: int
    present: int
    repaired: int
    late: int
    absent: int
    unplaced: int
    rows: int


@dataclass(frozen=True, slots=True)
class Refusals:
    """Lines in quarantine of the source table: how many objects have some, and the reasons with their numbers.

    ``lines`` counts those that were looked at; ``more``: there are objects beyond them.
    """

    objects: int = 0
    lines: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    examples: tuple[tuple[str, int, str], ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class TableView:
    """A table of the warehouse, as the page shows it."""

    name: str
    dataset: str
    kind: str
    grain: str
    key: tuple[str, ...]
    source: str
    partition_by: tuple[str, ...]
    columns: tuple[ColumnView, ...]
    upstream: tuple[Place, ...]
    downstream: tuple[Place, ...]
    partitions: tuple[PartitionView, ...] = ()
    partition_count: int = 0
    certificates: tuple[CertificateView, ...] = ()
    certificate_count: int = 0
    refusals: Refusals = field(default_factory=Refusals)
    proof: str = ""
    certified_through: str = ""


def shape_table(
    contract: Contract,
    table: Table,
    tables: Sequence[Table],
    *,
    paths: Sequence[str] = (),
    versions: Mapping[str, int] | None = None,
    entries: Iterable[LedgerEntry] = (),
    refusals: Refusals | None = None,
) -> TableView:
    """A table with its partitions (``paths``, the newest first; ``versions`` by path) and certificates.

    A table that is computed has none: its ``certified_through`` names the one whose certificates speak for it.
    """
    known = sorted(entries, key=lambda entry: (entry.start, entry.number), reverse=True)
    rows = _rows_by_partition(known)
    folder = f"{table.folder}/"
    own = [entry for entry in known if any(name.startswith(folder) for name in entry.partitions)]
    views = [
        PartitionView(path, rows.get(partition_of(table.folder, path)), (versions or {}).get(path))
        for path in paths[:MOST_PARTITIONS]
    ]
    return TableView(
        name=table.name,
        dataset=contract.dataset,
        kind=table.kind,
        grain=table.description,
        key=table.key,
        source=table.source,
        partition_by=tuple(
            part.column if part.transform == "value" else f"{part.transform}({part.column})"
            for part in table.partition_by
        ),
        columns=tuple(_column(column) for column in table.columns),
        upstream=tuple(_upstream(contract, table, tables)),
        downstream=tuple(_downstream(table, tables)),
        partitions=tuple(views),
        partition_count=len(paths),
        certificates=tuple(_certificate(entry, folder) for entry in own[:MOST_CERTIFICATES]),
        certificate_count=len(own),
        refusals=refusals or Refusals(),
        proof=f"starmend verify --dataset {contract.dataset}" if contract.source else "",
        certified_through=table.source if table.kind == "rollup" else "",
    )


def _rows_by_partition(entries: Iterable[LedgerEntry]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for entry in entries:
        for name, (count, _) in entry.partitions.items():
            rows[name] = rows.get(name, 0) + int(count)
    return rows


def _certificate(entry: LedgerEntry, folder: str) -> CertificateView:
    return CertificateView(
        number=entry.number,
        hash=entry.hash,
        start=entry.start,
        end=entry.end,
        expected=entry.expected,
        present=entry.present,
        repaired=entry.repaired,
        late=entry.late,
        absent=entry.absent,
        unplaced=entry.unplaced,
        rows=sum(int(rows) for name, (rows, _) in entry.partitions.items() if name.startswith(folder)),
    )


def _column(column: Column) -> ColumnView:
    rules = ["never null"] if column.required else []
    rules += [f"{column.check.operator} {column.check.literal}"] if column.check else []
    rules += [f"one of {', '.join(column.one_of)}"] if column.one_of else []
    return ColumnView(
        name=column.name,
        type=column.type.catalog,
        comment=column.comment,
        unit=column.unit,
        references=column.references,
        rule="; ".join(rules),
    )


def _upstream(contract: Contract, table: Table, tables: Sequence[Table]) -> list[Place]:
    """What its rows are made of: a source table, a fact, and what is joined."""
    by_name = {other.name: other for other in tables}
    if table.source in by_name:
        fact = by_name[table.source]
        return [Place(fact.kind, fact.name, fact.name)]
    source = contract.source
    if table.kind == "calendar" or source is None or not table.source:
        return []
    kind = source.provider.kind if isinstance(source, Feed) else source.engine
    names = [table.source, *(join.table for join in table.joins)]
    return [Place("source", f"{contract.dataset}.{name} ({kind})") for name in names]


def _downstream(table: Table, tables: Sequence[Table]) -> list[Place]:
    """What is made of its rows, and what refers to them."""
    places = [Place(other.kind, other.name, other.name) for other in tables if other.source == table.name]
    rolled = {place.table for place in places}
    places += [
        Place(other.kind, other.name, other.name)
        for other in tables
        if other.name not in rolled | {table.name}
        and any(column.references.partition(".")[0] == table.name for column in other.columns)
    ]
    return places


def shape_refusals(lines: Iterable[Mapping[str, object]], *, objects: int, more: bool) -> Refusals:
    """What lies in quarantine, by reason, the most frequent first; an example of each."""
    counts: dict[str, int] = {}
    examples: dict[str, tuple[str, int, str]] = {}
    for line in lines:
        reason = str(line["reason"])
        counts[reason] = counts.get(reason, 0) + 1
        examples.setdefault(reason, (str(line["object"]), int(str(line["line"])), reason))
    reasons = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_REASONS]
    return Refusals(
        objects=objects,
        lines=sum(counts.values()),
        reasons=tuple(reasons),
        examples=tuple(examples[reason] for reason, _ in reasons),
        more=more,
    )
