"""Rebuilding of a table from the ingest objects alone, partition by partition, as if all had come at once.

Objects are parsed, shaped, checked and merged as they are when they arrive, so the rows are the same. Each partition is
replaced whole, by one commit, while readers and writers go on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from core.audit.repair_jobs import Inputs
from core.contract.model import Table
from core.errors import InvalidData, LostCommit, present
from core.warehouse.current_state import inputs_of
from core.warehouse.pointer import POINTER_NAME, data_prefix, partition_of, pointer_key
from core.warehouse.pointer import parse_object as parse_object_key
from processing.derived.dimensions import derive_dimension, derive_static
from processing.derived.rollups import derive_rollup
from processing.partitions.batch import dedupe
from processing.partitions.commit import Committed, SourceRef, restate
from processing.partitions.layout import Layout
from processing.partitions.state import Current, read_state
from processing.plan import SourcePlan, plan_source, static_tables
from processing.records.partial_states import end_partial
from processing.restating.history import History
from processing.restating.losses import because_of, find_losses, refuse_losses, refuse_unknown
from processing.restating.spill_buffer import SpillBuffer
from processing.services import Services


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A partition (its path) after a rebuild. Not ``changed``: it already held the rows of its ingest objects."""

    table: str
    partition: str
    version: int
    rows: int
    changed: bool


def rebuild_table(
    services: Services,
    name: str,
    partition: str | None = None,
    *,
    allow_fewer: bool = False,
    progress: Callable[[str], None] = lambda _done: None,
    kept: Collection[str] = (),
    refusals: list[str] | None = None,
    seconds: float = 0,
) -> Iterator[Rebuilt]:
    """Rebuild a warehouse table, or one partition of it. Advances as it is iterated.

    Whatever is there is replaced: lost or broken pointers, altered objects, rows of another layout or of other types.
    ``allow_fewer`` lets a partition end without keys that it has; without it such a partition raises ``InvalidData``,
    which names them, and stays as it is, for ingest objects may be missing, or halt by now. So does one that would get
    older rows. The other partitions are rebuilt first. A partition for whose rows there is no ingest object left is
    never touched, and named where it is broken. A rollup is computed again from its fact and the certificates.
    ``progress`` is called with the key of every object that was read.
    ``kept`` are the folders of current states that are taken as they are. ``refusals`` gets the objects that halted or
    of which lines were rejected, each with the reason. ``seconds``: a current state whose objects take longer to read
    is not made, but what was read is kept, and the next call goes on with it; ``InvalidData`` says how far it came.
    """
    table = services.contracts.table(name)
    if table.name in {table.name for table in static_tables(services.contracts)}:
        outcome = derive_static(
            services.partitions, table, services.promises(table.dataset), commit_context=services.commit_context
        )
        yield Rebuilt(name, "", outcome.version, outcome.rows, isinstance(outcome, Committed))
        return
    contract = services.contracts.dataset(table.dataset)
    if table.kind == "fact":
        plan = plan_source(contract, table.source)
        paths = None if partition is None else (partition,)
        yield from _rebuild(services, plan, table, paths, allow_fewer, progress, refusals)
        return
    if table.kind == "rollup":
        paths_there = paths_of_rollup(services, table)
        if partition is not None and partition not in paths_there:
            where = partition_of(table.folder, partition)
            raise InvalidData("rebuild", where, f"{table.source} has no such partition", "Nothing was changed")
        yield from _derive(services, table, paths_there if partition is None else [partition])
        return
    for source in dict.fromkeys(inputs_of(table)):
        plan = plan_source(contract, source)
        current = present(plan.current, "rebuild", f"the current state of {source}")
        if current.folder not in kept:
            yield from _rebuild(services, plan, current, None, allow_fewer, progress, refusals, seconds=seconds)
    outcome = derive_dimension(services.partitions, table, services.contracts, context=services.context_of(contract))
    yield Rebuilt(name, "", outcome.version, outcome.rows, isinstance(outcome, Committed))


def rebuild_partitions(
    services: Services,
    name: str,
    paths: Collection[str],
    inputs: Inputs | None = None,
    *,
    allow_fewer: bool = False,
    progress: Callable[[str], None] = lambda _done: None,
) -> Iterator[Rebuilt]:
    """Rebuild some partitions of a fact from the ingest objects that have their rows, each of which is read once.

    Without ``inputs`` these may be all of its source. Else as ``rebuild_table``: what arrives meanwhile is taken, and
    what would lose rows stays as it is.
    """
    table = services.contracts.table(name)
    plan = plan_source(services.contracts.dataset(table.dataset), table.source)
    yield from _rebuild(services, plan, table, paths, allow_fewer, progress, None, inputs)


def _rebuild(
    services: Services,
    plan: SourcePlan,
    table: Table,
    paths: Collection[str] | None,
    allow_fewer: bool,
    progress: Callable[[str], None],
    refusals: list[str] | None,
    inputs: Inputs | None = None,
    seconds: float = 0,
) -> Iterator[Rebuilt]:
    with tempfile.TemporaryDirectory(prefix="starmend-rebuild-") as folder:
        layout = Layout.of(table) if seconds else None  # of what is kept, and put beside what is read later
        history = History(services, plan, table, paths, SpillBuffer(Path(folder)), progress, inputs, layout)
        if seconds:
            _read_within(services, table, history, seconds)
        else:
            history.read_new()
        if refusals is not None:
            refusals += [each for each in history.refused if each not in refusals]
        refused: list[InvalidData] = []
        for path in history.buffer.paths if paths is None else paths:
            try:
                rebuilt = restate_from(services, plan, table, path, history, allow_fewer)
            except InvalidData as error:
                refused.append(error)
                continue
            yield rebuilt
        if paths is None:
            refused += _broken_besides(services, table, history)
        _raise_refused(table, refused)
        if seconds:
            end_partial(services.records, table.folder)


def _read_within(services: Services, table: Table, history: History, seconds: float) -> None:
    """Read the objects of a current state that no run before has read, as many as the time allows.

    One at least, and the time counts from where it goes on: however long that takes, each call gets further. Raises
    ``InvalidData`` where these are not all: they are kept, and the next call goes on behind them.
    """
    history.resume()
    began = services.timer()
    if not history.read_new(until=lambda: services.timer() - began > seconds):
        problem = f"{history.keep():,} of its ingest objects are read, which took {seconds:g} s and more"
        raise InvalidData("rebuild", table.folder, problem, "The next repair of it goes on with the others")


def _derive(services: Services, rollup: Table, paths: Sequence[str]) -> Iterator[Rebuilt]:
    """Compute partitions of a rollup again; one that cannot be stays as it is, and is named after the others."""
    refused: list[InvalidData | LostCommit] = []
    for path in paths:
        try:
            outcome = derive_rollup(services, rollup, path)
        except (InvalidData, LostCommit) as error:
            refused.append(error)
            continue
        yield Rebuilt(rollup.name, path, outcome.version, outcome.rows, isinstance(outcome, Committed))
    _raise_refused(rollup, refused)


def _raise_refused(table: Table, refused: Sequence[InvalidData | LostCommit]) -> None:
    """Raise what partitions were refused for, in one error; nothing where there are none."""
    if len(refused) == 1:
        raise refused[0]
    if refused:
        problem = "; ".join(f"{error.place}: {error.problem}" for error in refused)
        raise InvalidData(
            "rebuild", table.name, f"{len(refused)} partitions stay as they are: {problem}", refused[0].remedy
        )


def restate_from(
    services: Services, plan: SourcePlan, table: Table, path: str, history: History, allow_fewer: bool
) -> Rebuilt:
    """Replace a partition by what the history gives it, whatever arrives meanwhile.

    Raises ``InvalidData`` where it stays as it is, with the reason; ``TransientFailure`` where a store does not answer.
    """
    layout = Layout.of(table)
    where = partition_of(table.folder, path)

    def rows_now() -> tuple[pa.Table, Sequence[SourceRef]]:
        # Called after the pointer was read: an object that was committed before that is listed now, or was before.
        history.read_new()
        rows = history.buffer.rows(path)
        if rows is None:
            problem = "no ingest object has rows of it" + because_of(history.refused)
            raise InvalidData("rebuild", where, problem, "Nothing was changed")
        unique = dedupe(rows, layout)
        if not allow_fewer:
            losses = find_losses(services.partitions, where, unique, layout, by_content=bool(history.refused))
            refuse_losses(losses, where, history.refused)
            if losses.may_be_more:
                refuse_unknown(losses, where, history.gave_more(path))
        return unique, history.refs.get(path, ())

    outcome = restate(services.partitions, table, path, rows_now, context=services.context_of(plan.contract))
    return Rebuilt(table.name, path, outcome.version, outcome.rows, isinstance(outcome, Committed))


def _broken_besides(services: Services, table: Table, history: History) -> Iterator[InvalidData]:
    """The partitions that no ingest object has rows of and that cannot be read: nothing can make them again."""
    paths = [*paths_of_pointers(services, table), *_paths_of_objects(services, table)]
    history.read_new()  # an object that is there was made of ingest objects that were there before it
    for path in sorted(set(paths) - set(history.buffer.paths)):
        where = partition_of(table.folder, path)
        state = read_state(services.partitions, where)
        if not isinstance(state, Current) or not state.is_sound:
            problem = "is broken, and no ingest object has rows of it" + because_of(history.refused)
            yield InvalidData("rebuild", where, problem, "Bring missing ingest objects back, or mend what halts them")


def paths_of_pointers(services: Services, table: Table) -> Iterator[str]:
    """The paths of a table's partitions, in order."""
    folder = pointer_key(table.folder).removesuffix(POINTER_NAME)
    for info in services.records.list(folder):
        if info.key.endswith(f"/{POINTER_NAME}"):
            yield info.key.removeprefix(folder).removesuffix(POINTER_NAME).rstrip("/")


def paths_of_rollup(services: Services, table: Table) -> list[str]:
    """The partitions that a rollup has, or that its fact has: each of these is to have one of the rollup."""
    fact = services.promises(table.dataset).table(table.source)
    return sorted({*paths_of_pointers(services, table), *paths_of_pointers(services, fact)})


def _paths_of_objects(services: Services, table: Table) -> Iterator[str]:
    """The partitions that have objects: where a pointer is lost, they alone tell that there was a partition."""
    for info in services.records.list(data_prefix(table.folder)):
        if name := parse_object_key(info.key):
            yield name.partition.removeprefix(table.folder).lstrip("/")
