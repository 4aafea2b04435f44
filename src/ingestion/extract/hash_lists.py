"""The numbered lists of hashed columns of a dataset's tables, in the ingest bucket."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from core.errors import InvalidData, TransientFailure
from core.landing.content import HashList, list_key, list_number, lists_prefix, number_of
from core.ports import ObjectStore, Written

_TRIES = 5


class HashLists:
    """Reads and numbers lists. They never change, so what is known is kept for the process's life.

    One that cannot be read is as if it were not there, but for its number, which no other list gets: rows that were
    hashed by it cannot be compared by content, and are fetched again.
    """

    def __init__(self, objects: ObjectStore, dataset: str) -> None:
        self._objects = objects
        self._dataset = dataset
        self._known: dict[str, dict[int, HashList]] = {}
        self._taken: dict[str, int] = {}

    def number(self, table: str, wanted: HashList) -> int:
        """The number of a list, which is added where the table does not have it yet.

        Durable on return, so that no row ever names a list that is nowhere. Two who add at once get two numbers or one;
        either stays right. Raises ``TransientFailure`` where others are faster every time.
        """
        for _ in range(_TRIES):
            known = number_of(self._known.get(table, {}), wanted) or number_of(self.read(table), wanted)
            if known is not None:
                return known
            number = self._taken.get(table, 0) + 1
            key = list_key(self._dataset, table, number)
            answer = self._objects.write(key, wanted.to_json(), if_absent=True, content_type="application/json")
            if isinstance(answer, Written):
                self._known[table][number] = wanted
                self._taken[table] = number
                return number
        place = lists_prefix(self._dataset, table)
        raise TransientFailure("number hash list", place, "others added lists at the same time", "Try again")

    def read(self, table: str) -> Mapping[int, HashList]:
        """All lists of a table, by number. One that was read before is not read again."""
        known = self._known.setdefault(table, {})
        for info in self._objects.list(lists_prefix(self._dataset, table)):
            number = list_number(info.key)
            if number is None:
                continue
            self._taken[table] = max(self._taken.get(table, 0), number)
            stored = None if number in known else self._objects.read(info.key)
            if stored is not None:
                with suppress(InvalidData):
                    known[number] = HashList.from_json(stored.body)
        return known

    def known(self, table: str, number: int) -> HashList | None:
        """One list by its number; None where there is no such list."""
        if number not in self._known.get(table, {}):
            self.read(table)
        return self._known[table].get(number)
