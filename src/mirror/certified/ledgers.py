"""The certificates that speak of a dataset's rows now, read from its ledgers and each of them once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping

from core.audit.certificate import (
    Certificate,
    Head,
    Ledger,
    LedgerEntry,
    certificate_key,
    chain_prefix,
    hash_of,
    ledger_key,
    month_of,
)
from core.errors import InvalidData
from core.ports import ObjectReader
from core.time import iso

FIRST_MONTH = "1970-01"  # that of windows which no time bounds
_MOST_MONTHS = 36  # of partitions of a longer time, or of all time, what there is of ledgers is listed


class Ledgers:
    """A dataset's ledgers. Safe for several threads; what is read once is not read again."""

    def __init__(self, objects: ObjectReader, dataset: str) -> None:
        self._objects, self._dataset = objects, dataset
        self._months: dict[str, Mapping[str, LedgerEntry]] = {}
        self._listed: tuple[str, ...] | None = None
        self._columns: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
        self._lock = threading.Lock()

    def between(self, start: int, end: int) -> dict[str, LedgerEntry]:
        """The newest certificates, by window, of the windows that begin in the months of a time or have no bounds.

        Raises ``InvalidData`` where a ledger was altered, or ``TransientFailure``.
        """
        with self._lock:
            return {
                window: entry for month in self._months_of(start, end) for window, entry in self._month(month).items()
            }

    def columns(self, entry: LedgerEntry, table: str, folder: str) -> tuple[tuple[str, str], ...]:
        """The columns (name, type) that a certificate found in a table; none where it does not tell.

        One certificate is read for all that were issued by the same contract.
        """
        if not any(name == folder or name.startswith(f"{folder}/") for name in entry.partitions):
            return ()
        with self._lock:
            known = self._columns.get((entry.contract, table))
            if known is None:
                certificate = read_certificate(self._objects, self._dataset, entry.number)
                known = tuple((name, kind) for name, kind in certificate.columns.get(table, ()))
                self._columns[entry.contract, table] = known
            return known

    def _months_of(self, start: int, end: int) -> Iterable[str]:
        first, last = month_of(iso(start)), month_of(iso(max(start, end - 1)))
        months = list(_months_between(first, last))
        if len(months) > _MOST_MONTHS:
            if self._listed is None:
                prefix = f"{chain_prefix(self._dataset)}months/"
                names = (info.key.removeprefix(prefix) for info in self._objects.list(prefix))
                self._listed = tuple(name.removesuffix(".json") for name in names if name.endswith(".json"))
            months = [month for month in self._listed if first <= month <= last]
        return dict.fromkeys([FIRST_MONTH, *months])

    def _month(self, month: str) -> Mapping[str, LedgerEntry]:
        if month not in self._months:
            key = ledger_key(self._dataset, month)
            stored = self._objects.read(key)
            self._months[month] = Ledger.from_json(stored.body, key=key).windows if stored else {}
        return self._months[month]


def _months_between(first: str, last: str) -> Iterator[str]:
    """At most one more than are read one by one."""
    year, month = int(first[:4]), int(first[5:])
    for _ in range(_MOST_MONTHS + 1):
        name = f"{year:04d}-{month:02d}"
        if name > last:
            return
        yield name
        year, month = year + month // 12, month % 12 + 1


def read_certificate(objects: ObjectReader, dataset: str, number: int) -> Certificate:
    """A certificate of the chain. Raises ``InvalidData`` where it is not there or was altered."""
    key = certificate_key(dataset, number)
    stored = objects.read(key)
    if stored is None:
        raise InvalidData("read certificate", key, "is missing", "Run: starmend verify")
    return Certificate.from_json(stored.body, key=key)


def certificates_since(objects: ObjectReader, dataset: str, before: Head, head: Head) -> list[Certificate]:
    """The certificates after ``before`` up to the head, each of which names the one before it.

    Where nothing was claimed before (number 0), the head's alone: of the chain behind it ``starmend verify`` speaks.
    Raises ``InvalidData`` where one is missing, or does not follow the one before.
    """
    first = before.number + 1 if before.number else head.number
    previous = before.hash if before.number else None
    certificates = []
    for number in range(first, head.number + 1):
        certificate = read_certificate(objects, dataset, number)
        if previous is not None and certificate.previous != previous:
            place = certificate_key(dataset, number)
            raise InvalidData("follow the chain", place, "does not follow the one before", "Run: starmend verify")
        previous = hash_of(certificate.to_json())
        certificates.append(certificate)
    if previous is not None and previous != head.hash:
        place = certificate_key(dataset, head.number)
        raise InvalidData("follow the chain", place, "is not the one that the head names", "Run: starmend verify")
    return certificates


def certificates_since_each(
    objects: ObjectReader, dataset: str, befores: Iterable[Head], head: Head
) -> list[Certificate]:
    """The certificates after the oldest of several heads (a number 0 apart), each of which the chain still has.

    Raises ``InvalidData`` as ``certificates_since``.
    """
    known = sorted((each for each in befores if each.number), key=lambda each: each.number)
    oldest = known[0] if known else Head()
    chain = certificates_since(objects, dataset, oldest, head)
    hashes = {oldest.number: oldest.hash} | {each.number: hash_of(each.to_json()) for each in chain}
    for each in known:
        if hashes.get(each.number) != each.hash:
            place = certificate_key(dataset, each.number)
            raise InvalidData("follow the chain", place, "is not the one that was known", "Run: starmend verify")
    return chain
