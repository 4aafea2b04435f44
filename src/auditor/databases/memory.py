"""The memory between the audits of a database: how far each table's objects are verified, and where the sweep stands.

``audit/tables/<dataset>.json``, written on condition that nobody else has. Lost, the next audits verify and sweep from
the beginning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from auditor.databases.shapes import Shapes
from auditor.repairs.dead_letters import newest_redriven
from auditor.run_files import find_run_file, write_run_file
from core.change import Remembered
from core.contract.codec import from_data
from core.json import canonical_json
from core.ports import ObjectReader, ObjectStore

ROOT = "audit/tables/"
REPAIRS_SWEPT = "repairs_swept"
LATER = ("open", "pointers", REPAIRS_SWEPT)  # beside the tables, where earlier releases pass them over


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
    ``open`` are slices (table, start, end) that were not whole when they were compared last: each audit looks again.
    ``pointers`` are the paths of the partitions that had one, by their table's folder: one that is gone later was lost.
    """

    tables: Mapping[str, TableMemory] = field(default_factory=dict)
    sweep: tuple[str, int] = ("", 0)
    swept_at: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    redriven: tuple[str, ...] = ()
    shapes: Shapes = field(default_factory=Shapes)
    open: tuple[tuple[str, int, int], ...] = ()
    pointers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, table: str) -> TableMemory:
        return self.tables.get(table, TableMemory())

    def updated_by(self, later: Memory) -> Memory:
        """Add what a later audit saw to what others have learnt meanwhile: verified ids go forward only."""
        tables = {}
        for name in {*self.tables, *later.tables}:
            old, new = self.of(name), later.of(name)
            healed = tuple(sorted({*old.healed, *new.healed}))
            verified, repairs = max(old.verified, new.verified), max(old.repairs, new.repairs)
            tables[name] = TableMemory(verified, healed, new.swept, repairs, new.repairs_swept)
        return replace(later, tables=tables, redriven=newest_redriven(self.redriven, later.redriven))

    def to_json(self) -> bytes:
        data = asdict(self)
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
        still = tuple((str(table), int(start), int(end)) for table, start, end in data.get("open", ()))
        pointers = {folder: tuple(paths) for folder, paths in data.get("pointers", {}).items()}
        return cls(tables, sweep, data["swept_at"], data["rows"], tuple(data["redriven"]), shapes, still, pointers)


# ---------------------------------------------------------------- what a scan would remember, until it is certified


def keep_for_certifying(store: ObjectStore, run: str, memory: Memory) -> None:
    """Keep in the run what its scan would have the next audit remember."""
    write_run_file(store, run, "memory", {"memory": memory.to_json().decode()})


def kept_for_certifying(store: ObjectReader, run: str) -> Memory | None:
    """The memory that the run's last scan kept; None where there was none."""
    kept = find_run_file(store, run, "memory")
    return Memory.from_json(kept["memory"].encode()) if kept is not None else None


# ---------------------------------------------------------------- what is remembered


_MEMORIES = Remembered(Memory, ROOT, "memory")
memory_key, read_memory, change_memory = _MEMORIES.key, _MEMORIES.read, _MEMORIES.change
