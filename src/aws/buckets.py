"""Whole buckets: create a private one, tell what is left in one and how long, remove a key with all its versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from aws.failures import code_of, reaching, status_of
from aws.objects import raise_undeleted
from core.errors import PipelineBug

_OLD_STATE_DAYS = 90
_CLASSIC_REGION = "us-east-1"  # the only one that a new bucket may not name


def ensure_private_bucket(client: Any, name: str, *, region: str, partition: str, tags: dict[str, str]) -> bool:
    """A bucket for state: versioned, encrypted, no public access, TLS only; True where it was made just now.

    Settings are put again on a bucket that is there, so that whatever was changed by hand is right again; its
    objects stay. Raises ``PipelineBug`` where the name is another account's.
    """
    is_new = _create(client, name, region)
    with reaching("set up bucket", name):
        client.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        client.put_bucket_ownership_controls(
            Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        client.put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        client.put_bucket_policy(Bucket=name, Policy=_tls_only(name, partition))
        client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [_FORGET_OLD_STATE]})
        client.put_bucket_tagging(
            Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
        )
    return is_new


_FORGET_OLD_STATE = {
    "ID": "forget-old-versions",
    "Status": "Enabled",
    "Filter": {},
    "NoncurrentVersionExpiration": {"NoncurrentDays": _OLD_STATE_DAYS},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
}


def bucket_exists(client: Any, name: str) -> bool:
    """Whether there is a bucket of this name. Raises ``PipelineBug`` where it is another account's."""
    with reaching("find bucket", name):
        try:
            client.head_bucket(Bucket=name)
        except ClientError as error:
            if status_of(error) == 404:
                return False
            if status_of(error) == 403:
                problem = "belongs to another account, or you may not use it"
                raise PipelineBug("find bucket", name, problem, "Look at whose credentials these are") from error
            raise
    return True


def _create(client: Any, name: str, region: str) -> bool:
    if bucket_exists(client, name):
        return False
    where = {} if region == _CLASSIC_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with reaching("make bucket", name):
        try:
            client.create_bucket(Bucket=name, **where)
        except ClientError as error:
            if code_of(error) == "BucketAlreadyOwnedByYou":
                return False
            raise
    return True


def _tls_only(name: str, partition: str) -> str:
    arn = f"arn:{partition}:s3:::{name}"
    refusal = {
        "Sid": "RefusePlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [refusal]})


def count_versions(client: Any, name: str, *, most: int = 1000) -> int:
    """Object versions and delete markers in a bucket, counted up to ``most``: what keeps it from being deleted."""
    if not bucket_exists(client, name):
        return 0
    count = 0
    with reaching("list versions", name):
        for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
            count += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
            if count >= most:
                return most
    return count


def last_written(client: Any, name: str) -> datetime | None:
    """When the newest version in a bucket was written; None where it holds none, or there is no such bucket."""
    if not bucket_exists(client, name):
        return None
    with reaching("list versions", name):
        pages = client.get_paginator("list_object_versions").paginate(Bucket=name)
        times: Iterator[datetime] = (version["LastModified"] for page in pages for version in page.get("Versions", []))
        return max(times, default=None)


def locked_days(client: Any, name: str) -> int:
    """For how many days a bucket keeps whoever it is from deleting what is written into it; 0 where it does not."""
    with reaching("read the lock", name):
        try:
            answer = client.get_object_lock_configuration(Bucket=name)
        except ClientError as error:
            if code_of(error) == "ObjectLockConfigurationNotFoundError":
                return 0
            raise
    retention = answer["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention", {})
    return int(retention.get("Days", 0)) if retention.get("Mode") == "COMPLIANCE" else 0


def policy_of(client: Any, name: str) -> str:
    """A bucket's policy; empty where it has none."""
    with reaching("read the policy", name):
        try:
            return str(client.get_bucket_policy(Bucket=name)["Policy"])
        except ClientError as error:
            if code_of(error) == "NoSuchBucketPolicy":
                return ""
            raise


def erase(client: Any, name: str, key: str) -> None:
    """Remove an object and every version of it; none at all is no error."""
    with reaching("erase object", f"s3://{name}/{key}"):
        pages = client.get_paginator("list_object_versions").paginate(Bucket=name, Prefix=key)
        versions = (
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for page in pages
            for version in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
            if version["Key"] == key
        )
        while batch := list(islice(versions, 1000)):
            raise_undeleted(name, client.delete_objects(Bucket=name, Delete={"Objects": batch, "Quiet": True}))
