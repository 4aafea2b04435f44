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

from core.contract.model import Table
from core.errors import InvalidData, present
from core.landing.zone import landing_of, prefixes_of
from core.ports import ObjectInfo
from core.warehouse.current_state import inputs_of
from core.warehouse.pointer import POINTER_NAME, partition_of, pointer_key
from processing.derived.dimensions import derive_dimension, derive_static
from processing.parse_object import parse_object
from processing.partitions.batch import dedupe
from processing.partitions.commit import Committed, SourceRef, restate
from processing.partitions.layout import Layout
from processing.partitions.state import Current, read_state
from processing.plan import SourcePlan, plan_source, static_tables
from processing.restating.losses import find_losses, refuse_losses
from processing.restating.spill_buffer import SpillBuffer
from processing.services import Services
from processing.shape import Origin


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
) -> Iterator[Rebuilt]:
    """Rebuild a warehouse table, or one partition of it. Advances as it is iterated.

    Whatever is there is replaced: lost or broken pointers, altered objects, rows of another layout or of other types.
    ``allow_fewer`` lets a partition end without keys that it has; without it such a partition raises ``InvalidData``,
    which names them, and stays as it is, for ingest objects may be missing, or halt by now. So does one that would get
    older rows. The other partitions are rebuilt first. A partition for whose rows there is no ingest object left is
    never touched, and named where it is broken. ``progress`` is called with the key of every object that was read.
    """
    table = services.contracts.table(name)
    if table.name in {table.name for table in static_tables(services.contracts)}:
        outcome = derive_static(services.partitions, table, services.contracts)
        yield Rebuilt(name, "", outcome.version, outcome.rows, isinstance(outcome, Committed))
        return
    contract = services.contracts.dataset(table.dataset)
    if table.kind == "fact":
        yield from _rebuild(services, plan_source(contract, table.source), table, partition, allow_fewer, progress)
        return
    if table.kind != "dimension":
        remedy = "Rebuild the fact that it is made of"
        raise InvalidData("rebuild", name, f"a {table.kind} does not come from ingest objects", remedy)
    for source in dict.fromkeys(inputs_of(table)):
        plan = plan_source(contract, source)
        current = present(plan.current, "rebuild", f"the current state of {source}")
        yield from _rebuild(services, plan, current, None, allow_fewer, progress)
    outcome = derive_dimension(services.partitions, table, services.contracts, context=services.context_of(contract))
    yield Rebuilt(name, "", outcome.version, outcome.rows, isinstance(outcome, Committed))


def _rebuild(
    services: Services,
    plan: SourcePlan,
    table: Table,
    partition: str | None,
    allow_fewer: bool,
    progress: Callable[[str], None],
) -> Iterator[Rebuilt]:
    with tempfile.TemporaryDirectory(prefix="starmend-rebuild-") as folder:
        history = _History(services, plan, table, partition, SpillBuffer(Path(folder)), progress)
        history.read_new()
        refused: list[InvalidData] = []
        for path in history.buffer.paths if partition is None else (partition,):
            try:
                rebuilt = _restate(services, plan, table, path, history, allow_fewer)
            except InvalidData as error:
                refused.append(error)
                continue
            yield rebuilt
        if partition is None:
            refused += _broken_besides(services, table, history.buffer.paths)
        if len(refused) == 1:
            raise refused[0]
        if refused:
            problem = "; ".join(f"{error.place}: {error.problem}" for error in refused)
            raise InvalidData(
                "rebuild", table.name, f"{len(refused)} partitions stay as they are: {problem}", refused[0].remedy
            )


def _restate(
    services: Services, plan: SourcePlan, table: Table, path: str, history: _History, allow_fewer: bool
) -> Rebuilt:
    layout = Layout.of(table)
    where = partition_of(table.name, path)

    def rows_now() -> tuple[pa.Table, Sequence[SourceRef]]:
        # Called after the pointer was read: an object that was committed before that is listed now, or was before.
        history.read_new()
        rows = history.buffer.rows(path)
        if rows is None:
            raise InvalidData("rebuild", where, "no ingest object has rows of it", "Nothing was changed")
        unique = dedupe(rows, layout)
        if not allow_fewer:
            losses = find_losses(services.partitions, where, unique, layout, by_content=bool(history.refused))
            refuse_losses(losses, where, history.refused)
        return unique, history.refs.get(path, ())

    outcome = restate(services.partitions, table, path, rows_now, context=services.context_of(plan.contract))
    return Rebuilt(table.name, path, outcome.version, outcome.rows, isinstance(outcome, Committed))


def _broken_besides(services: Services, table: Table, rebuilt: Collection[str]) -> Iterator[InvalidData]:
    """The partitions that no ingest object has rows of and that cannot be read: nothing can make them again."""
    folder = pointer_key(table.name).removesuffix(POINTER_NAME)
    for info in services.records.list(folder):
        path = info.key.removeprefix(folder).removesuffix(POINTER_NAME).rstrip("/")
        if not info.key.endswith(f"/{POINTER_NAME}") or path in rebuilt:
            continue
        where = partition_of(table.name, path)
        state = read_state(services.partitions, where)
        if not isinstance(state, Current) or not state.is_sound:
            problem = "is broken, and no ingest object has rows of it"
            yield InvalidData("rebuild", where, problem, "Bring missing ingest objects back, or mend what halts them")


class _History:
    """All ingest objects of a source table, read as they appear, and their rows of one warehouse table by partition.

    ``refused`` names the objects that halted or of which lines were rejected, and why: they may have given more once.
    """

    def __init__(
        self,
        services: Services,
        plan: SourcePlan,
        table: Table,
        partition: str | None,
        buffer: SpillBuffer,
        progress: Callable[[str], None],
    ) -> None:
        self._services = services
        self._plan = plan
        self._table = table
        self._partition = partition
        self._progress = progress
        self._known: set[tuple[str, str]] = set()
        self.buffer = buffer
        self.refused: list[str] = []
        self.refs: dict[str, list[SourceRef]] = {}

    def read_new(self) -> None:
        """Read the objects that were not there the last time."""
        dataset, source = self._plan.contract.dataset, self._plan.source.name
        for prefix in prefixes_of(self._services.contracts, dataset, source):
            for info in self._services.ingest.list(prefix):
                if (info.key, info.etag) not in self._known and landing_of(info.key):
                    self._read(info)
                    self._known.add((info.key, info.etag))
                    self._progress(info.key)

    def _read(self, info: ObjectInfo) -> None:
        opened = self._services.ingest.open(info.key)
        if opened is None:
            return
        services, plan = self._services, self._plan
        with opened.stream as stream:
            parsed = parse_object(
                stream,
                plan,
                Origin(plan.contract, services.contracts, opened.stat.modified),
                place=info.key,
                now=services.now(),
                timer=services.timer,
                threads=services.threads,
            )
        if parsed.halted:
            self.refused.append(f"{info.key} halts: {parsed.halted}")
        elif parsed.rejected_lines:
            self.refused.append(f"{info.key} has {parsed.rejected_lines} bad lines")
        for part in parsed.parts:
            if part.table.name == self._table.name and self._partition in (None, part.path):
                self.buffer.add(part.path, part.rows)
                self.refs.setdefault(part.path, []).append(SourceRef(info.key, opened.stat.etag))
