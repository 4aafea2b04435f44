"""Damage of a chain of certificates, as far as an audit's end sees it: it reads that end anyway, and proves no rows.

Seen at once: that the certificate which the head names is gone or another one, that one of the last :data:`NEWEST` is
missing, and that one of them was altered, for S3 says that it was written after those that follow it. Of older ones a
page of the listing is looked at in the same way, a drawn one in each audit: all pages have the same chance. The listing
has the months' ledgers, too: one that is too small is seen at once, and a drawn one is read in each audit. What was
seen damaged is remembered (``evidence.outstanding``) and looked at by every audit until it is whole. Not seen: a chain
that was written anew with its head (anchors are against that, ``docs/proof.md``), and what became of the rows.
``starmend verify`` reads all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from auditor.evidence.outstanding import CERTIFICATES, LEDGERS, Looks, Numbers, Outstanding, each_of, within, without
from auditor.evidence.outstanding import numbers as joined
from core.audit.certificate import (
    Certificate,
    Head,
    Ledger,
    LedgerEntry,
    certificate_key,
    chain_prefix,
    hash_of,
    ledger_folder,
    number_of,
)
from core.errors import InvalidData
from core.ports import ObjectInfo, ObjectReader

NEWEST = 900  # certificates that every audit looks at: with some beyond the head they are one page of a listing
READ = 8  # of those that seem altered, in an audit; others have their turn in the next ones
AGAIN = 100  # of those that were damaged, in an audit
NO_NUMBER = 10**12  # beyond all certificates
SMALLEST = len(Ledger().to_json())  # bytes of a ledger

Listed = Sequence[tuple[int, datetime]]  # certificates by number, ascending, and when each was written


def list_chain(store: ObjectReader, dataset: str, *, after: int) -> tuple[Listed, Sequence[ObjectInfo]]:
    """The certificates with a number above ``after``, and the months' ledgers, which the same listing has."""
    prefix = chain_prefix(dataset)
    infos = list(store.list(prefix, after=certificate_key(dataset, after) if after else prefix))
    return _certificates(dataset, infos), [info for info in infos if info.key.startswith(ledger_folder(dataset))]


def list_certificates(store: ObjectReader, dataset: str, *, after: int, most: int | None = None) -> Listed:
    """The certificates with a number above ``after``, at most so many."""
    prefix = chain_prefix(dataset)
    infos = store.list(prefix, after=certificate_key(dataset, after) if after else prefix)
    return _certificates(dataset, islice(infos, most))


def _certificates(dataset: str, infos: Iterable[ObjectInfo]) -> Listed:
    numbered = ((number_of(info.key), info) for info in infos)
    return [
        (number, info.modified) for number, info in numbered if number and certificate_key(dataset, number) == info.key
    ]


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a chain, in words, and what of it was looked at (rooms ``CERTIFICATES`` and ``LEDGERS``)."""

    problems: tuple[str, ...] = ()
    looks: Looks = field(default_factory=Looks)


def damage_of(
    store: ObjectReader,
    dataset: str,
    head: Head,
    newest: Listed,
    ledgers: Sequence[ObjectInfo] = (),
    *,
    run: str,
    known: Outstanding | None = None,
) -> Damage:
    """What is wrong with the chain up to ``head``, and with its ``ledgers``.

    ``newest`` are the certificates behind the head; ``run`` draws others, and the ledger that is read. ``known`` tells
    what earlier audits saw damaged.
    """
    known = known or Outstanding()
    ledger_problems, ledger_looks = _ledger_problems(store, ledgers, run, known)
    if not head.number:  # without a head there is no chain, and nothing of it is damaged
        everything = {CERTIFICATES: known.rooms.get(CERTIFICATES, ())}
        return Damage((), Looks(seen=everything).beside(ledger_looks))
    look = _ChainLook(store, dataset, head, _drawn(run))
    problems = [*_end_problems(store, dataset, head), *look.part(newest, max(head.number - NEWEST, 0), head.number - 1)]
    if older := max(head.number - NEWEST, 0):
        after = page_of(older, run)
        until = min(after + NEWEST, older)
        page = list_certificates(store, dataset, after=after, most=until - after + 1)  # and the one that names its last
        problems += look.part(page, after, until)
    problems += look.again(known.of(CERTIFICATES, AGAIN))
    problems += look.waiting(known.rooms.get(CERTIFICATES, ()))
    return Damage(tuple(dict.fromkeys([*problems, *ledger_problems])), look.looks().beside(ledger_looks))


def page_of(older: int, run: str) -> int:
    """The number before the drawn page of the first so many certificates."""
    return _drawn(run) % -(-older // NEWEST) * NEWEST


def _drawn(run: str) -> int:
    return int.from_bytes(hashlib.sha256(run.encode()).digest()[:8])


class _ChainLook:
    """The looks of one audit at certificates before the head's own."""

    def __init__(self, store: ObjectReader, dataset: str, head: Head, draw: int) -> None:
        self._store, self._dataset, self._head = store, dataset, head
        self.draw = draw
        self._seen: list[tuple[int, int]] = [(head.number, NO_NUMBER)]  # its own is told already, behind is no chain
        self._amiss: list[tuple[int, int]] = []
        self._following: int | None = None

    def part(self, listed: Listed, after: int, until: int) -> Iterator[str]:
        """The problems of the certificates above ``after`` and up to ``until``, of which these are there.

        A gap is seen to be none where it is listed; whether one was altered is asked of a few, so it stays known.
        """
        there = [each for each in listed if each[0] <= min(until + 1, self._head.number)]
        yield from self._gaps(there, after, until)
        suspects = list(_written_late(there))
        start = self.draw % len(suspects) if suspects else 0
        yield from self._altered([*suspects[start:], *suspects[:start]][:READ])

    def again(self, numbers: Numbers) -> Iterator[str]:
        """The problems that there still are of certificates that were damaged, whatever their times say."""
        self._following = numbers[-1][1] if numbers else None
        for first, last in within(numbers, 1, self._head.number - 1):
            after = first - 1
            listed = list_certificates(self._store, self._dataset, after=after, most=last - after)
            there = [number for number, _ in listed if number <= last]
            yield from self._gaps(listed, after, last)
            yield from self._altered(there)
            self._seen.append((first, last))

    def waiting(self, known: Numbers) -> Iterator[str]:
        """That there are more which were damaged, and have their turn in later audits."""
        left = without(known, joined([*self._seen, *self._amiss]))
        if count := sum(last - first + 1 for first, last in left):
            yield f"{count:,} more were damaged when they were looked at last, and are looked at by later audits"

    def looks(self) -> Looks:
        """What was looked at, and what was amiss of it."""
        following = {} if self._following is None else {CERTIFICATES: self._following}
        return Looks(
            seen={CERTIFICATES: joined(self._seen)}, amiss={CERTIFICATES: joined(self._amiss)}, following=following
        )

    def _gaps(self, listed: Listed, after: int, until: int) -> Iterator[str]:
        """The numbers above ``after`` and up to ``until`` that are not listed, neighbours in one line."""
        place = after
        for number in [*(number for number, _ in listed if number <= until), until + 1]:
            if number > place + 1:
                key, last = certificate_key(self._dataset, place + 1), number - 1
                self._amiss.append((place + 1, last))
                yield f"{key} is missing" if last == place + 1 else f"{key} and all up to {last:,} are missing"
            place = number

    def _altered(self, numbers: Iterable[int]) -> Iterator[str]:
        """Those that their neighbour does not name as they are."""
        for number in numbers:
            body, following = (self._store.read(certificate_key(self._dataset, each)) for each in (number, number + 1))
            named = body is None or following is None or _names(self._dataset, number + 1, following.body, body.body)
            if not named:
                self._amiss.append((number, number))
                key = certificate_key(self._dataset, number)
                yield f"{key} was written after {number + 1}, which does not name it: one of the two was altered"


def beyond_the_chain(
    store: ObjectReader, dataset: str, last: int, entries: Mapping[str, LedgerEntry]
) -> tuple[str, ...]:
    """Certificates after the ``last`` that ledgers name and that are gone: the chain's end was cut off."""
    beyond = sorted({entry.number for entry in entries.values() if entry.number > last})
    return tuple(
        f"{certificate_key(dataset, number)} is missing: a ledger names it, and the chain ends with {last}"
        for number in beyond[:READ]
        if store.read(certificate_key(dataset, number)) is None
    )


def _end_problems(store: ObjectReader, dataset: str, head: Head) -> Iterator[str]:
    key = certificate_key(dataset, head.number)
    stored = store.read(key)
    if stored is None:
        yield f"{key} is missing"
    elif hash_of(stored.body) != head.hash:
        yield f"{key} is not the one that the head names"


def _ledger_problems(
    store: ObjectReader, ledgers: Sequence[ObjectInfo], run: str, known: Outstanding
) -> tuple[list[str], Looks]:
    """Ledgers that are too small to be any, and the drawn one and those of before where their bytes are none."""
    by_month = {month: info for info in ledgers if (month := _month_of(info.key))}
    months = {*by_month}
    drawn = {sorted(months)[_drawn(run) % len(months)]} if months else set()
    before = {month for first, last in known.of(LEDGERS, AGAIN) for month in range(first, last + 1)} & months
    small = {month for month in months if by_month[month].size < SMALLEST}
    bad = sorted(small | {month for month in (drawn | before) - small if not _is_ledger(store, by_month[month].key)})
    gone = without(known.rooms.get(LEDGERS, ()), each_of(months))  # one that was deleted is made anew
    looks = Looks(seen={LEDGERS: joined([*each_of(drawn | before | small), *gone])}, amiss={LEDGERS: each_of(bad)})
    remedy = "is no ledger: delete it, then starmend heal --full certifies the windows of its month anew"
    return [f"{by_month[month].key} {remedy}" for month in bad], looks


def _month_of(key: str) -> int:
    """The month of a ledger's key as a number (202611); 0 where it has none."""
    digits = key.rpartition("/")[2].removesuffix(".json").replace("-", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) == 6 else 0


def _is_ledger(store: ObjectReader, key: str) -> bool:
    stored = store.read(key)
    try:
        return stored is None or Ledger.from_json(stored.body, key=key) is not None
    except InvalidData:
        return False


def _written_late(listed: Listed) -> Iterable[int]:
    late: list[int] = []
    earliest: datetime | None = None
    for number, modified in reversed(listed):
        if earliest is not None and modified > earliest:
            late.append(number)
        else:
            earliest = modified
    return reversed(late)


def _names(dataset: str, number: int, body: bytes, previous: bytes) -> bool:
    try:
        return Certificate.from_json(body, key=certificate_key(dataset, number)).previous == hash_of(previous)
    except InvalidData:
        return False
