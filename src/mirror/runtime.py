"""Services of the mirror of a deployment: its warehouse bucket, the clock, and names that were never used."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from aws.clients import Clients
from aws.objects import S3ObjectStore
from aws.pointers import S3PartitionStore
from mirror.reading import MirrorServices


def build_services(clients: Clients, bucket: str) -> MirrorServices:
    """The services over a deployment's warehouse bucket."""
    s3 = clients("s3")
    return MirrorServices(
        objects=S3ObjectStore(s3, bucket),
        partitions=S3PartitionStore(s3, bucket),
        root=f"s3://{bucket}/",
        now=lambda: datetime.now(UTC),
        unique=lambda: uuid.uuid4().hex,
    )
