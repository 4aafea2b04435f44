"""Anchors in memory, and a key that signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.audit.anchors import anchor_key, sequence_of
from core.ports import Refused, Written


class MemoryAnchors:
    """``core.ports.AnchorStore``; ``bodies`` are the first objects of their keys."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def sequences(self, dataset: str) -> Sequence[int]:
        numbers = (sequence_of(dataset, key) for key in self.bodies)
        return sorted(number for number in numbers if number)

    def read(self, key: str) -> bytes | None:
        return self.bodies.get(key)

    def read_all(self, dataset: str) -> Iterator[tuple[int, bytes | None]]:
        return ((number, self.read(anchor_key(dataset, number))) for number in self.sequences(dataset))

    def add(self, key: str, body: bytes) -> Written | Refused:
        if key in self.bodies:
            return Refused()
        self.bodies[key] = body
        return Written("")


class MemorySigner:
    """``core.ports.Signer`` with a fresh key."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def public_key(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.DER, form)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))
