"""Refusals to lose data: of a plan of prod, and of its destruction while its buckets hold anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.simulated_aws import ClientOf, client_of

from aws.buckets import erase, last_written
from core.errors import Misuse, PipelineBug
from deploy.folders import MODULE
from deploy.plans import HOLDS_DATA
from deploy.refusals import CERTIFICATES_STAY, refuse_to_lose_anchors, refuse_to_lose_data, refuse_while_data_exist
from deploy.target import Target
from deploy.terraform import Change

__all__ = ["client_of"]


def prod(monkeypatch: pytest.MonkeyPatch, more: Sequence[Path] = (), environment: str = "prod") -> Target:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    return Target.of(environment, more)


@pytest.mark.parametrize("role", ["ingest", "warehouse", "results"])
def test_an_old_version_alone_keeps_prod_from_being_destroyed(
    role: str, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = client_of("s3")
    s3.create_bucket(Bucket="held")
    s3.put_bucket_versioning(Bucket="held", VersioningConfiguration={"Status": "Enabled"})
    target = prod(monkeypatch)
    refuse_while_data_exist(target, {role: "held"})
    s3.put_object(Bucket="held", Key="tables/a", Body=b"")
    s3.delete_object(Bucket="held", Key="tables/a")
    with pytest.raises(PipelineBug, match=r"s3://held holds 2 .*Empty each bucket"):
        refuse_while_data_exist(target, {role: "held"})
    erase(s3, "held", "tables/a")
    refuse_while_data_exist(target, {role: "held"})


@pytest.mark.parametrize("kind", sorted(HOLDS_DATA))
@pytest.mark.parametrize("actions", [("delete",), ("delete", "create"), ("create", "delete")])
def test_prod_refuses_a_plan_that_takes_away_what_holds_data_and_dev_does_not(
    kind: str, actions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Change(f'{kind}.this["a"]', actions)
    harmless = (Change("aws_lambda_function.this", actions), Change(f"{kind}.that", ("update",)))
    target = prod(monkeypatch)
    may_lose_data = target.may_lose_data
    refuse_to_lose_data("prod", harmless, may_lose_data=may_lose_data)
    with pytest.raises(Misuse, match=rf"{kind}.this.*--allow-destroy"):
        refuse_to_lose_data("prod", (*harmless, lost), may_lose_data=may_lose_data)
    refuse_to_lose_data("dev", (*harmless, lost), may_lose_data=Target.of("dev").may_lose_data)


def test_a_bucket_that_is_gone_holds_nothing(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_while_data_exist(prod(monkeypatch), {"ingest": "gone", "warehouse": "gone-too"})


def test_what_nobody_can_empty_is_said_to_be_so_with_the_way_to_open_it(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy was to empty the bucket in the console, where S3 answered AccessDenied: certificates stay."""
    assert f'sid       = "{CERTIFICATES_STAY}"' in (MODULE / "storage.tf").read_text(encoding="utf-8")
    s3, resource = client_of("s3"), ["arn:aws:s3:::lake/warehouse/_certificates/*"]
    stay = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": resource}
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="warehouse/a", Body=b"")
    target, opened = prod(monkeypatch), "aws s3api delete-bucket-policy --bucket lake"
    for sid, told in ((CERTIFICATES_STAY, True), ("Other", False)):
        s3.put_bucket_policy(Bucket="lake", Policy=json.dumps({"Statement": [{"Sid": sid, **stay}]}))
        with pytest.raises(PipelineBug) as refusal:
            refuse_while_data_exist(target, {"warehouse": "lake"})
        assert (opened in str(refusal.value)) == told


@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
def test_the_bucket_of_anchors_does_not_go_while_it_holds_any(
    mode: str, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Terraform took policy, lock, functions and keys away, and failed at the bucket then and ever after."""
    account = tmp_path / "account.tfvars"
    account.write_text('account = "123456789012"\n')
    target, addresses = prod(monkeypatch, [account]), ["aws_sqs_queue.this", "aws_s3_bucket.anchors[0]"]
    refuse_to_lose_anchors(target, addresses)
    s3, name = client_of("s3"), "starmend-prod-anchors-123456789012"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": mode, "Days": 400}}
    s3.put_object_lock_configuration(
        Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    refuse_to_lose_anchors(target, addresses)
    s3.put_object(Bucket=name, Key="anchors/quotes/000000000001.json", Body=b"{}")
    refuse_to_lose_anchors(target, ["aws_sqs_queue.this", "aws_s3_bucket_policy.analysts"])
    refuse_to_lose_anchors(prod(monkeypatch, [account], "dev"), addresses)
    with pytest.raises(
        PipelineBug, match=rf"{name}: would be deleted and holds signed anchors.*docs/proof\.md"
    ) as said:
        refuse_to_lose_anchors(target, addresses)
    written = last_written(s3, name)
    assert written is not None
    assert (f"before {written + timedelta(400):%Y-%m-%d}" in str(said.value)) == (mode == "COMPLIANCE")
