"""Deleted objects of a versioned bucket, whose old versions are still stored."""

from __future__ import annotations

from typing import Any

from aws.failures import reaching


class S3DeletedObjects:
    """``ingestion.repair.job.DeletedObjects`` over S3, by removing delete markers.

    The newest old version is then the object again, with its own id, ETag and time.
    A copy would be a new object with a new time, and a point that was on time would seem to have been late.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def revive(self, key: str) -> bool:
        """Bring an object back; True where it is there now, False where no version of it is left."""
        place = f"s3://{self._bucket}/{key}"
        with reaching("revive object", place):
            while True:
                answer = self._client.list_object_versions(Bucket=self._bucket, Prefix=key)
                versions = [version for version in answer.get("Versions", []) if version["Key"] == key]
                if any(version["IsLatest"] for version in versions):
                    return True
                markers = [
                    marker for marker in answer.get("DeleteMarkers", []) if marker["Key"] == key and marker["IsLatest"]
                ]
                if not markers or not versions:
                    return False
                self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=markers[0]["VersionId"])
