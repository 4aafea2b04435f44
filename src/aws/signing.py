"""Keys of KMS that sign."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from aws.failures import reaching


class KmsSigner:
    """``core.ports.Signer`` over an asymmetric KMS key (ECC_NIST_P256, SIGN_VERIFY)."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self.key_id = key_id

    def public_key(self) -> bytes:
        return self._public_key

    @cached_property
    def _public_key(self) -> bytes:
        with reaching("read public key", self.key_id):
            return bytes(self._client.get_public_key(KeyId=self.key_id)["PublicKey"])

    def sign(self, message: bytes) -> bytes:
        with reaching("sign", self.key_id):
            answer = self._client.sign(
                KeyId=self.key_id, Message=message, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
            )
            return bytes(answer["Signature"])
