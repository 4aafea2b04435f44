"""What the audits of a database remember: how far each table's objects are verified, and where the sweep stands.

``audit/tables/<dataset>.json``, written on condition that nobody else has. Lost, the next audits verify and sweep from
the beginning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from core.change import change_object
from core.json import canonical_json
from core.ports import ObjectReader, ObjectStore

ROOT = "audit/tables/"


@dataclass(frozen=True, slots=True)
class TableMemory:
    """``verified``: all objects up to this number were there and processed. ``healed``: holes whose interval was
    extracted again. ``swept`` is where the sweep over objects behind ``verified`` goes on, ``repairs`` the repair
    object up to which all were processed."""

    verified: int = 0
    healed: tuple[int, ...] = ()
    swept: int = 0
    repairs: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """``tables`` by source table. ``sweep`` is the slice (table and start) at which the sweep of all history goes on,
    ``swept_at`` when it took its last share (epoch seconds). ``rows`` by warehouse table: the most rows that a slice
    was seen to have. ``redriven`` are dead letters that had their second chance."""

    tables: Mapping[str, TableMemory] = field(default_factory=dict)
    sweep: tuple[str, int] = ("", 0)
    swept_at: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    redriven: tuple[str, ...] = ()

    def of(self, table: str) -> TableMemory:
        return self.tables.get(table, TableMemory())

    def to_json(self) -> bytes:
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, body: bytes) -> Memory:
        data = json.loads(body)
        tables = {name: TableMemory(**{**one, "healed": tuple(one["healed"])}) for name, one in data["tables"].items()}
        sweep = (str(data["sweep"][0]), int(data["sweep"][1]))
        return cls(tables, sweep, data["swept_at"], data["rows"], tuple(data["redriven"]))


def memory_key(dataset: str) -> str:
    """The key of a dataset's memory."""
    return f"{ROOT}{dataset}.json"


def read_memory(store: ObjectReader, dataset: str) -> Memory:
    """The memory. One that cannot be read counts as none."""
    stored = store.read(memory_key(dataset))
    return _memory_of(stored.body if stored else None)


def change_memory(store: ObjectStore, dataset: str, change: Callable[[Memory], Memory]) -> Memory:
    """Apply a change to the newest memory, as often as others are faster; no write where it changes nothing."""
    return change_object(
        store,
        memory_key(dataset),
        change,
        read=_memory_of,
        write=Memory.to_json,
        operation="write memory",
        remedy="The next audit does it",
    )


def _memory_of(body: bytes | None) -> Memory:
    try:
        return Memory.from_json(body) if body is not None else Memory()
    except (ValueError, KeyError, TypeError):
        return Memory()
