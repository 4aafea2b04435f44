"""Buckets and their objects' versions, on a simulated account."""

from __future__ import annotations

from tests.support.simulated_aws import ClientOf, client_of

from aws.buckets import erase

__all__ = ["client_of"]


def test_erasing_an_object_takes_its_versions_and_nothing_else(client_of: ClientOf) -> None:
    s3 = client_of("s3")
    s3.create_bucket(Bucket="held")
    s3.put_bucket_versioning(Bucket="held", VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "a", "ab", "b"):
        s3.put_object(Bucket="held", Key=key, Body=b"")
    erase(s3, "held", "a")
    assert [version["Key"] for version in s3.list_object_versions(Bucket="held")["Versions"]] == ["ab", "b"]
