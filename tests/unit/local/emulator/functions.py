"""Lambda functions of one file or more, through boto3."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import boto3
from tests.support.layers import function_layers

ROLE = "arn:aws:iam::000000000000:role/fn"


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """The same bytes for the same files, whenever it is made."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as out:
        for name, content in files.items():
            out.writestr(zipfile.ZipInfo(name), content)
    return body.getvalue()


def publish_layers(session: boto3.Session, *names: str) -> list[str]:
    """The named layers of the functions, published through S3 as Terraform does; their ARNs."""
    session.client("s3").create_bucket(Bucket="layers")
    arns = []
    for name, path in (layer for layer in function_layers() if layer[0] in names):
        session.client("s3").upload_file(str(path), "layers", path.name)
        content = {"S3Bucket": "layers", "S3Key": path.name}
        published = session.client("lambda").publish_layer_version(LayerName=name, Content=content)
        arns.append(published["LayerVersionArn"])
    return arns


def create(session: boto3.Session, name: str, files: dict[str, str], role: str = ROLE, **kwargs: Any) -> None:
    session.client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=role, Handler="index.handler", Timeout=10,
        Code={"ZipFile": archive(files)}, **kwargs,
    )  # fmt: skip


def invoke(session: boto3.Session, name: str, **event: Any) -> Any:
    answer = session.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.load(answer["Payload"])
