"""Planted gaps of a database's canary: one row of a shadow is removed on purpose, for the next audit to bring back."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from core.audit.canary import PlantedRow, planted_key, read_planted
from core.audit.repair_jobs import PlantGap
from core.contract.model import Database, Latest, Table
from core.errors import InvalidData
from processing.partitions.commit import SourceRef, read_partition, restate
from processing.services import Services


def plant_gap(services: Services, repair: PlantGap) -> int:
    """Take one current row, all its versions, out of the partition, and record it; returns how many rows that were.

    Once a day: done again it changes nothing. A crash before the record is written costs a second row, which comes back
    like the first. Raises ``InvalidData`` where the dataset is no canary: no other rows are ever removed.
    """
    contract, table = services.contracts.dataset(repair.dataset), services.contracts.table(repair.table)
    source = contract.source
    if not isinstance(source, Database) or not source.canary or table.dataset != contract.dataset:
        problem = "is no canary, and its rows are not ours to take"
        raise InvalidData("plant gap", f"{repair.dataset}/{repair.table}", problem, "Name a database with canary: true")
    record = planted_key(repair.dataset)
    before = read_planted(services.records, repair.dataset)
    if before is not None and before.day == repair.day:
        return 0
    names = table.history_of or table.key
    snapshot = read_partition(services.partitions, table, repair.partition)
    row = _choose(snapshot.table, table, seed=f"canary:{repair.dataset}:{repair.day}") if snapshot else None
    if row is None:
        return 0
    taken = 0

    def without() -> tuple[pa.Table, Sequence[SourceRef]]:
        nonlocal taken
        now = read_partition(services.partitions, table, repair.partition)
        rows = now.table if now else row.slice(0, 0)
        kept = rows.filter(pc.invert(_same(rows, row, names)))
        taken = rows.num_rows - kept.num_rows
        return kept, ()

    planted_at = int(services.now().timestamp())
    restate(services.partitions, table, repair.partition, without, context=services.context_of(contract))
    key = {name: str(row.column(name)[0].as_py()) for name in names}
    checked = row.column("checked_at")[0].as_py()
    planted = PlantedRow(repair.day, table.name, repair.partition, key, str(checked or ""), planted_at)
    services.records.write(record, planted.to_json(), content_type="application/json")
    services.log.info("gap planted", table=table.name, partition=repair.partition, key=key)
    return taken


def _choose(rows: pa.Table, table: Table, *, seed: str) -> pa.Table | None:
    """One of the current rows; None where there is none."""
    for name in (column.name for column in table.columns if isinstance(column.rule, Latest)):
        rows = rows.filter(rows.column(name))
    if "deleted_at" in rows.column_names:
        rows = rows.filter(pc.is_null(rows.column("deleted_at")))
    return rows.slice(random.Random(seed).randrange(rows.num_rows), 1) if rows.num_rows else None


def _same(rows: pa.Table, row: pa.Table, names: Sequence[str]) -> pa.Array:
    same = pa.repeat(True, rows.num_rows)
    for name in names:
        same = pc.and_(same, pc.equal(rows.column(name), row.column(name)[0]))
    return same
