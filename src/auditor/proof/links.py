"""The chain of a dataset's certificates, proven link by link: what is missing, altered, or said again of a window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from auditor.evidence.chain import ChainReader
from core.audit.certificate import (
    FIRST_PREVIOUS,
    Certificate,
    Head,
    certificate_key,
    differences,
    hash_of,
    head_key,
)
from core.errors import InvalidData
from core.ports import ObjectReader

READ_AHEAD = 16  # certificates for each worker


@dataclass(frozen=True, slots=True)
class Failure:
    """A claim that does not hold. ``partition`` and ``window`` are empty where the chain itself is concerned."""

    dataset: str
    certificate: int
    window: str
    partition: str
    problem: str


@dataclass(frozen=True, slots=True)
class Restated:
    """A window of which ``certificate`` says something else than ``replaces``, the one before it of the same window.

    ``changed`` holds what differs, told from the two themselves and not from what the later one says of it.
    """

    dataset: str
    certificate: int
    window: str
    replaces: int
    verified_at: str
    changed: Mapping[str, Any]


@dataclass(slots=True)
class Links:
    """A chain as it lies there: its certificates that can be read, and the hash of each object by its number."""

    certificates: list[Certificate] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    head: Head = field(default_factory=Head)
    failures: list[Failure] = field(default_factory=list)
    restated: list[Restated] = field(default_factory=list)


def read_links(records: ObjectReader, dataset: str, *, workers: int = 8) -> Links:
    """Read a whole chain. Raises ``TransientFailure`` where the store does not answer."""
    reader, links = ChainReader(records, dataset), Links()
    denied = ""
    try:
        links.head = reader.head()
    except InvalidData as error:
        denied = f"{head_key(dataset)}: {error.problem}"
    newest: dict[str, Certificate] = {}
    previous: str | None = FIRST_PREVIOUS  # None: the one before is missing
    place = 0
    for number, body in _bodies(reader, workers):
        if body is None:
            continue
        if number > place + 1:
            links.failures.append(_missing(dataset, place + 1, number - 1))
            previous = None
        links.hashes[number] = hash_of(body)
        certificate = _read_one(links, dataset, number, body, previous)
        if certificate is not None:
            _compare(links, certificate, newest.get(certificate.window))
            newest[certificate.window] = certificate
            links.certificates.append(certificate)
        place, previous = number, links.hashes[number]
    if links.head.number > place:
        links.failures.append(_missing(dataset, place + 1, links.head.number))
    if not links.head.number and links.hashes:
        denied = denied or f"{head_key(dataset)} is missing"
    if denied:
        links.failures.append(_failure(dataset, place, denied))
    return links


def _bodies(reader: ChainReader, workers: int) -> Iterator[tuple[int, bytes | None]]:
    """The objects of the chain by number, ascending; some are read ahead."""
    remaining = reader.numbers()
    with ThreadPoolExecutor(workers) as pool:
        while numbers := list(islice(remaining, workers * READ_AHEAD)):
            yield from zip(numbers, pool.map(reader.body, numbers), strict=True)


def _read_one(links: Links, dataset: str, number: int, body: bytes, previous: str | None) -> Certificate | None:
    """The certificate of this number, what is wrong with it noted; None where it is none."""
    key = certificate_key(dataset, number)
    try:
        certificate = Certificate.from_json(body, key=key)
    except InvalidData as error:
        links.failures.append(_failure(dataset, number, f"{key} {error.problem}"))
        return None
    for text in _link_problems(certificate, body, dataset=dataset, number=number, previous=previous, head=links.head):
        links.failures.append(_failure(dataset, number, f"{key} {text}", window=certificate.window))
    return certificate


def _link_problems(
    certificate: Certificate, body: bytes, *, dataset: str, number: int, previous: str | None, head: Head
) -> Iterable[str]:
    """What is wrong with a certificate as link ``number``; ``previous`` is the hash before it, None: not known."""
    if (certificate.dataset, certificate.number) != (dataset, number):
        yield f"says it is {certificate.number} of {certificate.dataset}"
    if certificate.to_json() != body:
        yield "is not written as certificates are: others may read something else in it"
    if previous is not None and certificate.previous != previous:
        yield f"does not follow certificate {number - 1}: one of the two was altered"
    if number == head.number and hash_of(body) != head.hash:
        yield "is not the one that the head names"


def _compare(links: Links, certificate: Certificate, before: Certificate | None) -> None:
    """Note what a certificate says otherwise than the one before it of its window, and where it denies that."""
    if before is None:
        return
    changed = differences(before, certificate)
    dataset, number, window = certificate.dataset, certificate.number, certificate.window
    if changed:
        links.restated.append(Restated(dataset, number, window, before.number, certificate.verified_at, changed))
    if certificate.replaces not in (0, before.number):  # 0: the month's ledger was lost, and begun anew
        problem = f"says that it replaces certificate {certificate.replaces}, and the one before it is {before.number}"
        links.failures.append(_failure(dataset, number, problem, window=window))


def _missing(dataset: str, first: int, last: int) -> Failure:
    """That these certificates are missing, in one line, however many a forged number makes of them."""
    key = certificate_key(dataset, first)
    which = "is missing" if first == last else f"and all up to {last:,} are missing"
    return _failure(dataset, first, f"{key} {which}")


def _failure(dataset: str, number: int, problem: str, *, window: str = "") -> Failure:
    return Failure(dataset, number, window, "", problem)
