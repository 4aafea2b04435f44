"""Metadata of a mirror's table: schema, partition spec, snapshots and tags, as ``pyiceberg`` checks and writes them.

All of it is pure.

Format version 2, which every engine reads; 3 cannot be gone back from. The metadata are the place where field ids are
kept (``mirror.iceberg.columns``).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyiceberg.table.metadata import TableMetadataV2
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSnapshotUpdate,
    RemovePartitionSpecsUpdate,
    RemoveSchemasUpdate,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSpecUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
    TableUpdate,
    update_table_metadata,
)
from pyiceberg.types import NestedField

from core.contract.model import HASH, HASH_LIST, Table
from core.errors import of_kind
from core.mirroring.names import STATE_PROPERTY
from mirror.iceberg.columns import FieldIds, column_names, schema_of
from mirror.iceberg.partitions import spec_of

METADATA_KEPT = 20  # versions of the metadata before the current one
SNAPSHOTS_KEPT = timedelta(hours=6)  # as long as replaced objects stay (``core.warehouse.vacuum.GRACE``)
TAGS_KEPT = timedelta(days=7)  # and with them what they name: so long a row that was erased is in an object at most
SPECS = "starmend.specs"  # of a snapshot's summary: the numbers of the partition specs that its manifests are of
_MAPPING = "schema.name-mapping.default"
_UNCATALOGUED = (HASH_LIST, HASH)  # stored beside the contract's columns; a reader passes over them by their ids


@dataclass(frozen=True, slots=True)
class SnapshotDraft:
    """What a new snapshot is made of. ``at`` is its time in milliseconds, ``state`` a key."""

    number: int
    sequence: int
    at: int
    manifest_list: str
    state: str
    summary: Mapping[str, str]


def new_table(table: Table, location: str, identity: str, now: datetime) -> TableMetadataV2:
    """A table without a snapshot, its columns and partitions those of the contract."""
    ids = FieldIds({}).with_names([*column_names(table), *_UNCATALOGUED])
    schema, spec = schema_of(table, ids, 0), spec_of(table, ids, ())
    return TableMetadataV2(
        location=location,
        table_uuid=uuid.UUID(identity),
        last_updated_ms=milliseconds(now),
        last_column_id=ids.last,
        schemas=[schema],
        current_schema_id=0,
        partition_specs=[spec],
        default_spec_id=spec.spec_id,
        last_partition_id=spec.last_assigned_field_id,
        sort_orders=[UNSORTED_SORT_ORDER],
        properties={
            _MAPPING: ids.mapping.model_dump_json(),
            "write.metadata.previous-versions-max": str(METADATA_KEPT),
            "write.metadata.delete-after-commit.enabled": "false",
        },
    )


def ids_of(metadata: TableMetadataV2) -> FieldIds:
    """The ids that the table has given to names."""
    return FieldIds.of(metadata.name_mapping(), metadata.last_column_id)


def as_promised(metadata: TableMetadataV2, table: Table, stored: Iterable[str]) -> TableMetadataV2:
    """The table with the columns and partitions of the contract; the same value where it has them.

    Behind the contract's columns come those that partitions of live snapshots are of (``_sources``).

    ``stored`` are names of columns in objects: whatever an object holds has an id, also what no contract names now.
    """
    ids = ids_of(metadata)
    wanted = ids.with_names([*column_names(table), *_UNCATALOGUED, *sorted(stored)])
    updates: list[TableUpdate] = []
    if wanted != ids:
        updates.append(SetPropertiesUpdate(updates={_MAPPING: wanted.mapping.model_dump_json()}))
    schema = schema_of(table, wanted, max(known.schema_id for known in metadata.schemas) + 1, _sources(metadata))
    if schema != metadata.schema():
        same = [known.schema_id for known in metadata.schemas if known == schema]
        updates += [] if same else [AddSchemaUpdate(schema=schema)]
        updates.append(SetCurrentSchemaUpdate(schema_id=same[0] if same else -1))
    spec = spec_of(table, wanted, metadata.partition_specs, last=metadata.last_partition_id or 0)
    if spec.spec_id != metadata.default_spec_id:
        is_known = any(known.spec_id == spec.spec_id for known in metadata.partition_specs)
        updates += [] if is_known else [AddPartitionSpecUpdate(spec=spec)]
        updates.append(SetDefaultSpecUpdate(spec_id=spec.spec_id))
    if updates:
        changed = _updated(metadata, *updates)
        metadata = changed.model_copy(update={"last_column_id": max(wanted.last, changed.last_column_id)})
    return _without_unused(metadata)


def _specs_in_use(metadata: TableMetadataV2) -> set[int]:
    """The partition specs of live snapshots and of the next one; all, where a snapshot is of an earlier release."""
    used = {metadata.default_spec_id}
    for snapshot in metadata.snapshots:
        numbers = snapshot.summary.additional_properties.get(SPECS) if snapshot.summary else None
        if numbers is None:
            return {spec.spec_id for spec in metadata.partition_specs}
        used |= {int(number) for number in numbers.split(",")}
    return used


def _sources(metadata: TableMetadataV2) -> list[NestedField]:
    """The columns whose values partitions of live snapshots are of.

    Iceberg's Java library binds all of a table's specs to its current columns, and refuses a table where one of these
    is gone (apache/iceberg issue 10234). The void transform would be no way out: the old manifests' values are of the
    old spec, and readers take the column from them. So it stays in the table until no snapshot needs it.
    """
    used = _specs_in_use(metadata)
    numbers = {field.source_id for spec in metadata.partition_specs if spec.spec_id in used for field in spec.fields}
    fields = {field.field_id: field for schema in metadata.schemas for field in schema.fields}
    return [fields[number] for number in sorted(numbers) if number in fields]


def _without_unused(metadata: TableMetadataV2) -> TableMetadataV2:
    """The table without specs and columns of snapshots that are gone; the same value where there are none."""
    specs = {spec.spec_id for spec in metadata.partition_specs} - _specs_in_use(metadata)
    of_snapshots = {snapshot.schema_id for snapshot in metadata.snapshots} | {metadata.current_schema_id}
    schemas = {schema.schema_id for schema in metadata.schemas} - of_snapshots
    updates: list[TableUpdate] = []
    if specs:
        updates.append(RemovePartitionSpecsUpdate(spec_ids=sorted(specs)))
    if schemas:
        updates.append(RemoveSchemasUpdate(schema_ids=sorted(schemas)))
    return _updated(metadata, *updates) if updates else metadata


def with_snapshot(metadata: TableMetadataV2, draft: SnapshotDraft) -> TableMetadataV2:
    """The table with a new snapshot, which becomes the current one."""
    snapshot = Snapshot(
        snapshot_id=draft.number,
        parent_snapshot_id=metadata.current_snapshot_id,
        sequence_number=draft.sequence,
        timestamp_ms=draft.at,
        manifest_list=draft.manifest_list,
        summary=Summary(Operation.OVERWRITE, **draft.summary),
        schema_id=metadata.current_schema_id,
    )
    return _updated(
        metadata,
        AddSnapshotUpdate(snapshot=snapshot),
        SetSnapshotRefUpdate(ref_name=MAIN_BRANCH, type=SnapshotRefType.BRANCH, snapshot_id=draft.number),
        SetPropertiesUpdate(updates={STATE_PROPERTY: draft.state}),
    ).model_copy(update={"last_updated_ms": draft.at})


def with_tagged_snapshot(
    metadata: TableMetadataV2,
    draft: SnapshotDraft,
    *,
    parent: Snapshot | None,
    tags: Iterable[str],
) -> TableMetadataV2:
    """The table with a snapshot beside its own line, a twin of ``parent``, that the tags name."""
    snapshot = Snapshot(
        snapshot_id=draft.number,
        parent_snapshot_id=parent.snapshot_id if parent else None,
        sequence_number=draft.sequence,
        timestamp_ms=draft.at,
        manifest_list=draft.manifest_list,
        summary=Summary(Operation.REPLACE, **draft.summary),
        schema_id=parent.schema_id if parent else metadata.current_schema_id,
    )
    return _updated(
        metadata,
        AddSnapshotUpdate(snapshot=snapshot),
        *(SetSnapshotRefUpdate(ref_name=tag, type=SnapshotRefType.TAG, snapshot_id=draft.number) for tag in tags),
        SetPropertiesUpdate(updates={STATE_PROPERTY: draft.state}),
    ).model_copy(update={"last_updated_ms": draft.at})


def expired_tags(metadata: TableMetadataV2, now: datetime, kept: timedelta = TAGS_KEPT) -> list[str]:
    """The tags of snapshots that are older than ``kept``."""
    oldest = milliseconds(now - kept)
    at = {snapshot.snapshot_id: snapshot.timestamp_ms for snapshot in metadata.snapshots}
    return [
        name
        for name, reference in metadata.refs.items()
        if reference.snapshot_ref_type == SnapshotRefType.TAG and at.get(reference.snapshot_id, 0) < oldest
    ]


def without_tags(metadata: TableMetadataV2, tags: Collection[str]) -> TableMetadataV2:
    """The table without these tags; what they named is as old as any other snapshot then."""
    if not tags:
        return metadata
    return _updated(metadata, *(RemoveSnapshotRefUpdate(ref_name=tag) for tag in tags))


def next_instant(metadata: TableMetadataV2, now: datetime) -> int:
    """The time of the next change in milliseconds: never before the last one's, whatever a clock says."""
    return max(milliseconds(now), metadata.last_updated_ms + 1)


def expired_snapshots(metadata: TableMetadataV2, now: datetime, kept: timedelta = SNAPSHOTS_KEPT) -> list[int]:
    """The snapshots that are older than ``kept`` and that neither the table nor a tag names."""
    named = {reference.snapshot_id for reference in metadata.refs.values()} | {metadata.current_snapshot_id}
    oldest = milliseconds(now - kept)
    return [
        snapshot.snapshot_id
        for snapshot in metadata.snapshots
        if snapshot.timestamp_ms < oldest and snapshot.snapshot_id not in named
    ]


def all_but_current(metadata: TableMetadataV2) -> list[int]:
    """Every snapshot but the current one."""
    return [each.snapshot_id for each in metadata.snapshots if each.snapshot_id != metadata.current_snapshot_id]


def with_state(metadata: TableMetadataV2, key: str) -> TableMetadataV2:
    """The table with another state."""
    return _updated(metadata, SetPropertiesUpdate(updates={STATE_PROPERTY: key}))


def without_snapshots(metadata: TableMetadataV2, numbers: Collection[int]) -> TableMetadataV2:
    """The table without these snapshots."""
    if not numbers:
        return metadata
    return _updated(metadata, RemoveSnapshotsUpdate(snapshot_ids=list(numbers)))


def _updated(metadata: TableMetadataV2, *updates: TableUpdate) -> TableMetadataV2:
    """The table after these updates, with the time of its last change as it was: ``pyiceberg`` would ask a clock."""
    changed = of_kind(update_table_metadata(metadata, updates), TableMetadataV2, "update table", metadata.location)
    return changed.model_copy(update={"last_updated_ms": metadata.last_updated_ms})


def following(metadata: TableMetadataV2, before: TableMetadataV2, location: str, at: int) -> TableMetadataV2:
    """The metadata as the version after ``before``, the one at ``location``, which its log names by its own time.

    By the log engines tell which snapshot a version had.
    """
    entry = {"metadata-file": location, "timestamp-ms": before.last_updated_ms}
    log = [*(known.model_dump() for known in metadata.metadata_log), entry][-METADATA_KEPT:]
    return TableMetadataV2.model_validate(metadata.model_dump() | {"metadata-log": log, "last-updated-ms": at})


def live_sequences(metadata: TableMetadataV2) -> frozenset[int]:
    """The sequence numbers of the snapshots that can be read."""
    return frozenset(snapshot.sequence_number or 0 for snapshot in metadata.snapshots)


def to_json(metadata: TableMetadataV2) -> bytes:
    """The metadata's file."""
    return metadata.model_dump_json().encode()


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970, as Iceberg writes an instant."""
    return int(at.timestamp() * 1000)
