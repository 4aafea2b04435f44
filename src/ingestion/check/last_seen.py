"""The last lines of rows that a source no longer has, found in the ingest objects and marked as deleted."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from isal import igzip, igzip_lib

from core.audit.key_values import Key, canonical_keys
from core.contract.model import SourceTable
from core.errors import InvalidData
from core.landing.source_lines import cursor_of, parse_line
from core.landing.whereabouts import Whereabouts
from core.ports import ObjectReader
from core.time import format_instant, parse_instant

LINES = 10_000  # parsed at a time: an object may have a million


class LastSeen:
    """Looks for lines of one table. ``newest`` is the number of its newest object.

    An object that cannot be decompressed, or not to its end, counts as one without any: what is amiss with it the audit
    finds, and lines of others are found all the same.
    """

    def __init__(self, objects: ObjectReader, dataset: str, table: SourceTable, timezone: str, newest: int) -> None:
        self._objects = objects
        self._table = table
        self._timezone = timezone
        self._objects_of = Whereabouts(objects, dataset, table.name, newest)

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
        return self._objects_of.of_check(parse_instant(checked)) if checked else self._objects_of.of_version(version)

    def _in_object(self, object_key: str, wanted: Mapping[Key, str]) -> dict[Key, bytes]:
        stored = self._objects.read(object_key)
        lines: dict[Key, bytes] = {}
        try:
            for part in _parts(stored.body) if stored else ():
                lines |= self._among(part, wanted)
        except (EOFError, OSError, igzip_lib.IsalError):  # type: ignore[misc]  # its stub declares a value, not a class
            return {}
        return lines

    def _among(self, lines: Sequence[bytes], wanted: Mapping[Key, str]) -> dict[Key, bytes]:
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
        if self._table.by_keys:
            return True
        at = cursor_of(self._table, row, timezone=self._timezone)
        return at is not None and (at.tzinfo is None or at == parse_instant(version))


def _parts(body: bytes) -> Iterator[list[bytes]]:
    """The lines of a compressed object, some at a time."""
    with igzip.GzipFile(fileobj=io.BytesIO(body)) as lines:  # type: ignore[no-untyped-call]
        while part := [line.rstrip(b"\r\n") for line in islice(lines, LINES)]:
            yield part


def _row_of(line: bytes) -> dict[str, Any]:
    """The fields of a line; none of one that is no JSON object, which lies in quarantine."""
    try:
        row = parse_line(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def marked_deleted(table: SourceTable, line: bytes, at: datetime) -> bytes:
    """The line with the table's marks of a row that the source did not have then, and with no others."""
    deleted, checked = table.deleted_mark.encode(), table.checked_mark.encode()
    added = rb'(,\s*"(%s|%s)"\s*:\s*("[^"]*"|null))+\s*}\s*$' % (deleted, checked)
    bare = re.sub(added, b"}", line.rstrip())
    if not bare.endswith(b"}"):
        raise InvalidData("mark row", repr(line[:120]), "is no JSON object")
    time = format_instant(at).encode()
    return bare[:-1] + b',"%s":"%s","%s":"%s"}\n' % (deleted, time, checked, time)
