"""Reading of what a table's page shows: its partitions and their versions, its certificates, its refused lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from auditor.page.reading.sources import Notes, Sources
from auditor.page.reading.windows import Entries
from auditor.page.tables import Refusals, TableView, shape_refusals, shape_table
from auditor.stories.superseded import Superseded
from auditor.warehouse.outdated import paths_newest_first
from core.contract.model import Contract, Table
from core.errors import BrokenPointer
from core.landing.refused_lines import refused_lines
from core.landing.zone import QUARANTINE
from core.warehouse.pointer import partition_of, version_of

MOST_POINTERS = 24  # of a table that are read, of its newest partitions
MOST_OBJECTS = 20  # with refused lines that are read, of a source table
MOST_LISTED = 5_000  # names of objects with refused lines


def read_tables(
    sources: Sources, contract: Contract, everything: Sequence[Table], entries: Entries, notes: Notes
) -> list[TableView]:
    """The tables of a dataset; ``entries`` are the certificates that speak for the range's windows."""
    return [_table(sources, contract, table, everything, entries, notes) for table in contract.tables]


def _table(
    sources: Sources, contract: Contract, table: Table, everything: Sequence[Table], entries: Entries, notes: Notes
) -> TableView:
    paths: list[str] = notes.unless(f"partitions of {table.name}", [], paths_newest_first, sources.records, table)
    nothing: dict[str, int] = {}
    versions = notes.unless(f"versions of {table.name}", nothing, _versions, sources, table, paths[:MOST_POINTERS])
    refusals = Refusals()
    if table.kind == "fact":
        refusals = notes.unless(f"quarantine of {table.name}", refusals, _refusals, sources, contract, table.source)
    return shape_table(
        contract, table, everything, paths=paths, versions=versions, entries=entries.values(), refusals=refusals
    )


def _versions(sources: Sources, table: Table, paths: Sequence[str]) -> dict[str, int]:
    """The current version of each partition; of one whose pointer is broken none."""

    def version(path: str) -> int | None:
        try:
            pointer = sources.services.partitions.read_pointer(partition_of(table.folder, path))
        except BrokenPointer:
            return None
        return version_of(pointer.target) if pointer else None

    with ThreadPoolExecutor(sources.workers) as pool:
        numbered = zip(paths, pool.map(version, paths), strict=True)
        return {path: number for path, number in numbered if number is not None}


def _refusals(sources: Sources, contract: Contract, source: str) -> Refusals:
    prefix = f"{QUARANTINE}dataset={contract.dataset}/source_table={source}/"
    listed = list(islice(sources.records.list(prefix), MOST_LISTED + 1))
    filled = sorted((info for info in listed if info.size), key=lambda info: info.modified, reverse=True)
    keys = [info.key for info in filled[:MOST_OBJECTS]]
    superseded = Superseded(sources.services.partitions, sources.services.contracts, most=MOST_POINTERS)
    lines = [line for line, is_over in superseded.split(_lines(sources, keys)) if not is_over]
    unread = len(filled) - len(keys)
    objects = len({line["object"] for line in lines}) + unread
    return shape_refusals(lines, objects=objects, more=unread > 0)


def _lines(sources: Sources, keys: Sequence[str]) -> Iterator[dict[str, object]]:
    with ThreadPoolExecutor(sources.workers) as pool:
        for key, stored in zip(keys, pool.map(sources.records.read, keys), strict=True):
            yield from refused_lines(key, stored.body if stored else b"")
