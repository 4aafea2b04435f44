"""Damage of a chain of certificates, as far as an audit's end sees it: it reads that end anyway, and proves no rows.

Seen at once: that the certificate which the head names is gone or another one, that one of the last :data:`NEWEST` is
missing, and that one of them was altered, for S3 says that it was written after those that follow it. Of older ones a
page of the listing is looked at in the same way, another in each audit. The listing has the months' ledgers, too: one
that is too small is seen at once, and one of them is read in each audit, another each time. Not seen: a chain that was
written anew with its head (anchors are against that, ``docs/proof.md``), and what became of the rows. ``starmend
verify`` reads all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

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


def damage_of(
    store: ObjectReader, dataset: str, head: Head, newest: Listed, ledgers: Sequence[ObjectInfo] = (), *, run: str
) -> tuple[str, ...]:
    """What is wrong with the chain up to ``head``, and with its ``ledgers``.

    ``newest`` are the certificates behind the head; ``run`` draws others, and the ledger that is read.
    """
    if not head.number:
        return ()
    draw = int.from_bytes(hashlib.sha256(run.encode()).digest()[:8])
    problems = list(_end_problems(store, dataset, head))
    behind = [each for each in newest if each[0] <= head.number]
    first = max(head.number - NEWEST, 0)
    problems += _gaps(dataset, behind, first, head.number - 1)  # of the head's own is told already
    problems += _altered(store, dataset, behind, draw)
    if first:
        after = draw % first
        older = [each for each in list_certificates(store, dataset, after=after, most=NEWEST) if each[0] <= first]
        problems += _gaps(dataset, older, after, min(after + NEWEST, first))
        problems += _altered(store, dataset, older, draw)
    problems += _ledger_problems(store, ledgers, draw)
    return tuple(dict.fromkeys(problems))


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


def _ledger_problems(store: ObjectReader, ledgers: Sequence[ObjectInfo], draw: int) -> Iterator[str]:
    """Ledgers that are too small to be any, and the drawn one where its bytes are none."""
    keys = [info.key for info in ledgers if info.size < SMALLEST]
    if ledgers and (key := ledgers[draw % len(ledgers)].key) not in keys and (stored := store.read(key)) is not None:
        try:
            Ledger.from_json(stored.body, key=key)
        except InvalidData:
            keys.append(key)
    for key in keys:
        yield f"{key} is no ledger: delete it, then starmend heal --full certifies the windows of its month anew"


def _gaps(dataset: str, listed: Listed, after: int, until: int) -> Iterator[str]:
    """The numbers above ``after`` and up to ``until`` that are not listed, neighbours in one line."""
    place = after
    for number in [*(number for number, _ in listed if number <= until), until + 1]:
        if number > place + 1:
            key, last = certificate_key(dataset, place + 1), number - 1
            yield f"{key} is missing" if last == place + 1 else f"{key} and all up to {last:,} are missing"
        place = number


def _altered(store: ObjectReader, dataset: str, listed: Listed, draw: int) -> Iterator[str]:
    """Those that were written after one that follows them, as far as their neighbour does not name them as they are."""
    suspects = list(_written_late(listed))
    start = draw % len(suspects) if suspects else 0
    for number in [*suspects[start:], *suspects[:start]][:READ]:
        body, following = (store.read(certificate_key(dataset, each)) for each in (number, number + 1))
        if body is not None and following is not None and not _names(dataset, number + 1, following.body, body.body):
            key = certificate_key(dataset, number)
            yield f"{key} was written after {number + 1}, which does not name it: one of the two was altered"


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
