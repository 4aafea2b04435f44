"""Commits: a partition is one pointer to one immutable object, and a commit swaps the pointer.

A commit reads the pointer and the object, makes the next object, writes it under a name of its own, and swaps the
pointer if it is still the one that was read. One of any number of racing writers wins; the others pause, read again and
make their objects again on top. After an answer that leaves the outcome open (refused, lost) the pointer is read: a
writer has won if it names the writer's object or a descendant of it. A crash leaves at most an object that nothing
names. Readers see the swap alone, and so whole commits only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from core.contract.model import Table
from core.errors import LostCommit, PipelineBug
from core.ports import PartitionStore
from core.warehouse.footer import RECENT, SourceRef, later_marks
from core.warehouse.order import identical
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import partition_of, remedy_of
from core.warehouse.row_layout import RowLayout
from processing.partitions.attempt import AlreadyThere, CommitContext, Committed, Next, Outcome, already_there, attempt
from processing.partitions.batch import Batch, batch_of, dedupe, rows_mark
from processing.partitions.layout import Layout, fits_layout, follows_layout
from processing.partitions.merge import Splice, all_of, plan_splice
from processing.partitions.parquet import Pieces
from processing.partitions.precedence import with_latest
from processing.partitions.rewrite import first_rows, splice_object
from processing.partitions.snapshot import Columns, Snapshot, read_snapshot
from processing.partitions.state import Current, State, Vacant

__all__ = [
    "AlreadyThere",
    "CommitContext",
    "Committed",
    "Outcome",
    "Snapshot",
    "SourceRef",
    "commit_many",
    "commit_rows",
    "commit_table",
    "read_partition",
    "rederive",
    "restate",
]

Recompute = Callable[[Mapping[str, Snapshot]], pa.Table]
Rebuild = Callable[[], tuple[pa.Table, Sequence[SourceRef]]]
Rederive = Callable[[], tuple[pa.Table, Mapping[str, str]]]


def read_partition(store: PartitionStore, table: Table, partition: str) -> Snapshot | None:
    """The partition as it is now, in the table's stored schema; None where it has no commit yet.

    Raises ``LostCommit`` where pointer or object is lost, ``PipelineBug`` where the object is not sound.
    """
    return read_snapshot(store, Layout.of(table).schema, partition_of(table.folder, partition))


def commit_rows(
    store: PartitionStore,
    table: Table,
    partition: str,
    rows: pa.Table,
    *,
    sources: Sequence[SourceRef],
    context: CommitContext,
) -> Outcome:
    """Merge rows, which came from ``sources``, into a partition (its path below the table's folder, or empty).

    When it returns, the rows or newer versions of them are current. Doing it again makes no version. Raises
    ``TransientFailure`` when beaten too often or when the store fails: the same call may then be made again, and
    ``LostCommit`` where the partition is broken: what is there must not be taken for nothing. Raises
    ``OtherLayout`` where its rows were sorted or chosen by other rules than the contract's.

    Where the partition has no pointer yet, the objects of first commits that crashed, or are under way, are merged too:
    one of them may be all that is left of the rows' only commit.
    """
    layout = Layout.of(table)
    where = partition_of(table.folder, partition)
    batch: Batch | None = None
    mark = ""

    def make(current: State) -> Next | AlreadyThere:
        nonlocal batch, mark
        flags_differ = isinstance(current, Current) and follows_layout(current.footer.layout, layout, where)
        if (
            isinstance(current, Current)
            and not flags_differ
            and current.footer.has_merged(sources, context.contract_hash)
        ):
            return already_there(current)
        if batch is None:
            batch = batch_of(rows, layout)
            mark = rows_mark(batch, layout)
        if isinstance(current, Vacant):
            if not batch.num_rows:
                return AlreadyThere(where, 0, "", 0)
            every, made_by, recent = _with_first_commits(store, current.objects, batch, layout)
            return _merge_of(made_by, first_rows(every, layout), all_of(every), recent, sources, mark, context)
        if mark and mark in current.footer.recent and not flags_differ:
            return already_there(current)
        columns = Columns(current.object, layout.schema)
        written: RowLayout | None = layout.recorded.onto(current.footer.layout)
        if current.footer.layout is None:
            flags_differ = fits_layout(columns.read, layout, where)
            written = None if layout.text_ids else written  # ids of before are still there: the audit has to see it
        splice = plan_splice(columns.read, batch.table, layout)
        if not len(splice.rows) and not flags_differ:
            columns.prove()
            return already_there(current)
        result = splice_object(current.object, columns, batch.table, splice, layout)
        return _merge_of(written, result, splice, current.footer.recent, sources, mark, context)

    return attempt(store, layout, where, make, context=context)


def _with_first_commits(
    store: PartitionStore, objects: Sequence[str], batch: Batch, layout: Layout
) -> tuple[Batch, RowLayout, tuple[str, ...]]:
    """The batch and the rows of first commits that no pointer names, their layout, and the marks of what was merged."""
    tables: list[pa.Table] = []
    marks: list[str] = []
    made_by = layout.recorded
    for key in objects:
        if stored := store.read_object(key):
            opened = open_object(key, stored.body)
            follows_layout(opened.footer.layout, layout, opened.footer.partition)
            made_by = made_by.onto(opened.footer.layout)
            tables.append(opened.read(layout.schema, layout.given).cast(layout.given_schema))
            marks += opened.footer.recent
    if not tables:
        return batch, made_by, ()
    return batch_of(pa.concat_tables([*tables, batch.table]), layout), made_by, tuple(marks)


def _merge_of(
    written: RowLayout | None,
    rows: pa.Table | Pieces,
    splice: Splice,
    recent: Sequence[str],
    sources: Sequence[SourceRef],
    mark: str,
    context: CommitContext,
) -> Next:
    marks = later_marks(recent, sources, context.contract_hash, others=[mark] if mark else ())
    return Next("merge", rows, written, splice.inserted, splice.replaced, tuple(sources)[-RECENT:], marks)


def commit_many(
    store: PartitionStore,
    changes: Sequence[tuple[Table, str, pa.Table]],
    *,
    sources: Sequence[SourceRef],
    context: CommitContext,
    workers: int = 8,
) -> list[Outcome]:
    """``commit_rows`` for many partitions at once, ``workers`` at a time; outcomes in the order of ``changes``.

    Partitions do not wait for each other and are not one commit: when one fails, the others are committed all the same,
    and then the first failure is raised.
    """

    def commit(change: tuple[Table, str, pa.Table]) -> Outcome:
        table, partition, rows = change
        return commit_rows(store, table, partition, rows, sources=sources, context=context)

    if len(changes) < 2 or workers < 2:
        return [commit(change) for change in changes]
    with ThreadPoolExecutor(min(workers, len(changes))) as pool:
        futures = [pool.submit(commit, change) for change in changes]
    return [future.result() for future in futures]


def commit_table(
    store: PartitionStore,
    table: Table,
    partition: str,
    recompute: Recompute,
    *,
    inputs: Sequence[tuple[Table, str]],
    context: CommitContext,
) -> Outcome:
    """Replace a derived partition by the rows that ``recompute`` makes of its inputs (tables with partitions' paths).

    ``recompute`` gets the snapshots by the store's names of the partitions (``dim_x``, ``fact_y/symbol=A``); those that
    have no commit yet are left out, those that are broken raise ``LostCommit`` or ``PipelineBug``. The target's pointer
    is read before the inputs' and all three steps are done again when beaten, so the last writer has seen the newest
    inputs. No version is made, and nothing is recomputed, when the footer names exactly the input objects just read,
    under the same contract and with the same basis. A target that is lost itself is made again: its rows are a function
    of its inputs. One that is held stays as it is, for nothing of what was brought back would be left.
    """
    layout = Layout.of(table)
    where = partition_of(table.folder, partition)

    def make(current: State) -> Next | AlreadyThere:
        if isinstance(current, Current) and current.is_sound and current.footer.hold:
            return already_there(current)
        snapshots: dict[str, Snapshot] = {}
        seen: dict[str, str] = {}
        for source, path in inputs:
            name = partition_of(source.folder, path)
            snapshot = read_partition(store, source, path)
            if snapshot is None:
                _refuse_lost_input(current, name)
            seen[name] = snapshot.key if snapshot else ""
            if snapshot:
                snapshots[name] = snapshot
        if isinstance(current, Current) and current.is_sound and _same_origin(current, seen, layout, context):
            return already_there(current)
        rows = dedupe(recompute(snapshots), layout)
        return Next("derive", with_latest(rows, layout), layout.recorded, inserted=rows.num_rows, inputs=seen)

    return attempt(store, layout, where, make, context=context, mends=True)


def _refuse_lost_input(current: State, name: str) -> None:
    """An input without a commit, of which the derived table was once made, has lost its pointer."""
    opened = current.opened if isinstance(current, Current) else None
    if opened is not None and (before := opened.footer.inputs.get(name)):
        problem = f"its pointer is gone, for {current.partition} was made of {before}"
        raise LostCommit("read partition", name, problem, remedy_of(name))


def _same_origin(current: Current, seen: Mapping[str, str], layout: Layout, context: CommitContext) -> bool:
    footer = current.footer
    if footer.layout is not None and footer.layout.basis != layout.basis:
        return False
    return footer.kind == "derive" and footer.inputs == seen and footer.contract == context.contract_hash


def restate(
    store: PartitionStore, table: Table, partition: str, rebuild: Rebuild, *, context: CommitContext
) -> Outcome:
    """Replace a partition whole, whatever it holds, even where pointer or object are missing, altered or not ours.

    ``rebuild`` gives the rows and the ingest objects that they come from. It is called after the pointer was read, and
    again when beaten: a commit that it does not see is one that comes after it. A hold stays. No version is made where
    a sound object holds the same rows.
    """
    layout = Layout.of(table)

    def make(current: State) -> Next | AlreadyThere:
        given, sources = rebuild()
        rows = with_latest(dedupe(given, layout), layout)
        if isinstance(current, Current) and _holds(current, rows, layout):
            return already_there(current)
        marks = later_marks((), sources, context.contract_hash)
        sources = tuple(sources)[-RECENT:]
        return Next("restate", rows, layout.recorded, inserted=rows.num_rows, sources=sources, recent=marks)

    where = partition_of(table.folder, partition)
    return attempt(store, layout, where, make, context=context, mends=True)


def rederive(
    store: PartitionStore, table: Table, partition: str, remake: Rederive, *, context: CommitContext
) -> Outcome:
    """As ``restate``, of rows that are computed: ``remake`` gives them and the objects that they were computed from.

    A version is made where these are others, too, for whoever proves the rows goes by them. What is held stays.
    """
    layout = Layout.of(table)

    def make(current: State) -> Next | AlreadyThere:
        if isinstance(current, Current) and current.is_sound and current.footer.hold:
            return already_there(current)
        given, inputs = remake()
        rows = with_latest(dedupe(given, layout), layout)
        if isinstance(current, Current) and _holds(current, rows, layout) and current.footer.inputs == inputs:
            return already_there(current)
        return Next("restate", rows, layout.recorded, inserted=rows.num_rows, inputs=inputs)

    return attempt(store, layout, partition_of(table.folder, partition), make, context=context, mends=True)


def _holds(current: Current, rows: pa.Table, layout: Layout) -> bool:
    """Whether a sound object holds these rows already. Rows that cannot be read as the contract's are others."""
    if not current.is_sound or current.footer.layout not in (None, layout.recorded):
        return False
    if current.footer.layout is None and (layout.text_ids or not current.object.schema.equals(layout.schema)):
        return False
    try:
        return identical(current.object.read(layout.schema), rows)
    except PipelineBug:
        return False
