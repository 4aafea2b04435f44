"""The last lines of rows that a source no longer has, found in the ingest objects and marked as deleted.

A row's version tells its object: objects of a sequence hold intervals of the cursor, one after the other, so a binary
search over their metadata finds it. A row that was fetched again is in the repair object named by the time of that
check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from isal import igzip

from core.audit.key_values import Key, canonical_keys
from core.contract.model import SourceTable
from core.errors import InvalidData
from core.landing.ingest_objects import ObjectFacts, TableObject, decode_facts
from core.landing.source_lines import cursor_of, parse_line
from core.ports import ObjectReader
from core.time import format_instant, parse_instant


def repair_name(checked_at: datetime, purpose: str) -> str:
    """The name of a repair object; names sort by the time of their check."""
    return f"{checked_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{purpose}"


class LastSeen:
    """Looks for lines of one table. ``newest`` is the number of its newest object."""

    def __init__(self, objects: ObjectReader, dataset: str, table: SourceTable, timezone: str, newest: int) -> None:
        self._objects = objects
        self._dataset = dataset
        self._table = table
        self._timezone = timezone
        self._newest = newest
        self._facts: dict[int, ObjectFacts | None] = {}

    def lines(self, wanted: Mapping[Key, tuple[str, str]]) -> dict[Key, bytes]:
        """The line of each key in its (version, time of the check or empty); keys without a line are left out.

        Each object is read once.
        """
        lines: dict[Key, bytes] = {}
        candidates: dict[str, dict[Key, str]] = {}
        for key, (version, checked) in wanted.items():
            for object_key in self._candidates(parse_instant(version), checked):
                candidates.setdefault(object_key, {})[key] = version
        for object_key, versions in candidates.items():
            open_ = {key: version for key, version in versions.items() if key not in lines}
            if open_:
                lines |= self._in_object(object_key, open_)
        return lines

    def _candidates(self, version: datetime, checked: str) -> Iterator[str]:
        if checked:
            prefix = f"repair/{self._dataset}/{self._table.name}/{repair_name(parse_instant(checked), '')}"
            yield from (info.key for info in self._objects.list(prefix))
            return
        number = self._first_reaching(version)
        while number <= self._newest:  # intervals overlap where the contract has a lookback
            facts = self._of(number)
            if facts is not None and facts.interval_from > version:
                return
            if facts is not None:
                yield TableObject(self._dataset, self._table.name, number).key
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
            key = TableObject(self._dataset, self._table.name, number).key
            stat = self._objects.stat(key)
            self._facts[number] = decode_facts(stat.metadata, key=key) if stat else None
        return self._facts[number]

    def _in_object(self, object_key: str, wanted: Mapping[Key, str]) -> dict[Key, bytes]:
        stored = self._objects.read(object_key)
        if stored is None:
            return {}
        lines = igzip.decompress(stored.body).splitlines()  # type: ignore[no-untyped-call]
        rows = [_row_of(line) for line in lines]
        keys = [[row.get(name) for name in self._table.key] for row in rows]
        canonical = canonical_keys(self._table, keys, timezone=self._timezone)
        return {
            key: line
            for key, row, line in zip(canonical, rows, lines, strict=True)
            if key in wanted and self._fits(row, wanted[key])
        }

    def _fits(self, row: dict[str, object], version: str) -> bool:
        """Whether the row is of that version; always where its clock is not UTC, so that there the last line counts."""
        at = cursor_of(self._table, row, timezone=self._timezone)
        return at is not None and (at.tzinfo is None or at == parse_instant(version))


def _row_of(line: bytes) -> dict[str, Any]:
    """The fields of a line; none of one that is no JSON object, which lies in quarantine."""
    try:
        row = parse_line(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _end(facts: ObjectFacts) -> datetime:
    if facts.last or facts.resume_version.tzinfo is None:
        return facts.interval_to
    return facts.resume_version


def marked_deleted(table: SourceTable, line: bytes, at: datetime) -> bytes:
    """The line with the table's marks of a row that the source did not have then, and with no others."""
    deleted, checked = table.deleted_mark.encode(), table.checked_mark.encode()
    added = rb'(,\s*"(%s|%s)"\s*:\s*("[^"]*"|null))+\s*}\s*$' % (deleted, checked)
    bare = re.sub(added, b"}", line.rstrip())
    if not bare.endswith(b"}"):
        raise InvalidData("mark row", repr(line[:120]), "is no JSON object")
    time = format_instant(at).encode()
    return bare[:-1] + b',"%s":"%s","%s":"%s"}\n' % (deleted, time, checked, time)
