"""Certificates verified on a simulated account."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.chains import draft
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

from auditor.evidence.chain import Chain
from aws.anchors import S3AnchorStore
from aws.deployment import DESCRIPTION
from aws.objects import S3ObjectStore
from aws.signing import KmsSigner
from core.errors import AlteredProof
from notary.sign import sign_chain

pytestmark = pytest.mark.usefixtures("dev")
ANCHORS = "starmend-dev-anchors-123456789012"


def test_where_nothing_is_certified_nothing_fails(account: Account, starmend: Command) -> None:
    said = starmend("verify", "--dataset", "quotes", "--json")
    assert (said.code, said.data["failures"]) == (0, [])
    counts = dict.fromkeys(("certificates", "windows", "restated", "uncertified", "failures"), 0)
    assert said.data["verified"] == [{"dataset": "quotes"} | counts]


def test_half_a_range_is_a_usage_error(account: Account, starmend: Command) -> None:
    assert starmend("verify", "--from", "2026-11-20T14:30").code == 2


# ---------------------------------------------------------------- by signature


@dataclass
class Signed:
    """A deployment whose certificates are signed: what its notary does, and the file of its public key."""

    account: Account
    key: Path
    signer: KmsSigner

    def issue(self, *hours: int) -> None:
        store = S3ObjectStore(self.account.client_of("s3"), self.account.deployment.warehouse_bucket)
        Chain(store, "quotes").issue([draft(hour) for hour in hours])

    def sign(self) -> None:
        client = self.account.client_of("s3")
        records = S3ObjectStore(client, self.account.deployment.warehouse_bucket)
        anchors = S3AnchorStore(client, ANCHORS)
        sign_chain("quotes", records=records, anchors=anchors, signers=[self.signer], now=dt.datetime.now(dt.UTC))


@pytest.fixture
def signed(account: Account, starmend: Command, tmp_path: Path) -> Signed:
    s3, kms = account.client_of("s3"), account.client_of("kms")
    s3.create_bucket(Bucket=ANCHORS, ObjectLockEnabledForBucket=True)
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    code = account.deployment.buckets["code"]
    description = json.loads(s3.get_object(Bucket=code, Key=DESCRIPTION)["Body"].read())
    description |= {"anchors": ANCHORS, "signing_keys": [made]}
    s3.put_object(Bucket=code, Key=DESCRIPTION, Body=json.dumps(description).encode())
    signed = Signed(account, tmp_path / "starmend.pem", KmsSigner(kms, made))
    assert starmend("proof", "key", "--output", str(signed.key)).code == 0
    signed.issue(14, 15, 16)
    signed.sign()
    return signed


def test_a_signed_chain_is_proven_by_the_public_key(signed: Signed, starmend: Command) -> None:
    assert starmend("proof", "key").out == signed.key.read_text()
    said = starmend("verify", "--dataset", "quotes", "--public-key", str(signed.key), "--json").data
    assert [(proof["signed_until"], proof["failures"]) for proof in said["proven"]] == [(3, 0)]
    listed = starmend("proof", "anchors", "--dataset", "quotes", "--json")
    assert (listed.code, [row["certificate"] for row in listed.data["anchors"]]) == (0, [3])


def test_a_key_that_cannot_be_written_is_refused_by_name(signed: Signed, starmend: Command) -> None:
    said = starmend("proof", "key", "--output", str(signed.key / "below"))
    assert (said.code, "Name a file that can be written" in said.err) == (2, True)


def test_a_past_that_was_rewritten_with_its_head_is_found_by_the_key_alone(signed: Signed, starmend: Command) -> None:
    """Whoever writes the lake makes a whole new chain that fits in itself: only what was signed tells."""
    client, bucket = signed.account.client_of("s3"), signed.account.deployment.warehouse_bucket
    for key in signed.account.warehouse_keys("warehouse/_certificates/"):
        client.delete_object(Bucket=bucket, Key=key)
    signed.issue(14, 15)
    unsigned = starmend("verify", "--dataset", "quotes", "--json").data["failures"]
    assert not [failure for failure in unsigned if not failure["window"]], "the chain is whole in itself"
    said = starmend("verify", "--dataset", "quotes", "--public-key", str(signed.key), "--json")
    assert said.code == 1
    assert "was signed on" in said.data["failures"][-1]["problem"]
    with pytest.raises(AlteredProof):
        signed.sign()


def test_who_asks_for_a_proof_where_nothing_is_signed_is_told_how_to_get_one(
    account: Account, starmend: Command
) -> None:
    for command in (("proof", "key"), ("proof", "sign"), ("proof", "anchors")):
        said = starmend(*command)
        assert said.code == 2
        assert "proof = { enabled = true }" in said.err
    assert starmend("verify", "--anchors", "elsewhere").code == 2
