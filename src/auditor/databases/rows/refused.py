"""Rows that were fetched and refused: remembered by their content, until they or the contract change.

What a repair brought and processing refused lies in quarantine, with the reason.
``audit/refused/<dataset>/<table>.json`` remembers it, and up to which object of the quarantine that was read. The hash
of a row's content (``starmend_hash``) names the row as it was then: a row that has changed since has another hash, and
another contract may take what this one refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.contract.model import HASH, HASH_LIST
from core.json import UNREADABLE, canonical_json
from core.landing.refused_lines import refused_lines
from core.landing.zone import QUARANTINE
from core.ports import ObjectReader, ObjectStore
from core.typed import typed

ROOT = "audit/refused/"
MOST_REMEMBERED = 10_000  # rows of a table, the newest


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row as it was refused: the ``number`` of its list and its ``hash``, why, and the ingest object that had it."""

    number: int
    hash: int
    reason: str
    object: str

    def __post_init__(self) -> None:
        """Raises ``ValueError`` where list or hash is none."""
        for value, bits in ((self.number, 31), (self.hash, 63)):
            if type(value) is not int or not -(1 << bits) <= value < 1 << bits:
                raise ValueError(f"{value!r} is no whole number of {bits + 1} bits")


@dataclass(frozen=True, slots=True)
class Refused:
    """The refused rows of a table under one contract; ``until`` is the last object of the quarantine that was read."""

    contract: str = ""
    until: str = ""
    rows: tuple[Refusal, ...] = ()

    def hashes(self, number: int) -> npt.NDArray[np.uint64]:
        """The hashes of the refused rows under a list."""
        signed = [refusal.hash for refusal in self.rows if refusal.number == number]
        return np.array(signed, np.int64).view(np.uint64)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why rows were refused, each reason once."""
        return tuple(dict.fromkeys(refusal.reason for refusal in self.rows))

    def to_json(self) -> bytes:
        """The memory's object."""
        rows = [asdict(refusal) for refusal in self.rows]
        return canonical_json({"contract": self.contract, "until": self.until, "rows": rows})

    @classmethod
    def from_json(cls, body: bytes) -> Refused:
        """Read what ``to_json`` gave. Raises one of ``UNREADABLE`` where it is something else."""
        data = json.loads(body)
        return typed(cls(data["contract"], data["until"], tuple(Refusal(**row) for row in data["rows"])))


def refused_key(dataset: str, table: str) -> str:
    """The key of a table's memory."""
    return f"{ROOT}{dataset}/{table}.json"


def refused_rows(store: ObjectStore, dataset: str, table: str, contract: str) -> Refused:
    """The refused rows as the quarantine has them by now: what is new there is read, and remembered.

    Of two writers the later one wins; what the other had read is read again.
    """
    key = refused_key(dataset, table)
    known = _read(store, key)
    until, rows = known.until, known.rows if known.contract == contract else ()
    prefix = f"{QUARANTINE}dataset={dataset}/source_table={table}/repair-"
    for info in store.list(prefix, after=until):
        stored = store.read(info.key)
        lines = refused_lines(info.key, stored.body if stored else b"")
        rows = (*rows, *(refusal for line in lines if (refusal := _refusal(line)) is not None))
        until = info.key
    after = Refused(contract, until, rows[-MOST_REMEMBERED:])
    if after != known:
        store.write(key, after.to_json(), content_type="application/json")
    return after


def _read(store: ObjectReader, key: str) -> Refused:
    stored = store.read(key)
    try:
        return Refused.from_json(stored.body) if stored else Refused()
    except UNREADABLE:
        return Refused()


def _refusal(rejected: Mapping[str, Any]) -> Refusal | None:
    """A rejected line that says its content's hash; None for any other, whatever is wrong with it."""
    try:
        row = json.loads(rejected["content"]) if rejected["encoding"] == "utf-8" else None
        return Refusal(row[HASH_LIST], row[HASH], rejected["reason"], rejected["object"]) if row else None
    except UNREADABLE:
        return None
