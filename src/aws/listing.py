"""Answers of S3's listings, read in a fifteenth of the time that botocore takes.

botocore looks up the form of every element and gives each date to dateutil: 0.2 s of a processor for a page of a
thousand objects, which were 2 of the 2.6 s of a mirror's snapshot of 10,000 partitions. So the objects are taken out of
the answer before it is parsed (the event ``before-parse``, by which botocore's own handlers mend answers), and the
rest is left to it. What is no whole listing is left to it too, with its errors and retries.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

_ROOT = "ListBucketResult"
_EVENT = "before-parse.s3.ListObjectsV2"
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def read_listings_fast(client: Any) -> None:
    """Let an S3 client's listings have the key, size, ETag and date of each object, and no more of it."""
    client.meta.events.register(_EVENT, _take_objects)


def _take_objects(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Take the objects out of a listing's body, and put them beside what botocore will make of the rest."""
    if response_dict["status_code"] != 200:
        return
    try:
        root = ElementTree.fromstring(response_dict["body"])
        space = root.tag.removesuffix(_ROOT)
        if space == root.tag:
            return
        entries = root.findall(f"{space}Contents")
        objects = [_object(entry, space) for entry in entries]
    except (ElementTree.ParseError, ValueError, TypeError):
        return
    for entry in entries:
        root.remove(entry)
    if objects:
        customized_response_dict["Contents"] = objects
        response_dict["body"] = ElementTree.tostring(root)


def _object(entry: ElementTree.Element, space: str) -> dict[str, Any]:
    """An object as botocore gives it. Raises ``TypeError`` or ``ValueError`` where something of it is not there."""
    text = {child.tag: child.text for child in entry}
    at = text.get(f"{space}LastModified")
    if at is None or not _ISO.fullmatch(at):
        raise ValueError(f"{at} is no instant of a listing")
    return {
        "Key": text.get(f"{space}Key") or "",
        "LastModified": datetime.fromisoformat(at),
        "ETag": text.get(f"{space}ETag") or "",
        "Size": int(text.get(f"{space}Size") or ""),
    }
