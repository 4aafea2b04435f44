"""History of a source table: its ingest objects, read as they appear, and what they give one warehouse table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pyarrow as pa

from core.audit.repair_jobs import Inputs
from core.contract.model import Table
from core.landing.ingest_objects import content_promise
from core.landing.zone import landing_of, prefixes_of
from core.ports import ObjectInfo
from core.time import parse_instant
from processing.parse_object import parse_object
from processing.partitions.batch import dedupe
from processing.partitions.commit import SourceRef
from processing.partitions.layout import Layout
from processing.plan import SourcePlan
from processing.records.partial_states import PartialState, ReadObject, is_as_read, keep_partial, read_partial
from processing.records.receipts import read_receipt
from processing.restating.arrivals import Places, places_of
from processing.restating.spill_buffer import SpillBuffer
from processing.services import Services
from processing.shape import Origin

CLOCKS = timedelta(minutes=15)  # more than S3's clock and that of whoever looked the inputs up may differ


@dataclass(frozen=True, slots=True)
class Refusal:
    """An ingest object that halted or of which lines were rejected: it may have given more once."""

    key: str
    lines: int
    halted: str

    def __str__(self) -> str:
        return f"{self.key} halts: {self.halted}" if self.halted else f"{self.key} has {self.lines} bad lines"


@dataclass(frozen=True, slots=True)
class ObjectRows:
    """The rows that an ingest object gives one warehouse table, by partition, and what of it was refused."""

    source: SourceRef
    rows: tuple[tuple[str, pa.Table], ...]
    refusal: Refusal | None = None


def read_rows(
    services: Services, plan: SourcePlan, table: Table, key: str, *, partitions: Collection[str] | None = None
) -> ObjectRows | None:
    """Parse, shape and check an object as it was when it arrived; None where it is gone.

    Rows are of ``partitions`` alone, where they are named. Raises ``TransientFailure`` where the store does not answer.
    """
    opened = services.ingest.open(key)
    if opened is None:
        return None
    with opened.stream as stream:
        parsed = parse_object(
            stream,
            plan,
            Origin(
                plan.contract,
                services.contracts,
                opened.stat.modified,
                services.settlings(plan.contract.dataset),
            ),
            place=key,
            now=services.now(),
            timer=services.timer,
            threads=services.threads,
            promise=content_promise(opened.stat.metadata),
        )
    refused = parsed.halted or parsed.rejected_lines
    rows = (
        (part.path, part.rows)
        for part in parsed.parts
        if part.table.folder == table.folder and (partitions is None or part.path in partitions)
    )
    return ObjectRows(
        SourceRef(key, opened.stat.etag),
        tuple(rows),
        Refusal(key, parsed.rejected_lines, parsed.halted) if refused else None,
    )


class History:
    """The ingest objects of a source table, and their rows of one warehouse table by partition.

    Of all of them, or of some ``partitions``; all objects are read, unless ``inputs`` say which ones have their rows.
    With a ``layout`` rows are brought into its columns as they are read, for they are put beside others that were.
    """

    def __init__(
        self,
        services: Services,
        plan: SourcePlan,
        table: Table,
        partitions: Collection[str] | None,
        buffer: SpillBuffer,
        progress: Callable[[str], None],
        inputs: Inputs | None = None,
        layout: Layout | None = None,
    ) -> None:
        self._services = services
        self._plan = plan
        self._table = table
        self._partitions = partitions
        self._inputs = inputs
        self._layout = layout
        self._progress = progress
        self._known: set[tuple[str, str]] = set()
        self._refusals: dict[str, Refusal] = {}
        self._said: dict[str, Places | None] | None = None
        self.buffer = buffer
        self.refs: dict[str, list[SourceRef]] = {}

    @property
    def refused(self) -> list[str]:
        """The objects that halted or of which lines were rejected, and why."""
        return [str(refusal) for refusal in self._refusals.values()]

    def read_new(self, *, until: Callable[[], bool] = lambda: False) -> bool:
        """Read the objects that were not there the last time; whether it came to the end before ``until`` said so.

        One is read in any case, if there is one.
        """
        before = len(self._known)
        if self._inputs is not None and not self._known:
            for key in self._inputs.objects:
                self._read(key)
        for info in self._listed():
            if (info.key, info.etag) not in self._known and landing_of(info.key):
                if len(self._known) > before and until():
                    return False
                self._read(info.key)
        return True

    def resume(self) -> bool:
        """Go on with what an earlier run has read of a current state, if its objects are what they were."""
        partial = read_partial(self._services.records, self._table.folder, by=self._by)
        there = {info.key: info.etag for info in self._listed()} if partial else {}
        if partial is None or not is_as_read(partial.objects, there):
            return False
        self.take(
            [SourceRef(each.key, each.etag, rows=each.rows) for each in partial.objects],
            [Refusal(each.key, each.lines, each.halted) for each in partial.objects if each.lines or each.halted],
        )
        if partial.rows.num_columns:
            self.add(
                "",
                partial.rows,
                [SourceRef(each.key, each.etag, rows=each.rows) for each in partial.objects if each.rows],
            )
        return True

    def keep(self) -> int:
        """Keep what was read of a current state for the next run to go on with; how many objects that were."""
        layout, rows = Layout.of(self._table), self.buffer.rows("")
        given = {source.key: source.rows or 0 for source in self.refs.get("", ())}
        refusals = {key: self._refusals.get(key) or Refusal(key, 0, "") for key, _ in self._known}
        objects = tuple(
            ReadObject(key, etag, given.get(key, 0), refusals[key].lines, refusals[key].halted)
            for key, etag in sorted(self._known)
        )
        unique = dedupe(rows, layout) if rows is not None else pa.table({})
        keep_partial(self._services.records, self._table.folder, PartialState(self._by, objects, unique))
        return len(objects)

    @property
    def _by(self) -> str:
        """Under which contract and by which code objects are read: by another release their rows may be others."""
        return f"{self._plan.contract.hash}.{self._services.code_version}"

    def _listed(self) -> Iterator[ObjectInfo]:
        """The objects that may not have been read: all, or those that came since the inputs were looked up."""
        dataset, source = self._plan.contract.dataset, self._plan.source.name
        after = dict(self._inputs.after) if self._inputs else {}
        since = parse_instant(self._inputs.at) - CLOCKS if self._inputs else None
        for prefix in prefixes_of(self._services.contracts, dataset, source):
            for info in self._services.ingest.list(prefix, after=after.get(prefix, "")):
                if since is None or info.modified >= since:
                    yield info

    def gave_more(self, path: str) -> Iterator[str]:
        """The ingest objects that may have given a partition rows that they do not give now, and why.

        By their receipts: those that are gone, those that reject more lines than when they were committed, and those
        that halt, for a receipt of today's halt has replaced that of an earlier commit. What the receipts say is
        looked up; only those are read of objects that are gone or refused, and of which that does not tell it all.
        """
        known = {key for key, _ in self._known}
        accounted: set[str] = set()
        for key, places in self._places().items():
            landing, refusal = landing_of(key), self._refusals.get(key)
            if landing is None or (key in known and (refusal is None or refusal.halted)):
                continue
            receipt = read_receipt(self._services.records, landing) if refusal or places is None else None
            touched = self._touched(path, places, receipt)
            if key not in known:
                if touched:
                    yield f"{key} is gone"
            elif refusal and receipt:
                accounted.add(key)
                if touched and refusal.lines > (receipt.get("rejected") or 0):
                    yield str(refusal)
        yield from (str(refusal) for key, refusal in self._refusals.items() if key not in accounted)

    def _places(self) -> dict[str, Places | None]:
        """What the receipts say of each object, looked up once."""
        if self._said is None:
            self._said = places_of(self._services, self._plan.contract.dataset, self._plan.source.name)
        return self._said

    def _touched(self, path: str, places: Places | None, receipt: Mapping[str, Any] | None) -> bool:
        """Whether an object gave the partition rows, or nobody can say that it did not."""
        if receipt is not None:
            places = tuple((part["table"], part["partition"]) for part in receipt["partitions"])
        return places is None or (self._table.folder, path) in places

    def take(self, sources: Iterable[SourceRef], refusals: Iterable[Refusal]) -> None:
        """Objects that somebody else has read already: their rows are in the buffer, or will be."""
        self._known.update((source.key, source.etag) for source in sources)
        self._refusals.update((refusal.key, refusal) for refusal in refusals)

    def add(self, path: str, rows: pa.Table, sources: Iterable[SourceRef]) -> None:
        """Rows of a partition, and the objects that they come from."""
        self.buffer.add(path, rows)
        self.refs.setdefault(path, []).extend(sources)

    def _read(self, key: str) -> None:
        given = read_rows(self._services, self._plan, self._table, key, partitions=self._partitions)
        if given is None:
            return
        self.take([given.source], [given.refusal] if given.refusal else [])
        for path, rows in given.rows:
            source = replace(given.source, rows=rows.num_rows)
            self.add(path, dedupe(rows, self._layout) if self._layout else rows, [source])
        self._progress(key)
