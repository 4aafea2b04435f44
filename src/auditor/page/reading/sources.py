"""Sources of the page: the auditor's services, what only others can ask, the range, and notes of what failed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from auditor.services import Services
from auditor.windows import DAY
from core.contract.model import Contracts, Table
from core.errors import StarmendError
from core.json import UNREADABLE, object_if_any
from core.ports import ObjectReader

LOOKBACK = 7 * DAY  # what is shown unless a range is asked for

Newest = Callable[[Sequence[Table]], Mapping[str, dt.datetime | None]]
Runs = Callable[[], Sequence[str]]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Sources:
    """What the page is read from.

    ``newest`` answers with the newest instant of each fact's rows: aware; None: no row. ``runs`` names the newest
    audits, the newest first; without it those are shown that the range's windows know of. ``stories`` is how many
    missing points have their story told. ``damaged`` are the keys of what was none of the records that it should be.
    """

    services: Services
    newest: Newest
    runs: Runs = tuple
    workers: int = 16
    stories: int = 8
    damaged: list[str] = field(default_factory=list)

    @property
    def contracts(self) -> Contracts:
        return self.services.contracts

    @property
    def records(self) -> ObjectReader:
        return self.services.records

    def read_all(
        self, keys: Sequence[str], read: Callable[[bytes], dict[str, Any]] = object_if_any
    ) -> Iterator[dict[str, Any]]:
        """What ``read`` makes of JSON objects, in order; those that are gone by now are left out.

        So are those that it makes nothing of, which are ``damaged``: they keep no other from being shown.
        """
        with ThreadPoolExecutor(self.workers) as pool:
            for key, stored in zip(keys, pool.map(self.records.read, keys), strict=True):
                document = read(stored.body) if stored is not None else None
                if document:
                    yield document
                elif document is not None and key not in self.damaged:
                    self.damaged.append(key)


@dataclass
class Notes:
    """Texts for the page about parts that could not be read."""

    texts: list[str] = field(default_factory=list)

    def unless(self, what: str, otherwise: Result, read: Callable[..., Result], *given: Any, **named: Any) -> Result:
        """The result of ``read``; where a service or the data failed, ``otherwise`` and a note."""
        try:
            return read(*given, **named)
        except (StarmendError, *UNREADABLE) as error:
            self.texts.append(f"{what} could not be read: {error or type(error).__name__}")
            return otherwise


@dataclass(frozen=True, slots=True)
class Range:
    """``[start, end)`` in epoch seconds; ``asked``: somebody named its start, so nothing of it is left out."""

    start: int
    end: int
    now: int
    asked: bool

    @classmethod
    def of(cls, start: int | None, end: int | None, now: int) -> Range:
        until = now if end is None else end
        return cls(until - LOOKBACK if start is None else start, until, now, asked=start is not None)
