"""Public keys and signatures, by the library that the functions do not carry: they sign, and never prove."""

from __future__ import annotations

from pathlib import Path

from core.errors import Misuse


def holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature (DER) is that key's (DER) over the message: ECDSA over P-256 with SHA-256."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_der_public_key(public_key)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def read_public_key(file: Path) -> bytes:
    """A key in PEM or DER, as DER. Raises ``Misuse`` where the file holds none, or one of another kind."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    remedy = "Get the deployment's: starmend proof key"
    try:
        text = file.read_bytes()
        is_pem = text.lstrip().startswith(b"-----")
        key = serialization.load_pem_public_key(text) if is_pem else serialization.load_der_public_key(text)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise Misuse("read public key", str(file), f"is no public key ({error})", remedy) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Misuse("read public key", str(file), "is no key of P-256", remedy)
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def as_pem(public_key: bytes) -> str:
    """A key (DER) as the text that ``read_public_key`` and openssl read."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_der_public_key(public_key)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
