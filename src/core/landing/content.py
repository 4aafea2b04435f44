"""Lists of hashed columns: what the 64-bit hash of a row's content is made of, numbered and kept for ever.

The source hashes a row in the statement that writes its line. The list says which columns, in which form each, and by
which server; lists of a table count from 1, in ``lists/<dataset>/<table>/<6 digits>.json`` of the ingest bucket. A row
keeps the number with the hash (``core.contract.model.HASH_LIST``, ``HASH``) and is compared under that list alone, so
that a column more, another type or another server's version make a new list and no difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import InvalidData
from core.json import UNREADABLE, canonical_json
from core.typed import typed

_NUMBER = re.compile(r"(\d{6})\.json")


@dataclass(frozen=True, slots=True)
class HashList:
    """Columns with the form in which each is hashed, in order; ``server``: engine, version, encoding and probe."""

    server: str
    columns: tuple[tuple[str, str], ...]

    def to_json(self) -> bytes:
        """The list's object."""
        return canonical_json({"server": self.server, "columns": [list(column) for column in self.columns]})

    @classmethod
    def from_json(cls, body: bytes) -> HashList:
        """Read what ``to_json`` gave. Raises ``InvalidData`` where it is something else."""
        try:
            data = json.loads(body)
            return typed(cls(data["server"], tuple((name, form) for name, form in data["columns"])))
        except UNREADABLE as error:
            raise InvalidData("read hash list", repr(body[:120]), repr(error)) from error


def lists_prefix(dataset: str, table: str) -> str:
    """The folder of a table's lists."""
    return f"lists/{dataset}/{table}/"


def list_key(dataset: str, table: str, number: int) -> str:
    """The key of one list."""
    return f"{lists_prefix(dataset, table)}{number:06d}.json"


def list_number(key: str) -> int | None:
    """The number of the list that a key names; None where it names none."""
    match = _NUMBER.fullmatch(key.rpartition("/")[2])
    return int(match[1]) if match else None


def number_of(lists: Mapping[int, HashList], wanted: HashList) -> int | None:
    """The number under which a list is known; None where it is not yet. Of two alike the lower one."""
    return min((number for number, known in lists.items() if known == wanted), default=None)
