"""Whoever has every right of processing, restating and auditing cannot change the past unnoticed.

His rights are those of every role of the plan but the notary's, more than processing, restating and auditing have: so a
new grant and a new function are new rights of his. Each way is tried, then the notary runs as it does every hour, and
then whoever has the public key and may read looks: the way fails the proof, or is told
as a window that was certified otherwise before or as rows that no certificate speaks of, or it was refused to him.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.anchors import MemoryAnchors, MemorySigner
from tests.fakes.objects import MemoryObjects
from tests.support.attacks import Attacker, NoRightError, Rights, SignedLake
from tests.support.feed_simulation import feed_simulation, with_entities
from tests.support.feeds import contracts_in
from tests.support.planning import ACCOUNT, Change, managed
from tests.terraform.conftest import ENVIRONMENT, PROJECT, REGION, SUFFIX
from tests.terraform.planned import replaced

from core.audit.certificate import certificate_key, head_key, window_digest
from core.evolution.deployments import ContractForm, Deployment, deployment_key, form_key
from core.json import canonical_json

NOTARY_ROLE = "notary"
OPENED = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
ANCHORS = f"arn:aws:s3:::starmend-test-anchors-{ACCOUNT}"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/any"
Attack = Callable[[SignedLake, Attacker], None]
WAYS: list[tuple[str, str, Attack]] = []  # its name, how it shows, and what he does


def way(name: str, *, shows: str) -> Callable[[Attack], Attack]:
    def listed(attack: Attack) -> Attack:
        WAYS.append((name, shows, attack))
        return attack

    return listed


def refused(name: str, action: str, resource: str, **context: str) -> None:
    """A way that is one request."""
    WAYS.append((name, "refused", lambda _lake, attacker: attacker.wants(action, resource, **context)))


def planned(changes: list[Change]) -> list[Change]:
    return [{"type": each["type"], "values": each["change"]["after"]} for each in changes if each["change"]["after"]]


def roles_in(resources: list[Change], prefix: str = "starmend-test") -> set[str]:
    """Every role of a plan that is granted anything, by what follows the prefix in its name."""
    policies = [each["values"]["role"] for each in resources if each["type"] == "aws_iam_role_policy"]
    return {role.removeprefix(f"{prefix}-") for role in policies}


@pytest.fixture(scope="module")
def resources(longest: dict[str, Any]) -> list[Change]:
    """All that stands after a plan of which every grant can be read, under the names that the attacks have."""
    environment = f"{ENVIRONMENT}-{SUFFIX}"
    prefix = f"{PROJECT}-{environment}"
    names = {
        prefix: "starmend-test",
        prefix.replace("-", "_"): "starmend_test",
        f"{PROJECT}/{environment}": "starmend/test",
        REGION: "us-east-1",
    }
    return planned([replaced(change, names) for change in managed(longest)])


@pytest.fixture(scope="module")
def rights(resources: list[Change]) -> Rights:
    return Rights.of(resources, roles_in(resources) - {NOTARY_ROLE})


@pytest.fixture(scope="module")
def signed() -> Iterator[SignedLake]:
    """Two hours that are certified and signed, and a third that is certified and not signed yet."""
    contracts = with_entities(contracts_in(), "quotes", "AMD", "ZM")
    with feed_simulation(OPENED, contracts=contracts) as feed:
        feed.deployed()
        records, partitions = feed.lake.records, feed.lake.partitions
        lake = SignedLake(contracts, records, MemoryAnchors(), MemorySigner(), OPENED)
        feed.trade(OPENED, 90, slots_an_object=15)
        feed.pass_time(minutes=10)
        feed.heal()
        assert lake.sign() == ""
        feed.trade(feed.now, 50, slots_an_object=25)
        feed.pass_time(minutes=10)
        feed.heal(run="second")
        lake.objects = MemoryObjects()
        for info in records.list(""):
            stored = records.read(info.key)
            assert stored is not None
            lake.objects.write(info.key, stored.body)
        for key, body in partitions.objects.items():
            lake.objects.write(key, body)
        yield lake


# ---------------------------------------------------------------- rows


@way("commit other rows", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.change_rows(attacker)


@way("take rows away", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.change_rows(attacker, change=lambda rows: rows.pop(0))


@way("write over the object behind a pointer", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    target = target_of(lake)
    lake.change_rows(attacker)
    other = lake.objects.read(target_of(lake))
    assert other is not None
    attacker.write(target, other.body)
    point_to(lake, attacker, f"s3://warehouse-bucket/{target}\n".encode())


@way("remove the object behind a pointer", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.delete([target_of(lake)])


@way("remove a pointer", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.delete([pointer_of(lake)])


@way("point back to an earlier version", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    first = min(info.key for info in lake.objects.list(f"warehouse/_data/{min(lake.certificate(1).partitions)}/"))
    point_to(lake, attacker, f"s3://warehouse-bucket/{first}\n".encode())


@way("point to a bucket of one's own", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    point_to(lake, attacker, f"s3://elsewhere/{target_of(lake)}\n".encode())


@way("point to two objects at once", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    target = target_of(lake)
    point_to(lake, attacker, f"s3://warehouse-bucket/{target}\ns3://warehouse-bucket/{target}\n".encode())


@way("lay a second pointer beside a pointer", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.write(f"{pointer_of(lake)}.more", b"s3://elsewhere/rows.parquet\n")


@way("lay a pointer into a folder of a partition", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.write(pointer_of(lake).replace("symlink.txt", "more/symlink.txt"), b"s3://elsewhere/rows.parquet\n")


@way("make up a month that nobody certified", shows="uncertified")
def _(lake: SignedLake, attacker: Attacker) -> None:
    def earlier(rows: list[dict[str, object]]) -> None:
        for row in rows:
            row["minute"] = row["minute"] - dt.timedelta(days=365)  # type: ignore[operator]

    lake.change_rows(attacker, lake.path().replace("2026-11", "2025-11"), change=earlier)


@way("make up rows of a night in a month that is certified", shows="uncertified")
def _(lake: SignedLake, attacker: Attacker) -> None:
    def at_night(rows: list[dict[str, object]]) -> None:
        rows.insert(0, {**rows[0], "minute": rows[0]["minute"] - dt.timedelta(hours=12)})  # type: ignore[operator]

    lake.change_rows(attacker, change=at_night)


@way("make up a rollup", shows="uncertified")
def _(lake: SignedLake, attacker: Attacker) -> None:
    rollup = next(info.key for info in lake.objects.list("warehouse/fact_quote_") if info.key.endswith("symlink.txt"))
    stored = lake.objects.read(rollup)
    assert stored is not None
    attacker.write(rollup.replace("2026-11", "2025-11"), stored.body)


# ---------------------------------------------------------------- certificates that are there


@way("write over a signed certificate", shows="refused")
def _(lake: SignedLake, attacker: Attacker) -> None:
    forged = replace(lake.certificate(1), present=1)
    attacker.write(certificate_key("quotes", 1), forged.to_json())


@way("write over a signed certificate on condition that it is the one he knows", shows="refused")
def _(lake: SignedLake, attacker: Attacker) -> None:
    stored = lake.objects.read(certificate_key("quotes", 1))
    assert stored is not None
    attacker.write(certificate_key("quotes", 1), b"{}", if_match=stored.stat.etag)


@way("race the notary: write over what it has not signed yet", shows="refused")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.change_rows(attacker)
    last = lake.certificates()[-1]
    forged = replace(last, **lake.claims_of_now(last.number))
    attacker.write(certificate_key("quotes", last.number), forged.to_json())


@way("before the notary's first anchor", shows="refused")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.anchors.bodies.clear()
    attacker.write(certificate_key("quotes", 1), replace(lake.certificate(1), present=1).to_json())


@way("remove the newest certificates", shows="refused")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.delete([certificate_key("quotes", lake.certificates()[-1].number)])


@way("remove the head", shows="refused")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.delete([head_key("quotes")])


@way("forge the head", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    head = {"number": len(lake.certificates()), "hash": "0" * 64}
    attacker.write(head_key("quotes"), canonical_json(head))


@way("put an old head back", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.write(head_key("quotes"), canonical_json({"number": 1, "hash": lake.certificate(1).hash}))


@way("put a head of a far number", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.write(head_key("quotes"), canonical_json({"number": 10**12 - 1, "hash": ""}))


# ---------------------------------------------------------------- certificates that are added


@way("certify changed rows as the auditor would", shows="restated")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.change_rows(attacker)
    lake.certify(attacker, lake.certificate(1), **lake.claims_of_now(1))


@way("certify changed rows as if for the first time", shows="restated")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.change_rows(attacker)
    lake.append(attacker, lake.certificate(1), replaces=0, changed={}, **lake.claims_of_now(1))


@way("certify changed rows as if long ago", shows="restated")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.change_rows(attacker)
    lake.append(attacker, lake.certificate(1), verified_at="2026-11-20T15:00:00Z", **lake.claims_of_now(1))


@way("certify changed rows as the successor of another certificate", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.change_rows(attacker)
    lake.append(attacker, lake.certificate(1), replaces=2, **lake.claims_of_now(1))


@way("certify changed rows under another name of the window", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.change_rows(attacker)
    start = lake.certificate(1).start.replace("Z", "+00:00")
    lake.append(attacker, lake.certificate(1), start=start, replaces=0, **lake.claims_of_now(1))


@way("certify less columns, and change the others then", shows="restated")
def _(lake: SignedLake, attacker: Attacker) -> None:
    certificate = lake.certificate(1)
    columns = {name: [each for each in kept if each[0] != "price"] for name, kept in certificate.columns.items()}
    lake.append(attacker, certificate, columns=columns, **lake.claims_of_now(1, without=["price"]))
    lake.change_rows(attacker)


@way("certify by a contract that nobody knows, so that nothing is counted", shows="restated")
def _(lake: SignedLake, attacker: Attacker) -> None:
    claims = {"contract": "unknown", "expected": 1, "present": 1, "observed": 1, "absent": 0}
    lake.append(attacker, lake.certificate(1), **claims)


@way("silence certificates by those of a table that there never was", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    silence(lake, attacker, "ghost")


@way("silence certificates by those of another table that readers see", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    silence(lake, attacker, "fact_quote_hourly")


@way("add a certificate that does not follow", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    lake.append(attacker, lake.certificate(1), previous=lake.certificate(1).hash)


@way("give the notary a fork: two certificates of one number", shows="refused")
def _(lake: SignedLake, attacker: Attacker) -> None:
    forged = lake.append(attacker, lake.certificate(1), **lake.claims_of_now(1), run="one")
    lake.sign()
    attacker.write(certificate_key("quotes", forged.number), replace(forged, run="another").to_json())


@way("add a certificate that makes a claim twice", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    last = lake.certificates()[-1]
    body = replace(last, number=last.number + 1, previous=last.hash).to_json()
    attacker.write(certificate_key("quotes", last.number + 1), body.replace(b"{", b'{"present":0,', 1), if_absent=True)


@way("add a certificate of a far number", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.write(certificate_key("quotes", 10**12 - 1), lake.certificate(1).to_json(), if_absent=True)


@way("add a window of eight thousand years, so that the proof never ends", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    times = {"start": "1970-01-01T00:00:00Z", "end": "9999-12-31T00:00:00Z"}
    lake.append(attacker, lake.certificate(1), **times)
    lake.change_rows(attacker)


# ---------------------------------------------------------------- what certificates are compared by


@way("write over the contract that was promised by", shows="refused")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.write(deployment_key("quotes", 1), b"{}")


@way("add a contract of the same name without a source, so that nothing is compared", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    contract = lake.contracts.dataset("quotes")
    form = ContractForm(replace(contract, source=None))
    attacker.write(form_key("quotes", form.hash), form.to_json(), if_absent=True)
    forged = Deployment("quotes", 2, int(OPENED.timestamp()), contract.hash, form.hash)
    attacker.write(deployment_key("quotes", 2), forged.to_json(), if_absent=True)
    lake.change_rows(attacker)


@way("add a contract that is none, so that the proof ends", shows="fails")
def _(lake: SignedLake, attacker: Attacker) -> None:
    attacker.write(deployment_key("quotes", 2), b"{}", if_absent=True)
    lake.change_rows(attacker)


# ---------------------------------------------------------------- all that lies outside of the warehouse

WAREHOUSE, CODE = (f"arn:aws:s3:::starmend-test-{name}-{ACCOUNT}" for name in ("warehouse", "code"))
FIRST_ANCHOR = f"{ANCHORS}/anchors/quotes/000000000001.json"
NOTARY, PLACE = "starmend-test-notary", f"us-east-1:{ACCOUNT}"
refused("sign", "kms:Sign", KEY, **{"kms:ResourceAliases": "alias/starmend-test-proof-1"})
refused("give the keys' name to a key of one's own", "kms:UpdateAlias", KEY)
refused("have the key deleted", "kms:ScheduleKeyDeletion", KEY)
refused("let oneself sign", "kms:PutKeyPolicy", KEY)
refused("add an anchor", "s3:PutObject", f"{ANCHORS}/anchors/quotes/000000000002.json", **{"s3:if-none-match": "*"})
refused("write a second anchor of a number", "s3:PutObject", FIRST_ANCHOR)
refused("remove an anchor", "s3:DeleteObject", FIRST_ANCHOR)
refused("remove an anchor's version", "s3:DeleteObjectVersion", FIRST_ANCHOR)
refused("shorten the anchors' lock", "s3:PutObjectRetention", FIRST_ANCHOR)
refused("lift the anchors' lock", "s3:PutBucketObjectLockConfiguration", ANCHORS)
refused("lift what the warehouse refuses", "s3:DeleteBucketPolicy", WAREHOUSE)
refused("let certificates expire", "s3:PutLifecycleConfiguration", WAREHOUSE)
refused("name another bucket of anchors", "s3:PutObject", f"{CODE}/deployment.json")
refused("deploy another contract", "s3:PutObject", f"{CODE}/contracts/a.json")
refused("stop the notary", "scheduler:UpdateSchedule", f"arn:aws:scheduler:{PLACE}:schedule/a/notary")
refused("give the notary other code", "lambda:UpdateFunctionCode", f"arn:aws:lambda:{PLACE}:function:{NOTARY}")
refused("act as the notary", "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/{NOTARY}")
refused("take more rights", "iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/starmend-test-process")
refused("rename a table for readers", "glue:UpdateTable", f"arn:aws:glue:{PLACE}:table/starmend_test/fact_quote")


@pytest.mark.parametrize(("shows", "attack"), [each[1:] for each in WAYS], ids=[name for name, _, _ in WAYS])
def test_no_way_to_change_the_past_goes_unnoticed(
    signed: SignedLake, rights: Rights, shows: str, attack: Attack
) -> None:
    lake = signed.copy()
    before = lake.look()
    assert before.problems == ()
    try:
        attack(lake, Attacker(lake.objects, rights))
    except NoRightError:
        assert shows == "refused"
        return
    lake.sign()
    after = lake.look()
    assert (after.since(before), after.problems) == (shows, after.problems)


def test_there_are_more_than_twenty_ways_and_the_attacker_has_rights(rights: Rights, resources: list[Change]) -> None:
    assert len(WAYS) > 20
    assert len({name for name, _, _ in WAYS}) == len(WAYS)
    assert all(rights.roles.values()), "each of the roles has grants"
    functions = {each["values"]["function_name"] for each in resources if each["type"] == "aws_lambda_function"}
    attacking = {name.removeprefix("starmend-test-") for name in functions} - {NOTARY_ROLE}
    assert attacking <= set(rights.roles), "a function that was added is the attacker's too"
    assert {"process", "restate", "audit", "conclude", "page"} <= attacking
    assert rights.allow("s3:PutObject", f"{WAREHOUSE}/warehouse/fact_quote/symbol=A/month=2026-11/symlink.txt")
    once = f"{WAREHOUSE}/warehouse/_certificates/quotes/000000000009.json"
    assert rights.allow("s3:PutObject", once, **{"s3:if-none-match": "*"})


def test_the_notary_alone_signs_and_adds_anchors_and_writes_nothing_else(longest: dict[str, Any]) -> None:
    resources = planned(managed(longest))
    prefix = next(each["values"]["name"] for each in resources if each["type"] == "aws_sns_topic").removesuffix(
        "-alarms"
    )
    notary = Rights.of(resources, [NOTARY_ROLE], prefix)
    anchor, lake = (f"arn:aws:s3:::{prefix}-{name}-{ACCOUNT}" for name in ("anchors", "warehouse"))
    anchor += "/anchors/quotes/000000000001.json"
    key = f"arn:aws:kms:ap-southeast-1:{ACCOUNT}:key/any"
    signing = {"kms:ResourceAliases": f"alias/{prefix}-proof-1"}
    assert notary.allow("kms:Sign", key, **signing)
    assert not notary.allow("kms:Sign", key, **{"kms:ResourceAliases": f"alias/{prefix}-alarms"})
    assert not notary.allow("kms:Sign", key)
    assert notary.allow("s3:PutObject", anchor)
    assert notary.allow("s3:ListBucket", lake), "asked without a prefix, S3 tells it that a certificate is missing"
    assert not notary.allow("s3:ListBucket", lake, **{"s3:prefix": ""})
    assert notary.allow("s3:GetObject", f"{lake}/warehouse/_certificates/quotes/000000000001.json")
    head = "warehouse/_certificates/quotes/head.json"
    for name in (head, "warehouse/fact_quote/symlink.txt", "audit/a", "receipts/a"):
        for action in ("s3:PutObject", "s3:DeleteObject"):
            assert not notary.allow(action, f"{lake}/{name}", **{"s3:if-none-match": "*"})
        assert notary.allow("s3:GetObject", f"{lake}/{name}") == (name == head)
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"):
        assert not notary.allow(action, anchor)
    others = Rights.of(resources, roles_in(resources, prefix) - {NOTARY_ROLE}, prefix)
    assert len(others.roles) > 15
    assert not others.allow("kms:Sign", key, **signing)
    assert not others.allow("s3:PutObject", anchor, **{"s3:if-none-match": "*"})


# ---------------------------------------------------------------- tools


def pointer_of(lake: SignedLake) -> str:
    return f"warehouse/{min(lake.certificate(1).partitions)}/symlink.txt"


def target_of(lake: SignedLake) -> str:
    stored = lake.objects.read(pointer_of(lake))
    assert stored is not None
    return stored.body.decode().strip().removeprefix("s3://warehouse-bucket/")


def point_to(lake: SignedLake, attacker: Attacker, body: bytes) -> None:
    attacker.write(pointer_of(lake), body)


def silence(lake: SignedLake, attacker: Attacker, folder: str) -> None:
    """Certificates of a folder in the place of a fact's, of all the time that its own are of."""
    lake.change_rows(attacker)
    first, second = lake.certificates()[0], lake.certificates()[-1]
    partitions = {f"{folder}/symbol=AMD/month=2026-11": [1, "0" * 64]}
    claims = {"partitions": partitions, "digest": window_digest(partitions), "replaces": 0, "changed": {}}
    start = first.start.replace("Z", "+00:00")
    lake.append(attacker, first, start=start, end=second.end, columns={}, **claims)
