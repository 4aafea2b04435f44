"""Tags of objects that are uploaded in parts.

CreateMultipartUpload's ``x-amz-tagging`` names the tags of the object that the upload becomes (S3 API Reference,
CreateMultipartUpload). MiniStack keeps them of whole uploads alone, so that Terraform, which sends layers in parts,
would plan to tag them again for ever.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from ministack.services import s3

from local.emulator.patching import wrap
from local.emulator.settings import Settings

TAGS = "starmend_tags"  # of an upload that is under way, among what MiniStack keeps of it


def apply(_settings: Settings) -> None:
    wrap(s3, "_create_multipart_upload", _create)
    wrap(s3, "_complete_multipart_upload", _complete)


def _create(stock: Any, bucket: str, key: str, headers: dict[str, str]) -> Any:
    answer = stock(bucket, key, headers)
    tags = dict(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True))
    if answer[0] == 200 and tags:
        upload = ElementTree.fromstring(answer[2]).findtext("{*}UploadId")
        s3._multipart_uploads[upload][TAGS] = tags
    return answer


def _complete(stock: Any, bucket: str, key: str, body: bytes, query: dict[str, Any], *headers: Any) -> Any:
    upload = s3._multipart_uploads.get(s3._qp(query, "uploadId")) or {}
    answer = stock(bucket, key, body, query, *headers)
    if answer[0] == 200 and upload.get(TAGS):
        version = s3._buckets[bucket]["objects"][key].get("version_id")
        s3._object_tags[(bucket, key, version)] = upload[TAGS]
    return answer
