"""Anchors: signed statements, kept outside the lake, of how far a dataset's chain of certificates had gone.

``anchors/<dataset>/<12 digits>.json`` of the anchor bucket holds anchor ``sequence``; numbers begin at 1. Each names
the last certificate of its time by number and hash, and the hash of the anchor before it. So one signature that holds
proves every anchor and every certificate before it. An anchor that ``introduces`` a key lets a chain of keys be
followed.

A signature is over ``Anchor.message``, by ECDSA over P-256 with SHA-256, in DER; keys are SubjectPublicKeyInfo in DER.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from core.errors import InvalidData
from core.json import UNREADABLE, canonical_json

ROOT = "anchors/"
DIGITS = 12
FORMAT = 1
FIRST_PREVIOUS = ""
_WHOLE = ("format", "sequence", "number")  # all other claims are texts


@dataclass(frozen=True, slots=True)
class Anchor:
    """The chain of ``dataset`` ended with certificate ``number`` of this ``hash`` at ``signed_at`` (ISO 8601, UTC).

    ``key`` is the fingerprint of the key that signed it, ``introduces`` the next key (base64; empty: none) and
    ``signature`` is base64 too.
    """

    dataset: str
    sequence: int
    previous: str
    number: int
    hash: str
    signed_at: str
    key: str
    introduces: str = ""
    signature: str = ""
    format: int = FORMAT

    @property
    def message(self) -> bytes:
        """What is signed: all of it but the signature, as canonical JSON."""
        data = self._data()
        del data["signature"]
        return canonical_json(data)

    def signed(self, signature: bytes) -> Anchor:
        """The anchor with its signature."""
        return replace(self, signature=base64.b64encode(signature).decode())

    @property
    def instant(self) -> datetime:
        """When it was signed (aware)."""
        return datetime.fromisoformat(self.signed_at)

    @property
    def signature_bytes(self) -> bytes:
        """The signature in DER; empty where it is no base64."""
        return _decoded(self.signature)

    @property
    def introduced_key(self) -> bytes:
        """The key that it introduces, in DER; empty where it introduces none."""
        return _decoded(self.introduces)

    def to_json(self) -> bytes:
        """The canonical bytes."""
        return canonical_json(self._data())

    @property
    def body_hash(self) -> str:
        """SHA-256 of its bytes, in hex: the next one's ``previous``."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def _data(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value != "" or name != "introduces"}

    @classmethod
    def from_json(cls, body: bytes, *, key: str) -> Anchor:
        """Raises ``InvalidData`` where the bytes are no anchor, or say something that none can say."""
        try:
            data = json.loads(body)
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}")
            anchor = cls(**data)
            for name, claim in data.items():
                if type(claim) is not (int if name in _WHOLE else str):
                    raise TypeError(f"{name} is {claim!r}")
                if type(claim) is str:
                    claim.encode()  # refuses half a character, which nobody could print
            if anchor.number < 0 or anchor.instant.tzinfo is None:
                raise ValueError(f"number {anchor.number}, signed at {anchor.signed_at}")
        except UNREADABLE as error:
            raise InvalidData("read anchor", key, f"is no anchor ({error!r})", "It was altered") from error
        else:
            return anchor


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def fingerprint(public_key: bytes) -> str:
    """The name of a key: SHA-256 of its DER, in hex."""
    return hashlib.sha256(public_key).hexdigest()


def introduction(public_key: bytes) -> str:
    """A key as an anchor introduces it."""
    return base64.b64encode(public_key).decode()


def anchor_prefix(dataset: str) -> str:
    """The folder of a dataset's anchors."""
    return f"{ROOT}{dataset}/"


def anchor_key(dataset: str, sequence: int) -> str:
    """The key of anchor ``sequence``."""
    return f"{anchor_prefix(dataset)}{sequence:0{DIGITS}d}.json"


def sequence_of(dataset: str, key: str) -> int | None:
    """The number of the dataset's anchor that has this key; None where it is another object's."""
    digits = key.removeprefix(anchor_prefix(dataset)).removesuffix(".json")
    is_number = len(digits) == DIGITS and digits.isascii() and digits.isdigit()
    return int(digits) if is_number and anchor_key(dataset, int(digits)) == key else None
