"""The auditor's proof of itself: was the newest gap that was planted in a canary feed found and healed?"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from auditor.lake import read_partition
from auditor.objects import first_hour
from auditor.windows import Window, facts_of, partitions_of
from auditor.world import World
from core.canary import newest_gap
from core.contract.model import Feed
from core.feed_partitions import column_of, covers

PROVENANCE, HEALED = "provenance", "repaired"


def canary_healed(world: World, dataset: str, *, now: int) -> bool | None:
    """Whether every fact holds the newest planted point as repaired; None where there is nothing to be judged.

    A gap has ``complete_within`` to be healed in, and one from before the feed began is not asked for. A point that was
    observed after all was no gap, and proves nothing. Raises ``TransientFailure`` where a store does not answer.
    """
    contract = world.contracts.dataset(dataset)
    feed = contract.source
    if not isinstance(feed, Feed) or not feed.canary:
        return None
    gap = newest_gap(dataset, feed, world.contracts.calendar(feed.calendar), before=now - feed.complete_within)
    began = first_hour(world.ingest, dataset)
    if gap is None or not began or datetime.fromtimestamp(gap[1], UTC).strftime("%Y/%m/%d/%H") < began:
        return None
    entity, slot = gap
    for table in facts_of(contract):
        for path in partitions_of(table, feed, [Window(slot, slot + feed.every)]):
            if not covers(table, feed, path, entity=entity, start=slot, end=slot + feed.every):
                continue
            rows = read_partition(world.partitions, table, path).rows
            at = pa.scalar(slot * 1_000_000, pa.int64()).cast(pa.timestamp("us"))
            same = pc.and_(
                pc.equal(rows.column(column_of(table, feed.time_column)), at),
                pc.equal(rows.column(column_of(table, feed.entity_column)), entity),
            )
            if HEALED not in rows.filter(same).column(PROVENANCE).to_pylist():
                return False
    return True
