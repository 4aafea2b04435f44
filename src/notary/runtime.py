"""Clients of the notary function, kept for a container's life: the certificates, the anchors' bucket, the keys."""

from __future__ import annotations

from functools import cache

from aws.anchors import S3AnchorStore
from aws.clients import Clients
from aws.log import function_log
from aws.objects import S3ObjectStore
from aws.settings import Settings
from aws.signing import KmsSigner
from core.ports import AnchorStore, Log, ObjectReader, Signer


@cache
def build_runtime() -> tuple[ObjectReader, AnchorStore, tuple[Signer, ...], Log]:
    """Certificates to be read, anchors to be added, the keys that sign by their age, and the log."""
    settings, clients = Settings.from_environment(), Clients()
    s3, kms = clients("s3"), clients("kms")
    signers = tuple(KmsSigner(kms, key) for key in settings.signing_keys)
    return (
        S3ObjectStore(s3, settings.warehouse_bucket),
        S3AnchorStore(s3, settings.anchor_bucket),
        signers,
        function_log(),
    )
