"""Objects that were deleted from a versioned bucket, and are still there."""

from __future__ import annotations

from typing import Any

from aws.failures import reaching


class S3DeletedObjects:
    """Removes delete markers: the old version is the object again, with its own id, ETag and time.

    A copy would be a new object with a new time, and a point that was on time would seem to have been late.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def revive(self, key: str) -> bool:
        """Whether the object is there now. False where no version is left."""
        place = f"s3://{self._bucket}/{key}"
        with reaching("revive object", place):
            while True:
                answer = self._client.list_object_versions(Bucket=self._bucket, Prefix=key)
                latest = [one for one in answer.get("Versions", []) if one["Key"] == key and one["IsLatest"]]
                if latest:
                    return True
                markers = [one for one in answer.get("DeleteMarkers", []) if one["Key"] == key and one["IsLatest"]]
                versions = [one for one in answer.get("Versions", []) if one["Key"] == key]
                if not markers or not versions:
                    return False
                self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=markers[0]["VersionId"])
