"""Rollback: an earlier version of a partition becomes its next one, and a hold keeps the auditor from undoing that."""

from __future__ import annotations

from core.contract.model import Table
from core.errors import InvalidData
from core.ports import PartitionStore
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import partition_of, version_of
from processing.partitions.attempt import AlreadyThere, CommitContext, Next, Outcome, already_there, attempt
from processing.partitions.layout import Layout
from processing.partitions.state import Current, State, Vacant

BY = " (by "


def held_by(reason: str, *, by: str, since: str) -> str:
    """The text of a hold: why, who holds it, and since when (ISO 8601)."""
    return f"{reason.strip()}{BY}{by}, since {since})"


def rollback(
    store: PartitionStore, table: Table, partition: str, *, to: int | str, hold: str | None, context: CommitContext
) -> Outcome:
    """Bring back version ``to`` (its number, or its object's key) as a new version.

    ``hold`` is the reason why the auditor must not heal the partition forward; None: it may, and will. Who holds it for
    the same reason already (``held_by``) goes on holding it since then. Sources merged
    after that version are no longer counted as merged. Raises ``InvalidData`` where the version is not in the recent
    history, or its object was removed: recent ones stay for the grace period, the last of each day for a week.
    """
    layout = Layout.of(table)
    where = partition_of(table.folder, partition)

    def make(current: State) -> Next | AlreadyThere:
        if isinstance(current, Vacant):
            raise InvalidData("roll back", where, "it has no version", "look at: starmend status")
        key = to if isinstance(to, str) else _key_of(current, to)
        if current.is_sound and _is_done(current, version_of(key), hold or ""):
            return already_there(current)
        stored = store.read_object(key)
        if stored is None:
            raise InvalidData("roll back", where, f"{key} was removed", "choose another version, or: starmend rebuild")
        old = open_object(key, stored.body)
        return Next(
            "rollback",
            old.read(layout.schema),
            old.footer.layout,
            sources=old.footer.sources,
            recent=old.footer.recent,
            inputs=old.footer.inputs,
            restores=version_of(key),
            hold=hold or "",
        )

    return attempt(store, layout, where, make, context=context)


def _is_done(current: Current, version: int, hold: str) -> bool:
    footer = current.footer
    return (footer.kind, footer.restores, _why(footer.hold)) == ("rollback", version, _why(hold))


def _why(hold: str) -> str:
    """The reason of a hold without who holds it."""
    return hold.rpartition(BY)[0] or hold


def _key_of(current: Current, version: int) -> str:
    footer = current.opened.footer if current.opened else None
    known = [current.pointer.target]
    if footer:
        known += [*footer.ancestors, *(daily.key for daily in footer.dailies)]
    for key in known:
        if version_of(key) == version:
            return key
    versions = sorted({version_of(key) for key in known})
    raise InvalidData(
        "roll back", current.partition, f"version {version} is not in its recent history", f"choose among {versions}"
    )


def release(store: PartitionStore, table: Table, partition: str, *, context: CommitContext) -> Outcome:
    """End a hold: the same rows as a new version that the auditor may heal again. Nothing to do where there is none."""
    layout = Layout.of(table)
    where = partition_of(table.folder, partition)

    def make(current: State) -> Next | AlreadyThere:
        if isinstance(current, Vacant):
            return AlreadyThere(where, 0, "", 0)
        footer = current.footer
        if not footer.hold:
            return already_there(current)
        rows = current.object.read(layout.schema)
        return Next("release", rows, footer.layout, recent=footer.recent, inputs=footer.inputs, hold="")

    return attempt(store, layout, where, make, context=context)
