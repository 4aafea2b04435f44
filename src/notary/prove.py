"""Prove a chain of certificates by its anchors and a public key: needs nothing but to read both.

The anchors are a chain of their own. One that is signed by a key that is trusted proves all before it, and the last one
has to be: so a key may be rotated, and who trusts the new one alone proves the past that the old one signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.audit.anchors import FIRST_PREVIOUS, Anchor, anchor_key, anchor_prefix, fingerprint
from core.audit.certificate import certificate_key, hash_of
from core.errors import InvalidData
from core.ports import AnchorStore, ObjectReader

LATEST = timedelta(hours=26)  # the oldest that the last anchor may be: its notary's heartbeat, and time to be late
Holds = Callable[[bytes, bytes, bytes], bool]  # (public key in DER, message, signature) -> whether the signature holds


@dataclass(frozen=True, slots=True)
class Proven:
    """How far a chain is proven: up to certificate ``number``, signed at ``signed_at``; ``problems`` deny it.

    Certificates after ``number`` are chained to it and not signed yet.
    """

    dataset: str
    anchors: int
    number: int
    signed_at: str
    problems: tuple[str, ...]


def prove_chain(
    dataset: str,
    *,
    records: ObjectReader,
    anchors: AnchorStore,
    trusted: Sequence[bytes],
    holds: Holds,
    now: datetime,
) -> Proven:
    """Hold a dataset's certificates to its anchors, and these to the keys that are ``trusted`` (DER).

    Raises ``TransientFailure`` where a store does not answer.
    """
    chain, problems = read_anchors(anchors, dataset)
    problems += _unsigned(chain, dataset, trusted, holds)
    problems += _stale(chain, dataset, now)
    for anchor in _one_of_each_number(chain):
        key = certificate_key(dataset, anchor.number)
        stored = records.read(key)
        if stored is None:
            problems.append(f"{key} was signed on {anchor.signed_at} and is missing")
        elif hash_of(stored.body) != anchor.hash:
            problems.append(f"{key} is not the one that was signed on {anchor.signed_at}")
    last = chain[-1] if chain else None
    return Proven(dataset, len(chain), last.number if last else 0, last.signed_at if last else "", tuple(problems))


def read_anchors(anchors: AnchorStore, dataset: str) -> tuple[list[Anchor], list[str]]:
    """All anchors that can be read, in order, and what is wrong with their chain."""
    chain: list[Anchor] = []
    problems: list[str] = []
    previous: str | None = FIRST_PREVIOUS
    number = before = 0
    for sequence in anchors.sequences(dataset):
        if sequence > before + 1:
            problems.append(_missing(dataset, before + 1, sequence - 1))
            previous = None
        before = sequence
        key = anchor_key(dataset, sequence)
        body = anchors.read(key)
        if body is None:
            problems.append(_missing(dataset, sequence, sequence))
            previous = None
            continue
        try:
            anchor = Anchor.from_json(body, key=key)
        except InvalidData as error:
            problems.append(f"{key} {error.problem}")
            previous = None
            continue
        if (anchor.dataset, anchor.sequence) != (dataset, sequence) or anchor.to_json() != body:
            problems.append(f"{key} says it is another")
        if previous is not None and anchor.previous != previous:
            problems.append(f"{key} does not follow the one before it: one of the two was altered")
        if anchor.number < number:
            problems.append(f"{key} speaks of a shorter chain than the one before it")
        chain.append(anchor)
        previous, number = anchor.body_hash, anchor.number
    return chain, problems


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


def _stale(chain: Sequence[Anchor], dataset: str, now: datetime) -> list[str]:
    """No anchor at all, or none of late: what came since may have been taken away together with its anchors."""
    if not chain:
        return [f"{anchor_prefix(dataset)} has no anchor: nothing proves how long the chain was"]
    if now - chain[-1].instant > LATEST:
        return [f"the last anchor is of {chain[-1].signed_at}: the notary has not signed since, or its work is hidden"]
    return []


def _one_of_each_number(chain: Sequence[Anchor]) -> list[Anchor]:
    """An anchor for each hash of each certificate that they name: several in a row may name the same."""
    named: Mapping[tuple[int, str], Anchor] = {(anchor.number, anchor.hash): anchor for anchor in chain}
    return [anchor for (number, _), anchor in named.items() if number]
