"""A stream in memory, with the limits of the real ones and a say in what it takes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import Any

from core.errors import OutOfReach, PipelineBug
from core.ports import StreamRecord

Refusal = Callable[[int, int], Collection[int]]  # (number of the call from 0, records in it) -> indexes not taken


def nothing(_call: int, _count: int) -> Collection[int]:
    return ()


class MemoryStream:
    """``core.ports.Stream``. ``calls`` are the sizes of what was offered, ``records`` what was taken, in order."""

    def __init__(self, refuses: Refusal = nothing) -> None:
        self.records: list[StreamRecord] = []
        self.calls: list[int] = []
        self.refuses = refuses
        self.unreachable = 0  # so many calls from now on get no answer
        self.taken_unanswered = False  # and whether their records were taken all the same
        self._lock = threading.Lock()

    def put(self, records: Sequence[StreamRecord]) -> Sequence[int]:
        with self._lock:
            sizes = [len(record.data) + len(record.key) for record in records]
            if not 0 < len(records) <= 500 or sum(sizes) > 4 * 2**20 or max(sizes) > 1000 * 2**10:
                raise PipelineBug("put records", "memory", "beyond the limits of PutRecords and PutRecordBatch")
            number = len(self.calls)
            self.calls.append(len(records))
            if self.unreachable:
                self.unreachable -= 1
                if self.taken_unanswered:
                    self.records += records
                raise OutOfReach("put records", "memory", "no answer")
            refused = sorted(self.refuses(number, len(records)))
            self.records += [record for index, record in enumerate(records) if index not in refused]
            return refused

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was taken, parsed with exact numbers; every record is whole lines."""
        assert all(record.data.endswith(b"\n") for record in self.records)
        return [json.loads(line, parse_float=Decimal) for record in self.records for line in record.data.splitlines()]
