"""Certificates: windows that were verified as whole, in a hash chain that shows every change to one of them.

``warehouse/_certificates/<dataset>/<12 digits>.json`` holds certificate ``number``. The SHA-256 of its bytes is its
hash, and the next one's ``previous``. ``head.json`` beside them names the last one, so that a truncated chain shows.
Numbers begin at 1. A certificate is never changed; a window that changes gets a successor that says what changed.

``months/<yyyy-mm>.json`` is a ledger: for each window of a month its newest certificate. It is made of the chain
alone and can always be made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from core.errors import InvalidData
from core.json import UNREADABLE, canonical_json
from core.time import epoch

ROOT = "warehouse/_certificates/"
DIGITS = 12
FORMAT = 1
FIRST_PREVIOUS = ""
PROOFS = "audit/proofs/"
PUT_BACK = "Put it back as it was: the runbook (broken-chain) says how"
AbsentPoints = Mapping[str, list[list[str]]]  # entity -> half-open ranges, ISO 8601


@dataclass(frozen=True, slots=True)
class Certificate:
    """A window of a dataset that is whole: ``present + absent == expected``.

    ``subject`` is the source of what is counted: a feed's or a database's source table. ``start`` and ``end`` bound the
    window (ISO 8601, half-open). ``present`` = ``observed`` + ``repaired`` + ``late``. ``partitions`` gives, for each
    partition with rows of the window, their number and their digest (``core.warehouse.canonical_rows``); ``digest`` is
    that of all of them. ``evidence`` names the objects that prove what is absent. ``replaces`` is the number of the
    window's certificate before this one (0: none) and ``changed`` their ``differences``. ``columns`` are those of the
    partitions' tables, with their types (``core.evolution.certified``); certificates of earlier releases have none.
    ``unplaced`` rows of the window have no place in time, and were compared by key and content apart from the others.
    ``orphans`` are rows that refer to a parent that there is none of, as the contract accepts it.
    """

    dataset: str
    subject: str
    number: int
    previous: str
    start: str
    end: str
    contract: str
    calendar: str
    expected: int
    present: int
    observed: int
    repaired: int
    late: int
    absent: int
    missing: int
    partitions: Mapping[str, list[Any]]
    digest: str
    verified_at: str
    run: str
    absent_points: AbsentPoints = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    replaces: int = 0
    changed: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, list[list[str]]] = field(default_factory=dict)
    unplaced: int = 0
    orphans: int = 0
    format: int = FORMAT

    @property
    def window(self) -> str:
        """``<subject>/<start>``: its name in a ledger."""
        return window_name(self.subject, self.start)

    def to_json(self) -> bytes:
        """The canonical bytes: sorted, without spaces, one newline at the end."""
        return canonical_json(_written_claims(_claims_of(self)))

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical bytes, in hex."""
        return hash_of(self.to_json())

    def says_the_same(self, other: Certificate) -> bool:
        """Whether two certificates claim the same of a window, whatever their time, run and place in the chain."""
        return bool(_claim(self) == _claim(other))

    @classmethod
    def from_json(cls, body: bytes, *, key: str) -> Certificate:
        """Raises ``InvalidData`` where the bytes are no certificate."""
        try:
            data = json.loads(body)
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}")
            _check_claims(data)
            return cls(**{**data, "evidence": tuple(data["evidence"])})
        except UNREADABLE as error:
            raise InvalidData("read certificate", key, f"is no certificate ({error!r})", PUT_BACK) from error


def _claims_of(value: Certificate | LedgerEntry) -> dict[str, Any]:
    """The fields as they are: what they hold is JSON's, and a copy of it is a third of what an audit spends on them."""
    return {claim.name: getattr(value, claim.name) for claim in fields(value)}


def _written_claims(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims without those that earlier releases did not know, where they say nothing: so bytes and hash stay."""
    return {name: value for name, value in claims.items() if value or name not in ("columns", "unplaced", "orphans")}


def _claim(certificate: Certificate) -> Any:
    data = _claims_of(certificate)
    for name in ("number", "previous", "verified_at", "run", "replaces", "changed", "evidence"):
        del data[name]
    return json.loads(canonical_json(data))


def hash_of(body: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(body).hexdigest()


def window_digest(partitions: Mapping[str, list[Any]]) -> str:
    """The digest of a window's rows: of its partitions' names, row counts and digests, in order of name."""
    lines = [f"{name} {rows} {digest}\n" for name, (rows, digest) in sorted(partitions.items())]
    return hash_of("".join(lines).encode())


def differences(before: Certificate | LedgerEntry, after: Certificate) -> dict[str, Any]:
    """The claims that differ between a certificate and its successor.

    Counts as [before, after], and ``partitions``: the names of those with other rows.
    """
    names = ("expected", "present", "observed", "repaired", "late", "absent", "unplaced", "orphans")
    changes: dict[str, Any] = {
        name: [old, getattr(after, name)] for name in names if (old := getattr(before, name)) != getattr(after, name)
    }
    old_parts, new_parts = dict(before.partitions), dict(after.partitions)
    touched = sorted(name for name in {*old_parts, *new_parts} if old_parts.get(name) != new_parts.get(name))
    if touched:
        changes["partitions"] = touched
    return changes


# ---------------------------------------------------------------- claims as they may be: anybody may have written them

_TEXTS = ("dataset", "subject", "previous", "contract", "calendar", "digest", "run")
_TIMES = ("start", "end", "verified_at")
_COUNTS = (
    "format", "number", "replaces", "expected", "present", "observed", "repaired", "late", "absent", "missing",
    "unplaced", "orphans",
)  # fmt: skip


def _check_claims(claims: Mapping[str, Any]) -> None:
    """Raises ``ValueError``, or whatever Python has for it, where a claim is none that a certificate can make."""
    for name, is_possible in _POSSIBLE.items():
        if name in claims and not is_possible(claims[name]):
            raise ValueError(f"{name} is {claims[name]!r}"[:200])


def _is_text(value: Any) -> bool:
    if type(value) is str:
        value.encode()  # refuses half a character, which nobody could print
    return type(value) is str


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_time(value: Any) -> bool:
    if type(value) is str:
        epoch(value)
    return type(value) is str


def _are_pairs(value: Any, of: Callable[[Any], bool]) -> bool:
    return type(value) is list and all(type(pair) is list and len(pair) == 2 and all(map(of, pair)) for pair in value)


def _is_proof(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and _is_count(value[0]) and _is_text(value[1])


_POSSIBLE: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_TEXTS, _is_text),
    **dict.fromkeys(_TIMES, _is_time),
    **dict.fromkeys(_COUNTS, _is_count),
    "partitions": lambda value: all(map(_is_text, value)) and all(map(_is_proof, value.values())),
    "absent_points": lambda value: all(_are_pairs(ranges, _is_time) for ranges in value.values()),
    "columns": lambda value: all(_are_pairs(columns, _is_text) for columns in value.values()),
    "evidence": lambda value: type(value) is list and all(map(_is_text, value)),
    "changed": lambda value: type(value) is dict,
}


# ---------------------------------------------------------------- keys


def chain_prefix(dataset: str) -> str:
    """The folder of a dataset's chain."""
    return f"{ROOT}{dataset}/"


def certificate_key(dataset: str, number: int) -> str:
    """The key of certificate ``number``."""
    return f"{chain_prefix(dataset)}{number:0{DIGITS}d}.json"


def number_of(key: str) -> int | None:
    """The number in a certificate's key; None where it is another object's."""
    digits = key.rpartition("/")[2].removesuffix(".json")
    is_number = key.endswith(".json") and len(digits) == DIGITS and digits.isascii() and digits.isdigit()
    return int(digits) if is_number else None


def head_key(dataset: str) -> str:
    """The key of a chain's ``Head``."""
    return f"{chain_prefix(dataset)}head.json"


def ledger_folder(dataset: str) -> str:
    """The folder of a dataset's ledgers, which a listing of its chain has behind the certificates."""
    return f"{chain_prefix(dataset)}months/"


def ledger_key(dataset: str, month: str) -> str:
    """The key of a month's ``Ledger``; ``month`` is ``2026-11``."""
    return f"{ledger_folder(dataset)}{month}.json"


def proof_key(partition: str) -> str:
    """The key of what audits remember of a partition: its proof, and the sums of its rows."""
    return f"{PROOFS}{partition}.json"


def window_name(subject: str, start: str) -> str:
    """A window's name in a ledger."""
    return f"{subject}/{start}"


def month_of(start: str) -> str:
    """The month (``2026-11``) whose ledger has the window that starts at this ISO time."""
    return start[:7]


# ---------------------------------------------------------------- head and ledger


@dataclass(frozen=True, slots=True)
class Head:
    """The last certificate that every ledger knows."""

    number: int = 0
    hash: str = FIRST_PREVIOUS


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The claims of a window's newest certificate, for those who need no more than that."""

    number: int
    hash: str
    start: str
    end: str
    contract: str
    expected: int
    present: int
    observed: int
    repaired: int
    late: int
    absent: int
    digest: str
    partitions: Mapping[str, list[Any]]
    absent_points: AbsentPoints = field(default_factory=dict)
    unplaced: int = 0
    orphans: int = 0

    def says_the_same(self, draft: Certificate) -> bool:
        """Whether it already claims what the draft would, which has no place in the chain yet."""
        names = [claim.name for claim in fields(self) if claim.name not in ("number", "hash")]
        own, other = ({name: getattr(value, name) for name in names} for value in (self, draft))
        return canonical_json(own) == canonical_json(other)


def entry_of(certificate: Certificate) -> LedgerEntry:
    """A certificate as its ledger holds it."""
    return LedgerEntry(**{claim.name: getattr(certificate, claim.name) for claim in fields(LedgerEntry)})


@dataclass(frozen=True, slots=True)
class Ledger:
    """The windows of a month by name."""

    windows: Mapping[str, LedgerEntry] = field(default_factory=dict)

    def with_entry(self, window: str, entry: LedgerEntry) -> Ledger:
        """The ledger with this entry, unless it has a newer one; applying an entry again changes nothing."""
        known = self.windows.get(window)
        if known is not None and known.number >= entry.number:
            return self
        return Ledger({**self.windows, window: entry})

    def to_json(self) -> bytes:
        """The canonical bytes."""
        return canonical_json(
            {
                "format": FORMAT,
                "windows": {name: _written_claims(_claims_of(entry)) for name, entry in self.windows.items()},
            }
        )

    @classmethod
    def from_json(cls, body: bytes, *, key: str) -> Ledger:
        """Raises ``InvalidData`` where the bytes are no ledger: it can be made again from the chain."""
        try:
            data = json.loads(body)
            for entry in data["windows"].values():
                _check_claims(entry)
            return cls({name: LedgerEntry(**entry) for name, entry in data["windows"].items()})
        except UNREADABLE as error:
            remedy = "Delete it: the next audit makes it again from the certificates"
            raise InvalidData("read ledger", key, f"is no ledger ({error!r})", remedy) from error
