"""A bucket through an Arrow file system: what it says where it cannot be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from pyarrow.fs import FileInfo, FileSelector, FileType, LocalFileSystem, SubTreeFileSystem

from core.errors import NotGranted, OutOfReach, PipelineBug
from starmend_reader.lake import s3_filesystem
from starmend_reader.storage import Storage, check_profile, reaching


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        # As Arrow 25 tells S3's answers.
        (
            OSError("When reading information for key 'k' in bucket 'b': AWS Error ACCESS_DENIED during HeadObject"),
            NotGranted,
        ),
        (OSError("AWS Error UNKNOWN (HTTP status 403) during HeadObject operation: No response body."), NotGranted),
        (PermissionError(13, "Permission denied"), NotGranted),
        (OSError("AWS Error NETWORK_CONNECTION during GetObject operation: curlCode: 7"), OutOfReach),
        (pa.ArrowInvalid("Parquet magic bytes not found in footer."), PipelineBug),
    ],
)
def test_an_error_says_what_to_do_next(error: Exception, becomes: type[Exception]) -> None:
    with pytest.raises(becomes) as raised, reaching("read", "s3://b/k"):
        raise error
    assert "s3://b/k" in str(raised.value)


def test_nothing_there_stays_nothing(tmp_path: Path) -> None:
    storage = Storage(SubTreeFileSystem(str(tmp_path), LocalFileSystem()), "bucket")
    assert storage.read("a/b") is None
    assert storage.stat("a/b") is None
    assert list(storage.list("a/")) == []
    with pytest.raises(FileNotFoundError), reaching("read", "s3://b/k"):
        raise FileNotFoundError("k")


class Forbidding:
    """As S3 for an analyst: reads of what is not there are forbidden, and one folder may be listed."""

    def __init__(self, held: set[str], may_list: str) -> None:
        self.held, self.may_list = held, may_list

    def get_file_info(self, asked: str | FileSelector) -> FileInfo | list[FileInfo]:
        if isinstance(asked, str):
            if asked not in self.held:
                raise OSError("AWS Error ACCESS_DENIED during HeadObject operation: No response body.")
            return FileInfo(asked, FileType.File, size=1)
        if not asked.base_dir.startswith(self.may_list):
            raise OSError("AWS Error ACCESS_DENIED during ListObjectsV2 operation: Access Denied")
        return [FileInfo(path, FileType.File, size=1) for path in self.held if path.startswith(f"{asked.base_dir}/")]

    def open_input_stream(self, path: str) -> pa.NativeFile:
        self.get_file_info(path)
        return pa.BufferReader(b"1")


def test_what_may_be_listed_and_is_not_there_is_gone_and_what_may_not_is_forbidden() -> None:
    """Amazon S3 API Reference, GetObject: 403 instead of 404 for who may not list the bucket."""
    held = {"b/open/part/symlink.txt", "b/open/part/symlink.txt2", "b/shut/there"}
    storage = Storage(cast(Any, Forbidding(held, may_list="b/open/")), "b")
    assert storage.stat("open/part/symlink.txt") is not None
    for gone in ("open/part/symlink", "open/other/symlink.txt"):
        assert storage.stat(gone) is None
        assert storage.read(gone) is None
    for ask in (storage.read, storage.stat):
        with pytest.raises(NotGranted, match="Take the analyst's role"):
            ask("shut/gone")


def test_objects_are_listed_by_prefix_in_key_order(tmp_path: Path) -> None:
    for name in ("a/x2", "a/x1/deep", "a/y", "b/x"):
        (path := tmp_path / "bucket" / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12")
        os.utime(path, (1_700_000_000, 1_700_000_000))
    storage = Storage(SubTreeFileSystem(str(tmp_path), LocalFileSystem()), "bucket")
    listed = list(storage.list("a/x"))
    assert [info.key for info in listed] == ["a/x1/deep", "a/x2"]
    assert [info.key for info in storage.list("a/", after="a/x2")] == ["a/y"]
    assert {(info.size, int(info.modified.timestamp())) for info in listed} == {(2, 1_700_000_000)}


PROFILES = """\
[default]
region = eu-west-2
[profile person]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
s3 =
  max_concurrent_requests = 20
[profile analyst]
role_arn = arn:aws:iam::111122223333:role/analyst
source_profile = person
[profile lake]
credential_process = aws configure export-credentials --profile analyst
[profile pod]
role_arn = arn:aws:iam::111122223333:role/analyst
web_identity_token_file = /token
"""


@pytest.mark.parametrize("profile", ["", "person", "analyst", "lake", "pod", "none"])
def test_a_role_that_arrow_cannot_take_is_refused_before_s3_is_asked_by_nobody(profile: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(PROFILES)
    settings = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_PROFILE": profile,
    }
    if profile != "analyst":
        check_profile(settings)
        return
    with pytest.raises(NotGranted, match="credential_process = aws configure export-credentials --profile analyst"):
        s3_filesystem("bucket", settings)
    s3_filesystem("bucket", settings | {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "x"})
