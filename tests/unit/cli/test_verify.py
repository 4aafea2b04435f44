"""Certificates verified on a simulated account."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.support.commands import Command
from tests.support.signed_account import SignedAccount
from tests.unit.cli.conftest import REPOSITORY, Account

from auditor.prove import Verified, verify
from core.errors import AlteredProof, PipelineBug

pytestmark = pytest.mark.usefixtures("dev")
KEY = "starmend.pem"
ANCHORS = "starmend-dev-anchors-123456789012"


def test_where_nothing_is_certified_nothing_fails(account: Account, starmend: Command) -> None:
    said = starmend("verify", "--dataset", "quotes", "--json")
    assert (said.code, said.data["failures"]) == (0, [])
    counts = dict.fromkeys(("certificates", "windows", "restated", "uncertified", "failures"), 0)
    assert said.data["verified"] == [{"dataset": "quotes"} | counts]


def test_half_a_range_is_a_usage_error(account: Account, starmend: Command) -> None:
    assert starmend("verify", "--from", "2026-11-20T14:30").code == 2


# ---------------------------------------------------------------- by signature


@pytest.fixture
def signed(account: Account, starmend: Command) -> SignedAccount:
    signed = SignedAccount(account.client_of, dict(account.deployment.buckets), ANCHORS)
    signed.make_bucket(ANCHORS)
    signed.deploy(keys=1)
    signed.issue(14, 15, 16)
    signed.sign()
    assert starmend("proof", "key", "--output", KEY).code == 0
    return signed


def test_a_signed_chain_is_proven_by_the_public_key(signed: SignedAccount, starmend: Command) -> None:
    assert starmend("proof", "key").out == Path(KEY).read_text()
    said = starmend("verify", "--dataset", "quotes", "--public-key", KEY, "--json").data
    assert [(proof["signed_until"], proof["failures"]) for proof in said["proven"]] == [(3, 0)]
    listed = starmend("proof", "anchors", "--dataset", "quotes", "--json")
    assert (listed.code, [row["certificate"] for row in listed.data["anchors"]]) == (0, [3])


def test_a_dataset_whose_chain_is_refused_is_shown_beside_the_others(
    signed: SignedAccount, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notary refused the first one, and the others were neither signed nor spoken of."""

    def invoke(_client: object, _name: str, event: dict[str, str]) -> dict[str, object]:
        if event["dataset"] == "quotes":
            raise PipelineBug("invoke function", "notary", "AlteredProof: certificate 3 is another", "Look at its log")
        return {"dataset": event["dataset"], "anchor": 1, "certificate": 2}

    monkeypatch.setattr("aws.functions.invoke", invoke)
    said = starmend("proof", "sign", "--json")
    assert said.code == 3
    rows = {row["dataset"]: row for row in said.data}
    assert rows["quotes"]["problem"].startswith("PipelineBug: invoke function: notary: AlteredProof: certificate 3")
    assert (rows["quotes"]["anchor"], rows["sales"]) == (
        0,
        {"dataset": "sales", "anchor": 1, "certificate": 2, "problem": ""},
    )
    shown = starmend("proof", "sign")
    assert (shown.code, "sales" in shown.out) == (3, True)


def test_what_is_certified_and_signed_while_it_is_verified_is_not_missing(
    signed: SignedAccount, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain was read first and its anchors last: it said that the newest certificate was signed and is missing."""

    def verified_meanwhile(*given: Any, **named: Any) -> Verified:
        verified = verify(*given, **named)
        signed.issue(17)
        signed.sign()
        return verified

    monkeypatch.setattr("auditor.prove.verify", verified_meanwhile)
    said = starmend("verify", "--dataset", "quotes", "--public-key", KEY, "--json")
    assert (said.code, said.data["failures"], [proof["signed_until"] for proof in said.data["proven"]]) == (0, [], [3])


def test_a_key_that_cannot_be_written_is_refused_by_name(signed: SignedAccount, starmend: Command) -> None:
    said = starmend("proof", "key", "--output", f"{KEY}/below")
    assert (said.code, "Name a file that can be written" in said.err) == (2, True)


def test_a_past_that_was_rewritten_with_its_head_is_found_by_the_key_alone(
    account: Account, signed: SignedAccount, starmend: Command
) -> None:
    """Whoever writes the lake makes a whole new chain that fits in itself: only what was signed tells."""
    client, bucket = account.client_of("s3"), account.deployment.warehouse_bucket
    for key in account.warehouse_keys("warehouse/_certificates/"):
        client.delete_object(Bucket=bucket, Key=key)
    signed.issue(14, 15)
    unsigned = starmend("verify", "--dataset", "quotes", "--json").data["failures"]
    assert not [failure for failure in unsigned if not failure["window"]], "the chain is whole in itself"
    said = starmend("verify", "--dataset", "quotes", "--public-key", KEY, "--json")
    assert said.code == 1
    assert "was signed on" in said.data["failures"][-1]["problem"]
    with pytest.raises(AlteredProof):
        signed.sign()


COMMAND = re.compile(r"^(?:starmend|aws s3 sync) .*$", re.MULTILINE)


def test_the_page_s_commands_rotate_the_key_and_move_the_anchors_without_a_gap(
    signed: SignedAccount, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the page's order, each after what it says happens before it: nothing is taken from what was proven."""
    monkeypatch.delenv("STARMEND_DEPLOYMENT")
    page = (REPOSITORY / "docs/proof.md").read_text()
    lines = page.replace("prod", "dev").replace("111122223333", "123456789012")
    commands = [shlex.split(line) for line in COMMAND.findall(lines)]
    keep, prove, listed, sync, of_old = [
        words[1:] for words in commands if words[-1] not in ("anchors", "certificates")
    ]
    assert starmend(*keep).code == 0
    assert starmend(*prove, "--dataset", "quotes").code == 0
    signed.deploy(keys=2)
    introduction = signed.sign()
    assert introduction is not None
    assert introduction.introduced_key == signed.signers[1].public_key()
    signed.issue(17)
    signed.sign()
    assert starmend("proof", "key", "--env", "dev", "--output", "new.pem").code == 0
    proven = [starmend(*prove[:-1], key, "--dataset", "quotes", "--json").data["proven"] for key in (KEY, "new.pem")]
    assert proven[0] == proven[1]
    assert (proven[0][0]["signed_until"], proven[0][0]["failures"]) == (4, 0)

    signed.make_bucket("company-anchors")
    signed.sync(*(word.removeprefix("s3://") for word in sync[2:]))
    signed.deploy(keys=2, anchors="company-anchors")
    signed.issue(18)
    signed.sign()
    told = starmend(*listed, "--dataset", "quotes", "--json").data
    assert ([row["certificate"] for row in told["anchors"]], told["problems"]) == ([3, 3, 4, 5], [])
    for key in (KEY, "new.pem"):
        moved = starmend(*prove[:-1], key, "--dataset", "quotes", "--json")
        assert (moved.code, moved.data["proven"][0]["signed_until"]) == (0, 5)
    old = starmend(*of_old, "--dataset", "quotes", "--json")
    assert (old.code, old.data["proven"][0]["signed_until"]) == (0, 4), "it proves what it holds"


def test_who_asks_for_a_proof_where_nothing_is_signed_is_told_how_to_get_one(
    account: Account, starmend: Command
) -> None:
    for command in (("proof", "key"), ("proof", "sign"), ("proof", "anchors")):
        said = starmend(*command)
        assert said.code == 2
        assert "proof = { enabled = true }" in said.err
    assert starmend("verify", "--anchors", "elsewhere").code == 2
