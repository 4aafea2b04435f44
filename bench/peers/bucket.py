"""A bucket on the emulator."""

from __future__ import annotations

import boto3
from botocore.config import Config


def make(name: str) -> None:
    """Make the bucket, with the endpoint and credentials that the environment names."""
    boto3.client("s3", config=Config(s3={"addressing_style": "path"})).create_bucket(Bucket=name)
