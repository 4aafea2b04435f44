"""Proof by signature on the stack: what the notary signs, what each lie shows, and what nobody may do to an anchor."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.support import deployed
from tests.support.commands import Command

from core.audit.certificate import certificate_key, head_key
from local.healing import audit
from local.invoking import await_receipts, invoke
from local.stack import Stack

pytestmark = pytest.mark.stack

SALES = "sales"


def unheard(_line: str) -> None:
    """The scenario asserts on data, not on what is said."""


@pytest.fixture(scope="module")
def certified(stack: Stack) -> Stack:
    """The stack after a pass and an audit of a month."""
    invoke(stack.deployment, "extract", {"dataset": SALES})
    await_receipts(stack.deployment, f"tables/{SALES}/")
    now = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    audit(stack, SALES, now - dt.timedelta(days=31), now, say=unheard)
    return stack


@pytest.fixture
def signed(certified: Stack, starmend: Command, tmp_path: Path) -> Path:
    """A public key, by which all that is certified is signed."""
    assert starmend("proof", "sign").code == 0
    key = tmp_path / "starmend.pem"
    assert starmend("proof", "key", "--output", str(key)).code == 0
    return key


@contextmanager
def instead(stack: Stack, key: str, body: bytes | None) -> Iterator[None]:
    """An object of the warehouse that its owner overwrote, or removed, and puts back."""
    store = deployed.warehouse(stack.deployment)
    before = store.read(key)
    assert before is not None
    store.delete([key])
    if body is not None:
        store.write(key, body)
    try:
        yield
    finally:
        store.write(key, before.body)


def test_what_the_notary_signed_is_proven_by_the_public_key_and_a_lie_is_not(
    stack: Stack, starmend: Command, signed: Path
) -> None:
    def denied(*more: str) -> list[str]:
        said = starmend("verify", "--dataset", SALES, "--public-key", str(signed), "--json", *more)
        assert said.code == bool(said.data["failures"])
        return [failure["problem"] for failure in said.data["failures"]]

    before = denied()
    said = starmend("verify", "--dataset", SALES, "--public-key", str(signed), "--json").data
    [proven] = said["proven"]
    assert proven["failures"] == 0
    assert proven["signed_until"] >= 1
    store = deployed.warehouse(stack.deployment)
    first = store.read(certificate_key(SALES, 1))
    assert first is not None
    last = proven["signed_until"]
    forged = json.dumps(json.loads(first.body) | {"run": "another"}).encode()
    for key, body in (
        (certificate_key(SALES, 1), forged),
        (certificate_key(SALES, last), None),
        (head_key(SALES), json.dumps({"number": 1, "hash": "0" * 64}).encode()),
    ):
        with instead(stack, key, body):
            assert set(denied()) - set(before), f"{key} was changed, and nobody noticed"
    assert denied() == before


def test_nobody_writes_or_removes_an_anchor_and_the_notary_goes_on(
    stack: Stack, starmend: Command, signed: Path
) -> None:
    s3, bucket = stack.deployment.clients("s3"), stack.deployment.anchors
    versions = s3.list_object_versions(Bucket=bucket, Prefix=f"anchors/{SALES}/")["Versions"]
    lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"]["Mode"] == "GOVERNANCE", "everything of this stack may be destroyed"
    for version in versions:
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        s3.delete_object(Bucket=bucket, Key=version["Key"])  # hides it, and nothing more
    anchors = starmend("proof", "anchors", "--dataset", SALES, "--json")
    assert (anchors.code, len(anchors.data["anchors"])) == (0, len(versions))
    assert invoke(stack.deployment, "notary", {"dataset": SALES})
    assert (
        starmend("verify", "--dataset", SALES, "--public-key", str(signed), "--json").data["proven"][0]["failures"] == 0
    )
