"""Canaries: whether the newest gap that was planted in one was healed, and the next gap to plant."""

from __future__ import annotations

import random
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from auditor.feeds.objects import first_hour
from auditor.services import Services
from auditor.warehouse.partitions import read_partition
from auditor.windows import DAY, Window, facts_of, partitions_of
from core.audit.canary import newest_gap, read_planted
from core.audit.repair_jobs import PlantGap
from core.contract.model import Contract, Database, Feed, Table
from core.feeds.lines import FROM_HISTORY, PROVENANCE
from core.feeds.partitions import column_of, covers
from core.time import at_epoch, iso
from core.warehouse.pointer import DATA_ROOT, table_of

OLDEST = 2 * DAY  # a gap is planted every day: what proves only an older one proves nothing any more


def canary_healed(services: Services, dataset: str, *, now: int) -> bool | None:
    """Whether the newest gap of a canary was healed; None where there is nothing to tell by.

    A gap has ``complete_within`` to be healed in. Raises ``TransientFailure`` where a store does not answer.
    """
    contract = services.contracts.dataset(dataset)
    source = contract.source
    if source is None or not source.canary:
        return None
    if isinstance(source, Feed):
        return _point_healed(services, contract, source, now=now)
    return _row_healed(services, contract, source, now=now)


def _point_healed(services: Services, contract: Contract, feed: Feed, *, now: int) -> bool | None:
    """Whether every fact holds the planted point as repaired.

    One from before the feed began is not asked for. A point that was observed after all was no gap, and proves nothing.
    """
    dataset = contract.dataset
    gap = newest_gap(dataset, feed, services.contracts.calendar(feed.calendar), before=now - feed.complete_within)
    began = first_hour(services.ingest, dataset)
    if gap is None or not began or at_epoch(gap[1]).strftime("%Y/%m/%d/%H") < began:
        return None
    entity, slot = gap
    for table in facts_of(contract):
        for path in partitions_of(table, feed, [Window(slot, slot + feed.every)]):
            if not covers(table, feed, path, entity=entity, start=slot, end=slot + feed.every):
                continue
            rows = read_partition(services.partitions, table, path).rows
            at = pa.scalar(slot * 1_000_000, pa.int64()).cast(pa.timestamp("us"))
            same = pc.and_(
                pc.equal(rows.column(column_of(table, feed.time_column)), at),
                pc.equal(rows.column(column_of(table, feed.entity_column)), entity),
            )
            if FROM_HISTORY not in rows.filter(same).column(PROVENANCE).to_pylist():
                return False
    return True


def _row_healed(services: Services, contract: Contract, source: Database, *, now: int) -> bool | None:
    """Whether the planted row is back, and came through a repair.

    One that the extraction brought (for it was changed meanwhile) proves nothing. Where there are rows and nothing was
    ever planted that anybody knows of, or not for days, the planting is what does not work.
    """
    planted = read_planted(services.records, contract.dataset)
    table = next((table for table in contract.tables if planted and table.name == planted.table), None)
    if planted is None or table is None or not {*planted.key} <= {column.name for column in table.columns}:
        return False if any(_has_objects(services, table) for table in contract.tables) else None
    if planted.planted_at < now - OLDEST:
        return False
    rows = read_partition(services.partitions, table, planted.partition).rows
    for name, value in planted.key.items():
        rows = rows.filter(pc.equal(rows.column(name).cast(pa.string()), value))
    checked = {str(instant or "") for instant in rows.column("checked_at").to_pylist()}
    if checked - {"", planted.checked_at}:
        return True
    return None if now < planted.planted_at + source.complete_within else False


def _has_objects(services: Services, table: Table) -> bool:
    return next(iter(services.records.list(f"{DATA_ROOT}{table.folder}/")), None) is not None


def gap_to_plant(services: Services, contract: Contract, partitions: Collection[str], *, now: int) -> PlantGap | None:
    """The gap to plant in a database's canary today, in one of the ``partitions`` that have rows; None: none is due."""
    source, day = contract.source, iso(now)[:10]
    if not isinstance(source, Database) or not source.canary or not partitions:
        return None
    planted = read_planted(services.records, contract.dataset)
    if planted is not None and planted.day == day:
        return None
    chosen = random.Random(f"canary:{contract.dataset}:{day}").choice(sorted(partitions))
    return PlantGap(contract.dataset, table_of(chosen), chosen.partition("/")[2], day)
