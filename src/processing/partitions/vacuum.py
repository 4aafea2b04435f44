"""Removal of objects that no pointer will name again and no reader can still be reading (``core.warehouse.vacuum``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby

from core.audit.certificate import proof_key
from core.contract.model import Table
from core.errors import NotGranted, PipelineBug
from core.mirroring.held import HeldObjects, held_objects
from core.ports import ObjectInfo, ObjectStore, PartitionStore
from core.warehouse.pointer import DATA_ROOT, data_prefix, parse_object, pointer_key, table_of
from core.warehouse.vacuum import GRACE, VacuumPlan, plan_vacuum
from processing.partitions.state import Current, read_state


def vacuum(
    store: PartitionStore,
    objects: ObjectStore,
    table: Table,
    *,
    now: datetime,
    grace: timedelta = GRACE,
    dry_run: bool = False,
) -> Iterator[VacuumPlan]:
    """Clean every partition of a table, one after the other; yields each plan that removes something, once done.

    Interrupting it is harmless, and so is running it beside commits, readers and itself. A partition whose pointer
    leads to no readable object, or whose mirror cannot be read, is left alone: what is there may be needed.
    """
    listing = objects.list(f"{DATA_ROOT}{table.folder}/")
    held = HeldObjects(objects)
    for partition, infos in groupby(listing, key=_partition):
        if not partition:
            continue
        plan = _clean(store, objects, partition, infos, held=held, now=now, grace=grace, dry_run=dry_run)
        if plan is not None and plan.remove:
            yield plan


def vacuum_partition(
    store: PartitionStore, objects: ObjectStore, partition: str, *, now: datetime, grace: timedelta = GRACE
) -> VacuumPlan | None:
    """Clean one partition, as ``vacuum`` does; None where it is left alone."""
    infos = objects.list(data_prefix(partition))
    held = HeldObjects(objects)
    return _clean(store, objects, partition, infos, held=held, now=now, grace=grace, dry_run=False)


def remove_partition(objects: ObjectStore, partition: str) -> int:
    """Remove a partition of a retired generation whole, the pointer first; returns how many objects that were.

    What audits remember of it goes too. As long as a snapshot of the mirror names one of its objects, all of it stays.

    Interrupting it is harmless: what is left has no pointer, and goes the next time.
    """
    keys = [info.key for info in objects.list(data_prefix(partition))]
    if held_objects(objects, table_of(partition)) & set(keys):
        return 0
    objects.delete([pointer_key(partition)])
    objects.delete([*keys, proof_key(partition)])
    return len(keys)


def _clean(
    store: PartitionStore,
    objects: ObjectStore,
    partition: str,
    infos: Iterable[ObjectInfo],
    *,
    held: HeldObjects,
    now: datetime,
    grace: timedelta,
    dry_run: bool,
) -> VacuumPlan | None:
    listed = list(infos)  # before the pointer is read: what is written after this is not on the list
    current = read_state(store, partition)
    if not isinstance(current, Current) or current.opened is None:
        return None
    dailies = {daily.key for daily in current.footer.dailies}
    pointer = current.pointer
    try:
        named = held.of(table_of(partition))
    except NotGranted:
        raise
    except PipelineBug:  # a mirror that cannot be read: its next run tells so
        return None
    plan = plan_vacuum(
        partition,
        listed,
        current=pointer.target,
        dailies=dailies,
        held=named,
        swapped=pointer.swapped,
        now=now,
        grace=grace,
    )
    if plan.remove and not dry_run:
        objects.delete(plan.remove)
    return plan


def _partition(info: ObjectInfo) -> str:
    name = parse_object(info.key)
    return name.partition if name else ""
