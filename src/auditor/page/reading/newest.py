"""Reading of the newest instant of each fact from a few of its partitions: where asking Athena would scan every row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from heapq import nlargest

import pyarrow as pa
import pyarrow.compute as pc

from auditor.page.reading.freshness import instant_column
from auditor.page.reading.listings import ListedOnce
from auditor.services import Services
from auditor.warehouse.outdated import paths_newest_first
from auditor.warehouse.partitions import read_partition
from core.contract.model import Table
from core.ports import ObjectReader
from core.time import NO_PLACE
from core.warehouse.pointer import POINTER_NAME, pointer_key

PARTITIONS = 8  # of a fact: of the newest times, and again of those that changed last


def newest_stored(services: Services, tables: Sequence[Table]) -> Mapping[str, dt.datetime | None]:
    """The newest instant in each fact, aware; None where no row was found. Facts whose key has no instant are left out.

    Rows without a place in time, which show ``NO_PLACE``, are passed over.

    Read are the partitions of the newest times and those that changed last, which hold the newest row unless what was
    made again since pushed it out of both: never newer than the truth, and older only then. Raises
    ``TransientFailure`` where the store does not answer.
    """
    return {table.name: _newest(services, table, column) for table in tables if (column := instant_column(table))}


def _newest(services: Services, table: Table, column: str) -> dt.datetime | None:
    def latest(path: str) -> dt.datetime | None:
        instants = read_partition(services.partitions, table, path, [column]).rows[column]
        placed = pc.less(instants, pa.scalar(NO_PLACE, instants.type))
        instant: dt.datetime | None = pc.max(instants.filter(placed)).as_py()
        return instant

    records = ListedOnce(services.records)
    paths = paths_newest_first(records, table)[:PARTITIONS] + _changed_last(records, table)
    with ThreadPoolExecutor(services.limits.workers) as pool:
        instants = [instant for instant in pool.map(latest, dict.fromkeys(paths)) if instant is not None]
    return max(instants).replace(tzinfo=dt.UTC) if instants else None


def _changed_last(records: ObjectReader, table: Table) -> list[str]:
    folder = pointer_key(table.folder).removesuffix(POINTER_NAME)
    pointers = (info for info in records.list(folder) if info.key.endswith(f"/{POINTER_NAME}"))
    last = nlargest(PARTITIONS, pointers, key=lambda info: (info.modified, info.key))
    return [info.key.removeprefix(folder).removesuffix(POINTER_NAME).rstrip("/") for info in last]
