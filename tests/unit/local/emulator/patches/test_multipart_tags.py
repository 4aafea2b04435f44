"""Objects that are uploaded in parts have the tags that their upload named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig

from local.emulator.process import Emulator

pytestmark = pytest.mark.emulator
SIX_MIB = b"0123456789abcdef" * (6 * 65_536)
IN_PARTS = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with Emulator.start(tmp_path_factory.mktemp("emulator")) as emulator:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        yield session.client("s3", endpoint_url=emulator.endpoint)


@pytest.mark.parametrize("versioned", [False, True])
def test_an_object_uploaded_in_parts_keeps_its_tags(s3: Any, tmp_path: Any, versioned: bool) -> None:
    bucket = f"parts-{str(versioned).lower()}"
    s3.create_bucket(Bucket=bucket)
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    (tmp_path / "big").write_bytes(SIX_MIB)
    s3.upload_file(
        str(tmp_path / "big"),
        bucket,
        "layers/base.zip",
        Config=IN_PARTS,
        ExtraArgs={"Tagging": "project=p&purpose=a%20b"},
    )
    assert "-" in s3.head_object(Bucket=bucket, Key="layers/base.zip")["ETag"]  # it came in parts
    tags = s3.get_object_tagging(Bucket=bucket, Key="layers/base.zip")["TagSet"]
    assert tags == [{"Key": "project", "Value": "p"}, {"Key": "purpose", "Value": "a b"}]
