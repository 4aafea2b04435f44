"""Proof of objects against the certificates: before which instant all of their rows are the certified ones.

A certificate names, for each partition with rows of its window, their number and digest. So an object is compared row
by row, whatever was committed since: of a feed's fact the rows of each window, of a database's table all rows of the
partition. Rows that no certificate speaks of bound it, and so do windows whose rows are others. What is computed from
other tables holds as far as the very objects do that it was computed from, and a rollup, which says of its groups
whether they are complete, as far as it knows of the certificates (``rollups``); what is made of the contract alone is
held against that (``static``). A partition that certificates name and that has no object bounds it like rows that are
others, and so does a window with rows whose certificate does not speak of the table at all: it was issued before there
was one.

The certificates are those that the ledgers name. Whether a ledger says what the chain does is what ``starmend verify``
proves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from core.audit.certificate import Certificate, LedgerEntry, entry_of
from core.contract.model import Contract, Contracts, Feed, Table
from core.errors import InvalidData, LostCommit, PipelineBug, of_kind
from core.evolution.certified import table_as_certified
from core.feeds.partitions import TIME_DIGITS, column_of, unit_bounds
from core.ports import ObjectReader
from core.time import epoch, iso
from core.warehouse.arrow_types import stored_schema
from core.warehouse.canonical_rows import proof_of, rows_between
from core.warehouse.current_state import current_table, inputs_of
from core.warehouse.keys import values_in, with_path_columns
from core.warehouse.order import as_array
from core.warehouse.partition_objects import Opened, open_object
from core.warehouse.pointer import partition_of
from mirror.certified.ledgers import Ledgers
from mirror.certified.rollups import CertifiedRollup
from mirror.certified.static import is_as_promised, is_static, telling_column

ALL_TIME = (0, 253_402_300_799)  # 1970 to 9999: of rows that no time bounds
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """An object of a partition: ``path`` below the folder of its table. Without a key the snapshot has none of it."""

    table: Table
    path: str
    key: str

    @property
    def partition(self) -> str:
        """The partition's name, as certificates have it."""
        return partition_of(self.table.folder, self.path)

    @property
    def bounds(self) -> tuple[int, int]:
        """The time that the rows lie in by their path alone, epoch seconds, half-open."""
        start, end = ALL_TIME
        values = values_in(self.path)
        for part in self.table.partition_by:
            if part.transform in TIME_DIGITS:
                first, last = unit_bounds(part.transform, values[part.name])
                start, end = max(start, first), min(end, last)
        return start, end

    def overlaps(self, start: int, end: int) -> bool:
        """Whether rows of it may lie in ``[start, end)``."""
        first, last = self.bounds
        return max(first, start) < min(last, end)


@dataclass(frozen=True, slots=True)
class Proven:
    """All rows before ``until`` (epoch seconds) are as certified; ``problem`` says what of the next ones is not.

    ``is_whole``: there are no next ones. All rows are as certified, and stay so until a certificate speaks of them.
    """

    until: int
    problem: str = ""
    is_whole: bool = False


class Prover:
    """The certificates of one dataset, held against objects."""

    def __init__(self, contracts: Contracts, contract: Contract, objects: ObjectReader, *, until: int) -> None:
        """Nothing at or after ``until`` is claimed, and so nothing of it is compared."""
        self._contract, self._objects, self._limit = contract, objects, until
        self._calendars = contracts.calendar
        self._ledgers = Ledgers(objects, contract.dataset)
        states = [current_table(contract, each) for each in contract.source.tables] if contract.source else []
        self._tables = {table.folder: table for table in (*contract.tables, *states)}
        self._proven: dict[str, Proven] = {}

    @property
    def read(self) -> int:
        """How many objects were read by now."""
        return len(self._proven)

    def prove(self, place: Place) -> Proven:
        """Before which instant the object's rows are as certified. Raises ``TransientFailure``."""
        if not place.key:
            return self._of_absent(place)
        if place.key not in self._proven:  # a fact's object comes again as what a rollup was computed from
            self._proven[place.key] = self._prove(place)
        return self._proven[place.key]

    def _prove(self, place: Place) -> Proven:
        table = place.table
        try:
            rows = self._read(place)
            if is_static(table):
                return self._of_contract(rows)
            inputs = rows.opened.footer.inputs
            if table.kind == "rollup" and not inputs:
                return self._bounded(place, place.bounds[0], "does not say what it was computed from")
            if table.kind == "rollup":
                least = min(self._of_groups(rows), self._of_inputs(inputs), key=lambda proven: proven.until)
                return replace(least, is_whole=False)  # certificates of what has no rows change what it has to say
            if inputs:
                return self._of_inputs(inputs)
            if isinstance(self._contract.source, Feed):
                return self._of_windows(rows, column_of(table, self._contract.source.time_column))
            return self._of_slice(rows)
        except (InvalidData, PipelineBug, ValueError, LookupError) as error:
            problem = error.problem if isinstance(error, InvalidData | PipelineBug) else repr(error)
            return self._bounded(place, place.bounds[0], problem)

    def prove_named(
        self, table: Table, paths: Collection[str], *, since: int, news: Iterable[Certificate] = ()
    ) -> Proven:
        """Before which instant all partitions that certificates name are at ``paths``.

        Of windows that end after ``since``, and of those that there are ``news`` of.
        """
        least, ledgers = Proven(self._limit), self._ledgers.between(since, self._limit)
        entries = {window: entry for window, entry in ledgers.items() if epoch(entry.end) > since}
        entries |= {certificate.window: entry_of(certificate) for certificate in news}
        for source in self._named_as(table):
            for window, entry in entries.items():
                start, is_own = epoch(entry.start), window.rpartition("/")[0] == source.name
                if start >= least.until or not (isinstance(self._contract.source, Feed) or is_own):
                    continue
                named = [path for name in entry.partitions if (path := _path_in(source.folder, name)) is not None]
                absent = [path for path in named if path not in paths]
                if absent:
                    place = partition_of(table.folder, absent[0])
                    least = Proven(start, f"{place}: certificate {entry.number} names it, and there is no object")
                elif entry.present and not named:
                    least = Proven(start, f"{table.folder}: certificate {entry.number} does not speak of it")
        return least

    def spoken_of(self, table: Table, paths: Collection[str], news: Iterable[Certificate]) -> set[str]:
        """Those of a table's ``paths`` of whose rows certificates speak, or speak no more.

        A fact and what is made of it lie at the same paths. A dimension lies at a path of its own, and has news
        wherever a current state has that it is computed from: its object may be of the state before.
        """
        names = [name for each in news for name in (*each.partitions, *each.changed.get("partitions", ()))]
        inputs = [current_table(self._contract, self._contract.source_table(name)) for name in inputs_of(table)]
        if inputs:
            has_news = any(_path_in(state.folder, name) is not None for state in inputs for name in names)
            return {*paths} if has_news else set()
        return {name.partition("/")[2] for name in names} & {*paths}

    def _named_as(self, table: Table) -> list[Table]:
        """The tables whose partitions certificates name, and by whose paths this one lies."""
        if table.kind == "fact":
            return [table]
        if table.kind == "rollup":
            return [each for each in self._contract.tables if each.name == table.source]
        own = [self._contract.source_table(name) for name in inputs_of(table)[:1]]
        return [current_table(self._contract, source) for source in own]

    def _of_absent(self, place: Place) -> Proven:
        """A partition without an object has no rows: as far as neither the contract nor a certificate names it."""
        if is_static(place.table):
            return self._bounded(place, 0, "has no object, and the contract says what is in it")
        entries = self._ledgers.between(*place.bounds).values()
        starts = [epoch(entry.start) for entry in entries if place.partition in entry.partitions]
        return self._bounded(place, min(starts, default=self._limit), "has no object, and certificates name it")

    def _read(self, place: Place) -> _Rows:
        stored = self._objects.read(place.key)
        if stored is None:
            raise LostCommit("prove snapshot", place.key, f"{place.key} is missing", "starmend heal")
        return _Rows(place, open_object(place.key, stored.body), self._ledgers)

    def _bounded(self, place: Place, until: int, problem: str) -> Proven:
        return Proven(until, f"{place.partition}: {problem}") if until < self._limit else Proven(self._limit)

    def _of_inputs(self, inputs: Mapping[str, str]) -> Proven:
        """As far as the least of the objects that it was computed from, and of the partitions that there were not."""
        proofs = [self.prove(self._place(name, key)) for name, key in inputs.items()]
        least = min(proofs, key=lambda proven: proven.until, default=Proven(self._limit))
        return replace(least, is_whole=bool(proofs) and all(proven.is_whole for proven in proofs))

    def _of_contract(self, rows: _Rows) -> Proven:
        """A table that is made of the contract alone: all of it, or nothing."""
        table, contract = rows.place.table, self._contract
        values = rows.columns([telling_column(table, contract)]).column(0).to_pylist()
        if is_as_promised(values, table, contract):
            return Proven(self._limit)
        return self._bounded(rows.place, 0, "is not what the contract says")

    def _of_groups(self, rows: _Rows) -> Proven:
        """A rollup's partition: as far as its groups are as the certificates of now have them."""
        place, feed = rows.place, of_kind(self._contract.source, Feed, "prove snapshot", rows.place.partition)
        rollup = CertifiedRollup.of(self._contract, feed, place.table, self._calendars(feed.calendar))
        entries = self._ledgers.between(*place.bounds).values()
        until, problem = rollup.held_until(place.path, rows.columns(rollup.names), entries, limit=self._limit)
        return self._bounded(place, until, problem)

    def _place(self, partition: str, key: str) -> Place:
        for folder, table in self._tables.items():
            if (path := _path_in(folder, partition)) is not None:
                return Place(table, path, key)
        raise LookupError(f"it was computed from {partition}, which is of no table now")

    def _of_slice(self, rows: _Rows) -> Proven:
        """A database's partition: its rows are those of the newest certificate that names it, all of them, or none."""
        place, start = rows.place, rows.place.bounds[0]
        entries = [
            entry
            for window, entry in self._ledgers.between(*place.bounds).items()
            if window.rpartition("/")[0] == place.table.name and place.partition in entry.partitions
        ]
        newest = max(entries, key=lambda entry: entry.number, default=None)
        if newest is None:
            if not rows.opened.footer.rows:
                return Proven(self._limit, is_whole=True)
            return self._bounded(place, start, "no certificate speaks of its rows")
        if proof_of(rows.as_of(newest)) == list(newest.partitions[place.partition]):
            return Proven(self._limit, is_whole=True)
        return self._bounded(place, start, f"its rows are not those of certificate {newest.number}")

    def _of_windows(self, rows: _Rows, times_in: str) -> Proven:
        """A feed's partition: each window's rows are compared with its newest certificate."""
        place = rows.place
        times = rows.instants(times_in)
        is_proven = times >= self._limit * _MICROSECONDS
        until, problem = self._limit, ""
        entries = self._ledgers.between(*place.bounds).values()
        goes_on = bool(is_proven.any()) or any(
            epoch(entry.end) > self._limit and place.partition in entry.partitions for entry in entries
        )
        for entry in sorted(entries, key=lambda entry: -entry.number):
            start, end = epoch(entry.start), epoch(entry.end)
            if start >= until:
                continue
            within = (times >= start * _MICROSECONDS) & (times < end * _MICROSECONDS)
            if not within.any() and place.partition not in entry.partitions:
                continue
            of_window = rows_between(rows.as_of(entry), times_in, start, end)
            if (proof_of(of_window) if of_window.num_rows else None) == entry.partitions.get(place.partition):
                is_proven |= within
            elif not within.any() or not is_proven[within].all():  # else newer certificates speak of all that is there
                until, problem = start, f"its rows from {entry.start} on are not those of certificate {entry.number}"
        if not is_proven.all() and (first := int(times[~is_proven].min()) // _MICROSECONDS) < until:
            until, problem = first, f"no certificate speaks of its rows at {iso(first)}"
        if until == self._limit:
            return Proven(until, is_whole=not goes_on)
        return self._bounded(place, until, problem)


def _path_in(folder: str, partition: str) -> str | None:
    """The path of a partition below the folder; None where it is another table's."""
    if partition == folder:
        return ""
    return partition.removeprefix(f"{folder}/") if partition.startswith(f"{folder}/") else None


class _Rows:
    """An object's rows, with the columns and types that certificates found in its table."""

    def __init__(self, place: Place, opened: Opened, ledgers: Ledgers) -> None:
        self.place, self.opened, self._ledgers = place, opened, ledgers
        self._by_columns: dict[tuple[tuple[str, str], ...], pa.Table] = {}

    def instants(self, column: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """A column of times, as microseconds since 1970."""
        rows = self.opened.read(stored_schema(self.place.table), [column])
        return np.asarray(as_array(rows.column(column)).cast(pa.timestamp("us")).cast(pa.int64()))

    def columns(self, names: Sequence[str]) -> pa.Table:
        """These columns, as the contract has them now."""
        table = self.place.table
        schema = stored_schema(table)
        stored = self.opened.read(schema, [name for name in schema.names if name in names])
        return with_path_columns(table, self.place.path, stored, names)

    def as_of(self, entry: LedgerEntry) -> pa.Table:
        """The rows as a certificate saw them."""
        table = self.place.table
        columns = self._ledgers.columns(entry, table.name, table.folder)
        if columns not in self._by_columns:
            seen = table_as_certified(table, {table.name: columns} if columns else {})
            schema = stored_schema(seen)
            wanted = [column.name for column in seen.stored_columns]
            stored = self.opened.read(schema, wanted or schema.names[:1], back=True)
            self._by_columns[columns] = with_path_columns(seen, self.place.path, stored)
        return self._by_columns[columns]
