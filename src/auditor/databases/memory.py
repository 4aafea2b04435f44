"""The memory between the audits of a database: how far each table's objects are verified, and where the sweep stands.

``audit/tables/<dataset>.json``, written on condition that nobody else has. Lost, the next audits verify and sweep from
the beginning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from auditor.databases.open_slices.altered import Altered, altered_from_data, altered_to_data, merge_altered
from auditor.databases.open_slices.looks import Looks, looks_from_data, looks_to_data, merge_looks, open_to_data
from auditor.databases.shapes import Shapes
from auditor.repairs.dead_letters import newest_redriven
from auditor.run_files import find_run_file, write_run_file
from core.change import Remembered
from core.contract.codec import from_data
from core.json import as_plain, canonical_json
from core.ports import ObjectReader, ObjectStore

ROOT = "audit/tables/"
REPAIRS_SWEPT = "repairs_swept"
# Beside the tables, where earlier releases pass them over.
LATER = ("open", "looks", "pointers", "altered", REPAIRS_SWEPT)


@dataclass(frozen=True, slots=True)
class TableMemory:
    """A source table's objects, as far as audits know them.

    ``verified``: all objects up to this number were there and processed. ``healed``: holes whose interval was
    extracted again. ``swept`` is where the sweep over objects behind ``verified`` goes on, ``repairs`` the repair
    object up to which all were processed, and ``repairs_swept`` where the sweep over those goes on.
    """

    verified: int = 0
    healed: tuple[int, ...] = ()
    swept: int = 0
    repairs: str = ""
    repairs_swept: str = ""

    def with_healed(self, numbers: Iterable[int]) -> TableMemory:
        """The same after the intervals of these holes were extracted again."""
        return replace(self, healed=tuple(sorted({*self.healed, *numbers})))


@dataclass(frozen=True, slots=True)
class Memory:
    """The state that one audit hands on to the next.

    ``tables`` by source table. ``sweep`` is the slice (table and start) at which the sweep of all history goes on,
    ``swept_at`` when it took its last share (epoch seconds). ``rows`` by warehouse table: the most rows that a slice
    was seen to have. ``redriven`` are dead letters that had their second chance. ``shapes`` is the source's catalog.
    ``open`` are the slices (table, start, end) that were not whole when they were compared last, and how they were
    found: each audit looks again. ``pointers`` are the paths of the partitions that had one, by their table's folder:
    one that is gone later was lost. ``altered`` are the partitions, by name, that a sample showed altered.
    """

    tables: Mapping[str, TableMemory] = field(default_factory=dict)
    sweep: tuple[str, int] = ("", 0)
    swept_at: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    redriven: tuple[str, ...] = ()
    shapes: Shapes = field(default_factory=Shapes)
    open: Looks = field(default_factory=dict)
    pointers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    altered: Mapping[str, Altered] = field(default_factory=dict)

    def of(self, table: str) -> TableMemory:
        return self.tables.get(table, TableMemory())

    def updated_by(self, later: Memory, *, read: Memory, scheduled: bool, now: int) -> Memory:
        """Apply what an audit changed between what its last scan had ``read`` and ``later``; runs end in any order.

        What others have learnt meanwhile stands: verified ids go forward only, a sweep of objects goes on from where it
        was read or not at all, and only a ``scheduled`` run moves the sweep of slices, unless a newer one has. ``now``
        (epoch seconds): no run is newer than that.
        """
        is_older = later.swept_at < self.swept_at <= now
        swept = later if scheduled and not is_older else self
        return Memory(
            tables={name: self._table(name, later, read) for name in {*self.tables, *later.tables}},
            sweep=swept.sweep,
            swept_at=swept.swept_at,
            rows=most_rows(self.rows, later.rows),
            redriven=newest_redriven(self.redriven, later.redriven),
            shapes=later.shapes if self.shapes == read.shapes else self.shapes,
            open=merge_looks(self.open, read=read.open, later=later.open),
            pointers=swept.pointers,
            altered=merge_altered(self.altered, read=read.altered, later=later.altered),
        )

    def _table(self, name: str, later: Memory, read: Memory) -> TableMemory:
        old, new, was = self.of(name), later.of(name), read.of(name)
        return TableMemory(
            verified=max(old.verified, new.verified),
            healed=tuple(sorted({*old.healed, *new.healed})),
            swept=new.swept if old.swept == was.swept else old.swept,
            repairs=max(old.repairs, new.repairs),
            repairs_swept=new.repairs_swept if old.repairs_swept == was.repairs_swept else old.repairs_swept,
        )

    def to_json(self) -> bytes:
        data = as_plain(replace(self, open={}, altered={}))
        data |= {"open": open_to_data(self.open), "looks": looks_to_data(self.open)}
        data["altered"] = altered_to_data(self.altered)
        swept = {name: table.pop("repairs_swept") for name, table in data["tables"].items()}
        data[REPAIRS_SWEPT] = {name: place for name, place in swept.items() if place}
        for columns in (*data["shapes"]["tables"].values(), *data["shapes"]["former"].values()):
            for column in columns:
                del column["zones"]  # no part of a shape, and no earlier release reads them
        return canonical_json({name: value for name, value in data.items() if value or name not in LATER})

    @classmethod
    def from_json(cls, body: bytes) -> Memory:
        data = json.loads(body)
        swept = data.get(REPAIRS_SWEPT, {})
        tables = {
            name: TableMemory(**{**table, "healed": tuple(table["healed"])}, repairs_swept=swept.get(name, ""))
            for name, table in data["tables"].items()
        }
        sweep = (str(data["sweep"][0]), int(data["sweep"][1]))
        shapes = from_data(Shapes, data.get("shapes", {}))
        still = looks_from_data(data.get("open", ()), data.get("looks", ()))
        pointers = {folder: tuple(paths) for folder, paths in data.get("pointers", {}).items()}
        altered = altered_from_data(data.get("altered", {}))
        redriven = tuple(data["redriven"])
        return cls(tables, sweep, data["swept_at"], data["rows"], redriven, shapes, still, pointers, altered)


def most_rows(before: Mapping[str, int], seen: Mapping[str, int]) -> dict[str, int]:
    """The most rows of a slice by table, after these were seen: a run that sees small ones knows nothing of the others.

    So a budget of rows is kept, whatever the last run looked at. Of a table that has shrunk less is taken in a run.
    """
    return {name: max(before.get(name, 0), seen.get(name, 0)) for name in {**before, **seen}}


# ---------------------------------------------------------------- what a scan would remember, until it is certified


def keep_for_certifying(store: ObjectStore, run: str, memory: Memory, *, read: Memory) -> None:
    """Keep in the run what its scan would have the next audit remember, and what of it the scan had ``read``."""
    known = replace(read, pointers={})
    write_run_file(store, run, "memory", {"memory": memory.to_json().decode(), "read": known.to_json().decode()})


def kept_for_certifying(store: ObjectReader, run: str) -> tuple[Memory, Memory] | None:
    """The memory that the run's last scan kept, and the one that it had read; None where there was no scan.

    A scan of an earlier release did not say what it had read: whatever was open before is left so.
    """
    kept = find_run_file(store, run, "memory")
    if kept is None:
        return None
    memory = Memory.from_json(kept["memory"].encode())
    return memory, Memory.from_json(kept["read"].encode()) if "read" in kept else Memory()


# ---------------------------------------------------------------- what is remembered


_MEMORIES = Remembered(Memory, ROOT, "memory")
memory_key, read_memory, change_memory = _MEMORIES.key, _MEMORIES.read, _MEMORIES.change
