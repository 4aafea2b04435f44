"""Prove a chain of certificates by its anchors and a public key: needs nothing but to read both.

The anchors are a chain of their own. One that is signed by a key that is trusted proves all before it, and the last one
has to be: so a key may be rotated, and who trusts the new one alone proves the past that the old one signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.audit.anchors import FIRST_PREVIOUS, Anchor, anchor_key, anchor_prefix, fingerprint
from core.audit.certificate import certificate_key, head_key
from core.errors import InvalidData
from core.ports import AnchorReader, AnchorStore

LATEST = timedelta(hours=26)  # the oldest that the last anchor may be: its notary's heartbeat, and time to be late
SKEW = timedelta(minutes=5)  # between the notary's clock and that of whoever proves
CAUGHT_UP = timedelta(hours=3)  # within which an audit moves a head on that a crash left behind
Holds = Callable[[bytes, bytes, bytes], bool]  # (public key in DER, message, signature) -> whether the signature holds


@dataclass(frozen=True, slots=True)
class Chained:
    """What lies in the lake of a chain: the SHA-256 of each certificate's bytes by number, and its head's number."""

    hashes: Mapping[int, str]
    head: int


@dataclass(frozen=True, slots=True)
class AnchorsAsRead:
    """Anchors by dataset, as a store had them at one time."""

    bodies: Mapping[str, Sequence[tuple[int, bytes | None]]]

    @classmethod
    def of(cls, store: AnchorStore, datasets: Iterable[str]) -> AnchorsAsRead:
        """All of these datasets, read now. Raises ``TransientFailure`` where the store does not answer."""
        return cls({dataset: tuple(store.read_all(dataset)) for dataset in datasets})

    def read_all(self, dataset: str) -> Iterable[tuple[int, bytes | None]]:
        """As the store gave them."""
        return self.bodies[dataset]


@dataclass(frozen=True, slots=True)
class Proven:
    """How far a chain is proven: up to certificate ``number``, signed at ``signed_at``; ``problems`` deny it.

    Certificates after ``number`` are chained to it and not signed yet. ``since`` is when the first anchor was signed:
    what was certified before stands as it was found then.
    """

    dataset: str
    anchors: int
    number: int
    since: str
    signed_at: str
    problems: tuple[str, ...]


def prove_chain(
    dataset: str,
    *,
    chained: Chained,
    anchors: AnchorReader,
    trusted: Sequence[bytes],
    holds: Holds,
    now: datetime,
) -> Proven:
    """Hold a dataset's certificates to its anchors, and these to the keys that are ``trusted`` (DER).

    The anchors have to be read before the certificates (``AnchorsAsRead``): one that is signed in between speaks of a
    certificate that was not there yet.

    Raises ``TransientFailure`` where a store does not answer.
    """
    chain, problems = read_anchors(anchors, dataset)
    problems += _unsigned(chain, dataset, trusted, holds)
    problems += _untimely(chain, dataset, now)
    problems += _altered(chain, dataset, chained)
    problems += _old_head(chain, dataset, chained.head, now)
    if not chain:
        return Proven(dataset, 0, 0, "", "", tuple(problems))
    first, last = chain[0], chain[-1]
    return Proven(dataset, len(chain), last.number, first.signed_at, last.signed_at, tuple(problems))


def read_anchors(anchors: AnchorReader, dataset: str) -> tuple[list[Anchor], list[str]]:
    """All anchors that can be read, in order, and what is wrong with their chain."""
    chain: list[Anchor] = []
    problems: list[str] = []
    before: Anchor | None = None  # None too where it cannot be read: then nothing is known of what follows it
    place = 0
    for sequence, body in anchors.read_all(dataset):
        if sequence > place + 1:
            problems.append(_missing(dataset, place + 1, sequence - 1))
            before = None
        is_first, place = sequence == 1, sequence
        key = anchor_key(dataset, sequence)
        try:
            anchor = Anchor.from_json(body, key=key) if body is not None else None
        except InvalidData as error:
            problems.append(f"{key} {error.problem}")
            before = None
            continue
        if anchor is None:
            problems.append(_missing(dataset, sequence, sequence))
            before = None
            continue
        if (anchor.dataset, anchor.sequence) != (dataset, sequence) or anchor.to_json() != body:
            problems.append(f"{key} says it is another")
        if before is not None or is_first:
            problems += (f"{key} {text}" for text in _link_problems(anchor, before))
        chain.append(anchor)
        before = anchor
    return chain, problems


def _link_problems(anchor: Anchor, before: Anchor | None) -> Iterator[str]:
    """What is wrong between an anchor and the one before it (None: it is the first)."""
    if anchor.previous != (before.body_hash if before else FIRST_PREVIOUS):
        yield "does not follow the one before it: one of the two was altered"
    if before is None:
        return
    if anchor.number < before.number:
        yield "speaks of a shorter chain than the one before it"
    elif anchor.number == before.number and anchor.hash != before.hash:
        yield "speaks of another certificate than the one before it"
    if anchor.instant < before.instant:
        yield f"was signed on {anchor.signed_at}, before the one before it"
    signs_next = fingerprint(before.introduced_key) if before.introduced_key else before.key
    if anchor.key != signs_next:
        yield f"was signed by key {anchor.key[:12]}, while the one before it says that {signs_next[:12]} signs"


def _missing(dataset: str, first: int, last: int) -> str:
    """That these anchors are missing, in one line: who adds one of a far number makes a gap as long as he likes."""
    key = anchor_key(dataset, first)
    return f"{key} is missing" if first == last else f"{key} and all up to {last:,} are missing"


def _unsigned(chain: Sequence[Anchor], dataset: str, trusted: Sequence[bytes], holds: Holds) -> list[str]:
    """Signatures that do not hold, and a last anchor whom nobody trusted has signed."""
    known = {fingerprint(key): key for key in trusted}
    problems = []
    for anchor in chain:
        key = known.get(anchor.key)
        if key is None:
            continue
        if not holds(key, anchor.message, anchor.signature_bytes):
            problems.append(f"{anchor_key(dataset, anchor.sequence)} has a signature that does not hold")
        elif anchor.introduced_key:
            known[fingerprint(anchor.introduced_key)] = anchor.introduced_key
    if chain and chain[-1].key not in known:
        key_name = chain[-1].key[:12]
        problems.append(f"{anchor_key(dataset, chain[-1].sequence)} was signed by key {key_name}, which is not trusted")
    return problems


def _untimely(chain: Sequence[Anchor], dataset: str, now: datetime) -> list[str]:
    """No anchor at all, or none of late: what came since may have been taken away together with its anchors.

    One of a time that has not come would hide that for as long.
    """
    if not chain:
        return [f"{anchor_prefix(dataset)} has no anchor: nothing proves how long the chain was"]
    last = chain[-1]
    if now - last.instant > LATEST:
        return [f"the last anchor is of {last.signed_at}: the notary has not signed since, or its work is hidden"]
    if last.instant - now > SKEW:
        return [f"the last anchor is of {last.signed_at}, which has not come yet: its clock is wrong, or yours"]
    return []


def _altered(chain: Sequence[Anchor], dataset: str, chained: Chained) -> Iterator[str]:
    """Certificates that are missing or are not those that were signed, each told once for each hash of it."""
    named: Mapping[tuple[int, str], Anchor] = {(anchor.number, anchor.hash): anchor for anchor in chain}
    for (number, signed), anchor in named.items():
        stored = chained.hashes.get(number)
        if number and stored is None:
            yield f"{certificate_key(dataset, number)} was signed on {anchor.signed_at} and is missing"
        elif number and stored != signed:
            yield f"{certificate_key(dataset, number)} is not the one that was signed on {anchor.signed_at}"


def _old_head(chain: Sequence[Anchor], dataset: str, head: int, now: datetime) -> Iterator[str]:
    """A head that names less than what was signed long ago: an old one was put in the place of a newer one."""
    signed = max((anchor.number for anchor in chain if now - anchor.instant > CAUGHT_UP), default=0)
    if head < signed:
        yield f"{head_key(dataset)} names certificate {head}, and {signed} was signed long ago: it is an old one"
