"""The place of a row in the warehouse: its partition, the object that holds it, and the certificates of its window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditor.evidence.chain import ChainReader
from auditor.stories.story import Event, listed
from auditor.warehouse.partitions import read_partition
from core.audit.certificate import Certificate, window_name
from core.contract.model import Table
from core.errors import InvalidData, Misuse
from core.ports import PartitionStore
from core.warehouse.arrow_types import CONTENT_FIELDS
from core.warehouse.footer import Footer
from core.warehouse.keys import in_partitions, partition_codes
from core.warehouse.pointer import partition_of

MOST_CERTIFICATES = 8  # of one window, the newest


@dataclass(frozen=True, slots=True)
class Holding:
    """A partition as its pointer has it now, and the rows of it that are asked for, the newest last.

    ``partition`` names table and path. ``written_at`` is when its object was written (ISO 8601), ``problem`` why its
    rows cannot be trusted. Without a problem and a target, it has no rows yet.
    """

    partition: str
    rows: tuple[Mapping[str, Any], ...] = ()
    target: str = ""
    footer: Footer | None = None
    problem: str = ""

    @property
    def row(self) -> Mapping[str, Any] | None:
        """The newest of the rows."""
        return self.rows[-1] if self.rows else None

    @property
    def hold(self) -> str:
        """Why the partition must not be healed; empty where it may."""
        return self.footer.hold if self.footer else ""


def read_holding(store: PartitionStore, table: Table, path: str, wanted: Mapping[str, pa.Scalar]) -> Holding:
    """The rows of the partition whose columns have these values, by the version that wins."""
    content = [kept.name for kept in CONTENT_FIELDS] if table.keeps_content else []
    held = read_partition(store, table, path, [*(column.name for column in table.columns), *content])
    mask = pa.array([True] * held.rows.num_rows, pa.bool_())
    for column, value in wanted.items():
        mask = pc.and_(mask, pc.fill_null(pc.equal(held.rows.column(column), value), False))
    rows = held.rows.filter(mask).to_pylist()
    version = [name for name in table.version if name in held.rows.column_names]
    ranks = {column.name: column.rank for column in table.columns}

    def newness(row: Mapping[str, Any]) -> list[tuple[bool, Any]]:
        values = [ranks[name].index(row[name]) if row[name] in ranks[name] else row[name] for name in version]
        return [(value is not None, value if value is not None else 0) for value in values]

    rows.sort(key=newness)
    return Holding(partition_of(table.folder, path), tuple(rows), held.target, held.footer, held.problem)


def held_text(holding: Holding, window: Mapping[str, Any]) -> str:
    """Who holds the row's partition, why and since when, or what its window is held by; empty where nobody does."""
    if holding.hold:
        return f"{holding.partition} is held: {holding.hold}"
    return str(window.get("reason", "")) if window.get("status") == "held" else ""


def release_of(holding: Holding, table: str) -> str:
    """What ends the hold that ``held_text`` tells of a row of the table."""
    path = holding.partition.partition("/")[2]
    place = f"{table} {path}".strip() if holding.hold else "TABLE PARTITION"
    return f"Nothing heals what is held, and no window of it is certified, until: starmend rollback {place} --release"


def path_of(table: Table, values: Mapping[str, pa.Scalar]) -> str:
    """The partition of a row with these values. Raises ``Misuse`` where the table has no partition for them."""
    columns = {
        part.column: pa.array([values[part.column].as_py()], values[part.column].type) for part in table.partition_by
    }
    if not columns:
        return ""
    row = pa.table(columns)
    if not in_partitions(table, row)[0].as_py():
        raise Misuse(
            "find the partition", table.name, "has no partition for these values", "starmend describe shows them"
        )
    return partition_codes(table, row)[1][0]


def holding_events(holding: Holding) -> Iterator[Event]:
    """The events of a partition: that it holds the row, and what is out of the ordinary with it."""
    footer = holding.footer
    if holding.problem:
        yield Event("", "broken", f"{holding.partition}: {holding.problem}", holding.target)
    if footer is None:
        return
    if holding.rows:
        yield Event("", "stored", f"in {holding.partition}, version {footer.version:,}", holding.target)
    if footer.kind == "rollback":
        yield Event("", "rolled back", f"{holding.partition} was brought back to version {footer.restores:,}")
    if holding.hold:
        yield Event("", "held", f"{holding.partition} must not be healed: {holding.hold}")


# ---------------------------------------------------------------- certificates


def certificates_of(chain: ChainReader, subject: str, start: str) -> tuple[Certificate, ...]:
    """The certificates of a window, the oldest first; one that was altered ends the list."""
    name = window_name(subject, start)
    entry = chain.entries([(name, start)]).get(name)
    number = entry.number if entry else 0
    certificates: list[Certificate] = []
    while number and len(certificates) < MOST_CERTIFICATES:
        try:
            certificate = chain.certificate(number)
        except InvalidData:
            break
        if certificate is None:
            break
        certificates.append(certificate)
        number = certificate.replaces
    return tuple(reversed(certificates))


def certificate_events(certificates: Iterable[Certificate]) -> Iterator[Event]:
    """An event for each certificate of the window."""
    for certificate in certificates:
        changed = listed([name for name in certificate.changed if name != "partitions"])
        again = f", in place of number {certificate.replaces:,}" if certificate.replaces else ""
        text = f"certificate {certificate.number:,} of its window{again}" + (f"; changed: {changed}" if changed else "")
        yield Event(certificate.verified_at, "certified", f"{text} (run {certificate.run})")
