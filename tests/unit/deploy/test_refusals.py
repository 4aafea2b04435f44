"""Refusals to lose data: of a plan of prod, and of its destruction while its buckets hold anything."""

from __future__ import annotations

import pytest
from tests.support.simulated_aws import ClientOf, client_of

from aws.buckets import erase
from core.errors import Misuse, PipelineBug
from deploy.plans import HOLDS_DATA
from deploy.refusals import refuse_to_lose_data, refuse_while_data_exist
from deploy.target import Target
from deploy.terraform import Change

__all__ = ["client_of"]


def prod(monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    return Target.of("prod")


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
