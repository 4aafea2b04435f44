"""Ingest objects of a database's table that may hold a row, told by the row's version or by the time of its check.

Objects of a sequence hold intervals of the cursor, one after the other, so a binary search over their metadata finds
the one of a version. A row that was fetched again is in the repair object named by the time of that check.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from core.errors import InvalidData
from core.landing.ingest_objects import ObjectFacts, TableObject, decode_facts
from core.landing.zone import REPAIR
from core.ports import ObjectReader


def repair_name(checked_at: datetime, purpose: str) -> str:
    """The name of a repair object; names sort by the time of their check."""
    return f"{checked_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{purpose}"


class Whereabouts:
    """Looks for the objects of one table. ``newest`` is the number of its newest object.

    Metadata of each object are asked for once. An object that no extraction wrote counts as a hole.
    """

    def __init__(self, objects: ObjectReader, dataset: str, table: str, newest: int) -> None:
        self._objects = objects
        self._dataset = dataset
        self._table = table
        self._newest = newest
        self._facts: dict[int, ObjectFacts | None] = {}

    def of_check(self, checked: datetime) -> Iterator[str]:
        """The repair objects of a check, by key."""
        prefix = f"{REPAIR}{self._dataset}/{self._table}/{repair_name(checked, '')}"
        return (info.key for info in self._objects.list(prefix))

    def of_version(self, version: datetime) -> Iterator[str]:
        """The objects of the sequence whose interval holds the version, by key; several where intervals overlap."""
        number = self._first_reaching(version)
        while number <= self._newest:  # intervals overlap where the contract has a lookback
            facts = self._of(number)
            if facts is not None and facts.interval_from > version:
                return
            if facts is not None:
                yield self._key(number)
            number += 1

    def _first_reaching(self, version: datetime) -> int:
        """The first object whose interval does not end before the version."""
        low, high = 1, self._newest + 1
        while low < high:
            middle = (low + high) // 2
            probe = middle
            while probe < high and self._of(probe) is None:  # a hole: its right neighbour decides
                probe += 1
            facts = self._of(probe) if probe < high else None
            if facts is not None and _end(facts) < version:
                low = probe + 1
            else:
                high = middle
        return low

    def _of(self, number: int) -> ObjectFacts | None:
        if number not in self._facts:
            stat = self._objects.stat(self._key(number))
            try:
                self._facts[number] = decode_facts(stat.metadata, key=stat.key) if stat else None
            except InvalidData:
                self._facts[number] = None
        return self._facts[number]

    def _key(self, number: int) -> str:
        return TableObject(self._dataset, self._table, number).key


def _end(facts: ObjectFacts) -> datetime:
    if facts.last or facts.resume_version.tzinfo is None:
        return facts.interval_to
    return facts.resume_version
