"""Listings of S3 that are read by the project: each is what botocore makes of the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import botocore.session
import pytest
from botocore.parsers import ResponseParserError, create_parser
from hypothesis import given
from hypothesis import strategies as st

from aws.listing import read_listings_fast

NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
ENTRY = (
    "<Contents>{more}<Key>{key}</Key><LastModified>{at}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
    "<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
OWNER = "<Owner><ID>75aa</ID></Owner><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
DAY = "2026-11-20T14:30:00"
CLIENT = botocore.session.Session().create_client(
    "s3", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
)
SHAPE = CLIENT.meta.service_model.operation_model("ListObjectsV2").output_shape
read_listings_fast(CLIENT)
times = st.integers(0, 4_000_000_000).map(lambda at: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}")
objects = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
            "at": st.tuples(times, st.sampled_from([".000Z", ".123Z", "Z", ".999999Z", "+00:00"])),
            "etag": st.from_regex(r"[0-9a-f]{32}(-[0-9]{1,4})?", fullmatch=True),
            "size": st.integers(0, 5 * 2**40),
            "more": st.sampled_from(["", OWNER]),
        }
    ),
    max_size=5,
)


def listing(entries: list[dict[str, Any]], *, namespace: str = NAMESPACE) -> bytes:
    texts = [
        ENTRY.format(**entry | {"key": escape(quote(entry["key"])), "at": "".join(entry["at"])}) for entry in entries
    ]
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult{namespace}><Name>lake</Name><Prefix>a/</Prefix>'
        f"<EncodingType>url</EncodingType><KeyCount>{len(texts)}</KeyCount><IsTruncated>true</IsTruncated>"
        f"<NextContinuationToken>1+/x=</NextContinuationToken>{''.join(texts)}"
        "<CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes></ListBucketResult>"
    ).encode()


def by_botocore(body: bytes, status: int = 200) -> dict[str, Any]:
    parsed: dict[str, Any] = create_parser("rest-xml").parse(
        {"status_code": status, "headers": {}, "body": body}, SHAPE
    )
    return parsed


def by_us(body: bytes, status: int = 200) -> dict[str, Any]:
    """As botocore's endpoint makes it of what the client's handlers leave."""
    answer: dict[str, Any] = {"status_code": status, "headers": {}, "body": body}
    taken: dict[str, Any] = {}
    operation = CLIENT.meta.service_model.operation_model("ListObjectsV2")
    CLIENT.meta.events.emit(
        "before-parse.s3.ListObjectsV2",
        operation_model=operation,
        response_dict=answer,
        customized_response_dict=taken,
    )
    return by_botocore(answer["body"], status) | taken


@given(objects, st.sampled_from([NAMESPACE, ""]))
def test_a_listing_is_what_botocore_makes_of_it(entries: list[dict[str, Any]], namespace: str) -> None:
    body = listing(entries, namespace=namespace)
    ours, theirs = by_us(body), by_botocore(body)
    wanted = [
        {name: entry[name] for name in ("Key", "LastModified", "ETag", "Size")} for entry in theirs.pop("Contents", [])
    ]
    assert ours.pop("Contents", []) == wanted
    assert ours == theirs


def test_an_instant_has_its_zone() -> None:
    (read,) = by_us(listing([{"key": "a", "at": (DAY, ".250Z"), "etag": "0", "size": 1, "more": ""}]))["Contents"]
    assert read["LastModified"] == datetime(2026, 11, 20, 14, 30, 0, 250_000, tzinfo=UTC)
    assert read["LastModified"].utcoffset() == timedelta()


def test_a_listing_that_is_cut_is_left_to_botocore() -> None:
    body = listing([{"key": "a", "at": (DAY, "Z"), "etag": "0", "size": 1, "more": ""}])
    for length in range(0, len(body), 23):
        outcomes = []
        for parse in (by_botocore, by_us):
            try:
                outcomes.append(str(parse(body[:length])))
            except ResponseParserError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1], length


@pytest.mark.parametrize("status", [403, 503])
def test_an_error_is_left_to_botocore(status: int) -> None:
    body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
    assert by_us(body, status) == by_botocore(body, status)
