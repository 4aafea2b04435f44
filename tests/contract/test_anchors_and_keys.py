"""What anchors and keys promise, in memory and over AWS."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.anchors import MemoryAnchors, MemorySigner
from tests.support.simulated_aws import ClientOf

from aws.anchors import S3AnchorStore
from aws.signing import KmsSigner
from cli.signatures import holds
from core.audit.anchors import anchor_key
from core.ports import AnchorStore, Refused, Signer, Written

FIRST, SECOND = anchor_key("quotes", 1), anchor_key("quotes", 2)


def locked_bucket(client_of: ClientOf) -> Any:
    client = client_of("s3")
    client.create_bucket(Bucket="anchors", ObjectLockEnabledForBucket=True)
    return client


def test_an_anchor_is_written_once(client_of: ClientOf) -> None:
    stores: list[AnchorStore] = [MemoryAnchors(), S3AnchorStore(locked_bucket(client_of), "anchors")]
    for store in stores:
        assert store.read(FIRST) is None
        assert store.sequences("quotes") == []
        assert isinstance(store.add(FIRST, b"one"), Written)
        assert isinstance(store.add(FIRST, b"another"), Refused)
        store.add(SECOND, b"two")
        store.add(anchor_key("quotes_more", 3), b"another dataset's")
        assert store.read(FIRST) == b"one"
        assert store.sequences("quotes") == [1, 2]


@pytest.mark.parametrize(
    "key",
    [
        "anchors/quotes/older/000000000007.json",
        "anchors/quotes/00000000000\u00b2.json",
        "anchors/quotes/\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661.json",
        f"{FIRST}.bak",
        "anchors/quotes/+00000000001.json",
    ],
)
def test_an_object_beside_the_anchors_is_none_of_them(client_of: ClientOf, key: str) -> None:
    client = locked_bucket(client_of)
    client.put_object(Bucket="anchors", Key=key, Body=b"another")
    memory = MemoryAnchors()
    memory.bodies[key] = b"another"
    stores: list[AnchorStore] = [memory, S3AnchorStore(client, "anchors")]
    for store in stores:
        assert store.sequences("quotes") == []
        assert isinstance(store.add(FIRST, b"one"), Written)
        assert (store.sequences("quotes"), store.read(FIRST)) == ([1], b"one")


def test_neither_a_later_version_nor_a_delete_marker_hides_what_was_written_first(client_of: ClientOf) -> None:
    client = locked_bucket(client_of)
    store = S3AnchorStore(client, "anchors")
    store.add(FIRST, b"one")
    client.put_object(Bucket="anchors", Key=FIRST, Body=b"forged")
    assert store.read(FIRST) == b"one"
    client.delete_object(Bucket="anchors", Key=FIRST)
    assert store.read(FIRST) == b"one"
    assert store.sequences("quotes") == [1]
    assert isinstance(store.add(FIRST, b"after the marker"), Refused)


def test_all_anchors_are_read_with_a_request_for_each_and_one_more(client_of: ClientOf) -> None:
    client = locked_bucket(client_of)
    memory, store = MemoryAnchors(), S3AnchorStore(client, "anchors")
    for number in range(1, 31):
        for each in (memory, store):
            each.add(anchor_key("quotes", number), b"%d" % number)
    client.put_object(Bucket="anchors", Key=FIRST, Body=b"forged")
    requests: list[str] = []
    client.meta.events.register("before-call.s3", lambda model, **_: requests.append(model.name))
    assert list(store.read_all("quotes")) == list(memory.read_all("quotes"))
    assert sorted(requests) == ["GetObject"] * 30 + ["ListObjectVersions"]


def test_a_key_signs_what_its_public_half_proves(client_of: ClientOf) -> None:
    client = client_of("kms")
    made = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signers: list[Signer] = [MemorySigner(), KmsSigner(client, made)]
    for signer in signers:
        signature = signer.sign(b"message")
        assert holds(signer.public_key(), b"message", signature)
        assert not holds(signer.public_key(), b"Message", signature)
        assert not holds(signers[0].public_key(), b"message", signature[:-1])
