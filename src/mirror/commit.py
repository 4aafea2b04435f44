"""A snapshot of one table: what changed is read, written into manifests, and becomes the table's next version.

Effects in order: what no live snapshot names goes; manifests, their list and the state are written under names of
their own; then the metadata, by a conditional PUT of the next version. That PUT is the commit. After it the hint is
moved, and the catalog told. So a run that is killed leaves the table before its commit or after it, and the next run
goes on from there: a version that the hint does not know yet refuses the PUT, is read, and the run begins again on top
of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyiceberg.table.metadata import TableMetadataV2

from core.contract.model import Table
from core.errors import TransientFailure
from core.mirroring.names import hint_key, metadata_key, metadata_prefix, table_prefix, version_of_hint
from core.mirroring.state import MirroredFile, MirrorState
from core.ports import Refused
from mirror.catalog import tell_catalog
from mirror.changes import Changes, read_changes
from mirror.iceberg.columns import unreadable_columns
from mirror.iceberg.table import (
    METADATA_KEPT,
    all_but_current,
    as_promised,
    expired_snapshots,
    expired_tags,
    following,
    live_sequences,
    new_table,
    next_instant,
    to_json,
    without_snapshots,
    without_tags,
)
from mirror.reading import Mirror, MirrorServices, read_mirror
from mirror.snapshot import Writing, write_snapshot, write_without_expired
from mirror.sweep import unnamed_objects

SWEEP_EVERY = 64  # versions
TRIES = 3  # a run that was killed after its commit costs the next one a try


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The table is mirrored as it was when its pointers were listed; ``location`` is that of its metadata.

    ``changed`` partitions are new in its last snapshot: none where it was so already. ``problems`` are partitions that
    could not be read, which keep the file that they had.
    """

    table: str
    version: int
    location: str
    changed: int
    partitions: int
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Waits:
    """No snapshot was made: objects of these partitions have columns that no engine reads as the contract's types.

    The audit makes such partitions again (``auditor.warehouse.outdated``); until then the last snapshot stays.
    """

    table: str
    version: int
    partitions: Mapping[str, str]


def mirror_table(table: Table, services: MirrorServices) -> Mirrored | Waits:
    """Bring a table's mirror up to its pointers, in one snapshot; running it again changes nothing.

    Raises ``TransientFailure`` where a store does not answer or other runs are faster three times.
    """
    mirror = read_mirror(table.name, services.objects)
    if not mirror.is_hinted:
        move_hint(table.name, mirror.version, services)
    for _ in range(TRIES):
        outcome = _attempt(table, mirror, services)
        if outcome is not None:
            return outcome
        mirror = read_mirror(table.name, services.objects, least=mirror.version + 1)
        move_hint(table.name, mirror.version, services)
    remedy = "Run one at a time: starmend mirror run"
    raise TransientFailure("mirror table", table.name, "other runs were faster", remedy)


def _attempt(table: Table, mirror: Mirror, services: MirrorServices) -> Mirrored | Waits | None:
    """None: another run has made the next version."""
    known = mirror.state.files if mirror.state.folder == table.folder else {}
    changes = read_changes(
        table, known, objects=services.objects, partitions=services.partitions, workers=services.workers
    )
    before = mirror.metadata or _new_table(table, services)
    promised = as_promised(before, table, {name for each in changes.read for name in each.footer.types})
    if unreadable := _unreadable(table, mirror.state, known, changes):
        version = _let_go(Writing(table, mirror, before, services, services.unique()))
        return None if version is None else Waits(table.name, version, unreadable)
    writing = Writing(table, mirror, promised, services, services.unique())
    if mirror.metadata is None or promised is not before or changes.read or mirror.state.folder != table.folder:
        delete_expired(mirror, table.name, services)
        version = _committed(writing, write_snapshot(writing, changes.read))
    else:
        version = _let_go(writing)
    if version is None:
        return None
    return _mirrored(table, version, len(changes.read), len(known | _by_path(changes)), changes, services)


def _let_go(writing: Writing) -> int | None:
    """The version without what has expired, the last one where nothing has; None: another run has made the next.

    Where the state is lost nobody knows what has: one that was written now would say that nothing is held.
    """
    if not writing.mirror.state_key or not _is_due(writing.mirror, writing.services):
        if _has_next(writing):
            return None
        _tell_again(writing.table, writing.mirror, writing.services)
        return writing.mirror.version
    delete_expired(writing.mirror, writing.table.name, writing.services)
    return _committed(writing, write_without_expired(writing))


def _has_next(writing: Writing) -> bool:
    """Whether a run died between its commit and the hint: where nothing has changed since, no PUT would find it."""
    return writing.services.objects.stat(metadata_key(writing.table.name, writing.mirror.version + 1)) is not None


def _committed(writing: Writing, after: TableMetadataV2) -> int | None:
    """The version that was committed; None: another run has made it."""
    mirror, now = writing.mirror, writing.services.now()
    after = without_tags(after, expired_tags(after, now))
    expired = expired_snapshots(after, now) if mirror.state_key else all_but_current(after)
    is_committed = commit_version(writing.table.name, mirror, without_snapshots(after, expired), writing.services)
    return mirror.version + 1 if is_committed else None


def _tell_again(table: Table, mirror: Mirror, services: MirrorServices) -> None:
    """Tell the catalog of what is there already: the run that committed it may have died before it did."""
    if mirror.metadata is not None:
        tell_catalog(table.name, mirror.version, mirror.metadata, services)


def _new_table(table: Table, services: MirrorServices) -> TableMetadataV2:
    return new_table(table, f"{services.root}{table_prefix(table.name)}", services.unique(), services.now())


def _by_path(changes: Changes) -> dict[str, object]:
    return {each.path: each for each in changes.read}


def _mirrored(
    table: Table, version: int, changed: int, count: int, changes: Changes, services: MirrorServices
) -> Mirrored:
    location = f"{services.root}{metadata_key(table.name, version)}"
    return Mirrored(table.name, version, location, changed, count, changes.problems)


def _unreadable(
    table: Table, state: MirrorState, known: Mapping[str, MirroredFile], changes: Changes
) -> dict[str, str]:
    """Partitions with columns that cannot be read as the contract's types, and which those are."""
    read = {each.path: unreadable_columns(table, each.footer.types) for each in changes.read}
    by_form = [unreadable_columns(table, form) for form in state.forms]
    kept = {path: by_form[file.form] for path, file in known.items() if path not in read}
    return {path: ", ".join(columns) for path, columns in {**kept, **read}.items() if columns}


def _is_due(mirror: Mirror, services: MirrorServices) -> bool:
    """Whether snapshots or tags have expired, or what only they named is still there."""
    if mirror.metadata is None:
        return False
    left = [held for held in mirror.state.expired(live_sequences(mirror.metadata)) if held.first < held.end]
    now = services.now()
    return bool(left or expired_snapshots(mirror.metadata, now) or expired_tags(mirror.metadata, now))


def delete_expired(mirror: Mirror, table: str, services: MirrorServices) -> None:
    """Delete what the committed metadata do not name, and now and then what killed runs left."""
    if mirror.metadata is None:
        return
    gone = [held.key for held in mirror.state.expired(live_sequences(mirror.metadata))]
    if mirror.version > METADATA_KEPT + 1:
        gone.append(metadata_key(table, mirror.version - METADATA_KEPT - 1))
    if mirror.version % SWEEP_EVERY == 0:
        listing = services.objects.list(metadata_prefix(table))
        gone += unnamed_objects(table, mirror, listing, root=services.root, now=services.now())
    if gone:
        services.objects.delete(dict.fromkeys(gone))


def commit_version(table: str, mirror: Mirror, metadata: TableMetadataV2, services: MirrorServices) -> bool:
    """Put the version after the mirror's, move the hint and tell the catalog; False where there is one already."""
    version = mirror.version
    if mirror.metadata is not None:
        location = f"{services.root}{metadata_key(table, version)}"
        metadata = following(metadata, mirror.metadata, location, next_instant(metadata, services.now()))
    key = metadata_key(table, version + 1)
    written = services.objects.write(key, to_json(metadata), if_absent=True, content_type="application/json")
    if isinstance(written, Refused):
        return False
    move_hint(table, version + 1, services)
    tell_catalog(table, version + 1, metadata, services)
    return True


def move_hint(table: str, version: int, services: MirrorServices) -> None:
    """Let the hint name a version, unless it names a later one.

    On condition of what was read of it: a run that slept after its commit would lead readers back to a version which
    may be gone when it wakes.
    """
    objects, key = services.objects, hint_key(table)
    for _ in range(TRIES):
        hint = objects.read(key)
        if hint is not None and version_of_hint(table, hint.body) >= version:
            return
        etag = hint.stat.etag if hint else ""
        written = objects.write(
            key, str(version).encode(), if_absent=not etag, if_match=etag, content_type="text/plain"
        )
        if not isinstance(written, Refused):
            return
