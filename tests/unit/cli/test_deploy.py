"""Deployments as far as they can be shown without Terraform: the account, the state's bucket, packages, drift."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.support.commands import Command, commands
from tests.support.layers import built_layers
from tests.support.simulated_aws import ClientOf

from aws.topic import SnsTopic
from cli.drift import notify_of_drift, tell_of_drift
from core.contract.model import Contracts
from core.errors import NotGranted
from core.evolution.generations import NewGeneration, Transition
from deploy.target import Target
from deploy.terraform import Change, Plan
from deploy.work_lock import alone_in

REPOSITORY = Path(__file__).parents[3]
CONTRACTS = str(REPOSITORY / "contracts")
ACCOUNT = "123456789012"
STATE = f"starmend-{ACCOUNT}-eu-west-1-terraform"


@pytest.fixture
def named(starmend: Command, tmp_path: Path) -> tuple[str, str]:
    """Options that name the simulated account, as an environment's own file does."""
    file = tmp_path / "account.tfvars"
    file.write_text(f'account = "{ACCOUNT}"\n')
    return "--var-file", str(file)


@pytest.mark.parametrize("verb", ["bootstrap", "plan", "apply", "destroy"])
def test_nothing_is_built_or_made_for_an_account_that_is_not_the_named_one(
    verb: str, client_of: ClientOf, starmend: Command, tmp_path: Path
) -> None:
    file = tmp_path / "other.tfvars"
    file.write_text('account = "999999999999"\n')
    more = [] if verb == "bootstrap" else ["--contracts", CONTRACTS]
    more += ["--yes"] if verb == "destroy" else []
    said = starmend("deploy", verb, "--env", "dev", "--var-file", str(file), *more)
    assert said.code == 2
    assert f"meant for account 999999999999, these credentials are of {ACCOUNT}" in said.err.replace("\n", " ")
    assert client_of("s3").list_buckets()["Buckets"] == []
    assert not list(tmp_path.rglob("*.zip"))


def test_the_state_s_bucket_is_versioned_encrypted_private_and_speaks_tls_only(
    client_of: ClientOf, starmend: Command, named: tuple[str, str]
) -> None:
    said = starmend("deploy", "bootstrap", "--env", "dev", *named)
    assert (said.code, f"s3://{STATE}: made" in said.out) == (0, True)
    s3 = client_of("s3")
    assert s3.get_bucket_location(Bucket=STATE)["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_versioning(Bucket=STATE)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=STATE)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert all(s3.get_public_access_block(Bucket=STATE)["PublicAccessBlockConfiguration"].values())
    statement = json.loads(s3.get_bucket_policy(Bucket=STATE)["Policy"])["Statement"][0]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    tags = {one["Key"]: one["Value"] for one in s3.get_bucket_tagging(Bucket=STATE)["TagSet"]}
    assert tags["project"] == "starmend"


def test_making_it_again_mends_its_settings_and_keeps_the_state(
    client_of: ClientOf, starmend: Command, named: tuple[str, str]
) -> None:
    starmend("deploy", "bootstrap", *named)
    s3 = client_of("s3")
    s3.delete_bucket_policy(Bucket=STATE)
    s3.put_object(Bucket=STATE, Key="dev/terraform.tfstate", Body=b"{}")
    s3.put_bucket_versioning(Bucket=STATE, VersioningConfiguration={"Status": "Suspended"})
    said = starmend("deploy", "bootstrap", *named)
    assert (said.code, "was there" in said.out) == (0, True)
    assert s3.get_bucket_versioning(Bucket=STATE)["Status"] == "Enabled"
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=STATE)["Policy"]
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=STATE)["Contents"]] == ["dev/terraform.tfstate"]


def test_dev_and_prod_share_the_bucket_under_keys_of_their_own(
    client_of: ClientOf, starmend: Command, named: tuple[str, str]
) -> None:
    starmend("deploy", "bootstrap", "--env", "dev", *named)
    assert "was there" in starmend("deploy", "bootstrap", "--env", "prod", *named).out
    assert Target.of("dev").state_key != Target.of("prod").state_key


def test_without_a_place_for_the_state_a_plan_says_how_to_make_it(
    client_of: ClientOf, starmend: Command, named: tuple[str, str]
) -> None:
    said = starmend("deploy", "plan", "--contracts", CONTRACTS, *named)
    remedies = [line for line in said.err.splitlines() if "starmend deploy bootstrap --env dev" in line]
    assert (said.code, len(remedies)) == (2, 1)


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_bad_contract_is_refused_before_anything_is_asked_of_aws(
    verb: str, starmend: Command, tmp_path: Path
) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/bad.yaml").write_text("dataset: bad\nwarehouse: {}\nkey: 1\n")
    said = starmend("deploy", verb, "--env", "dev")
    assert said.code == 2
    assert "bad.yaml" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("verb", ["bootstrap", "plan", "apply", "destroy"])
def test_without_credentials_there_is_one_line_that_says_what_to_do(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    nothing = {
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HOME": str(tmp_path),
    }  # fmt: skip
    for name, value in nothing.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    more = [] if verb == "bootstrap" else ["--contracts", CONTRACTS]
    more += ["--yes"] if verb == "destroy" else []
    said = commands(monkeypatch, capsys)("deploy", verb, "--env", "dev", *more)
    lines = [line for line in said.err.splitlines() if "find the account" in line]
    assert said.code == 3, said.err
    assert len(lines) == 1
    assert "aws sts get-caller-identity" in lines[0]
    assert "Traceback" not in said.err


@pytest.mark.parametrize("verb", ["plan", "drift", "apply", "destroy"])
def test_while_a_plan_waits_for_an_answer_no_other_command_of_the_checkout_writes_over_it(
    verb: str, client_of: ClientOf, starmend: Command, named: tuple[str, str], tmp_path: Path
) -> None:
    """A `destroy` that was answered with no left its plan where an `apply` in another terminal carried it out."""
    more = [*named, "--contracts", CONTRACTS, *(["--yes"] if verb == "destroy" else [])]
    with alone_in(tmp_path / "build/dev", "deploy apply"):
        before = sorted(tmp_path.rglob("*"))
        said = starmend("deploy", verb, "--env", "dev", *more)
        assert (said.code, f"process {os.getpid()} (deploy apply) is at work in it" in said.err) == (3, True), said.err
        assert sorted(tmp_path.rglob("*")) == before
        assert "deploy bootstrap" in starmend("deploy", verb, "--env", "prod", *more).err
    assert "deploy bootstrap" in starmend("deploy", verb, "--env", "dev", *more).err


def test_packages_are_built_by_one_command_at_a_time(starmend: Command, tmp_path: Path) -> None:
    with alone_in(tmp_path / "build/packages", "deploy package"):
        said = starmend("deploy", "package", "--contracts", CONTRACTS)
    assert (said.code, "(deploy package) is at work in it" in said.err) == (3, True)


def test_a_deployment_s_package_is_the_same_twice(starmend: Command, tmp_path: Path, monkeypatch) -> None:
    layers = dict(built_layers())
    monkeypatch.setattr("deploy.packaging.build_layer", lambda _, name, *__: layers[name])
    first = starmend("deploy", "package", "--contracts", CONTRACTS, "--json").data
    second = starmend("deploy", "package", "--contracts", CONTRACTS, "--json").data
    assert first == second
    assert first[0]["file"] == "build/packages/code.zip"
    assert first[0]["bytes"] < 9_000_000, "sources and their bytecode, no library"


@pytest.mark.parametrize("who", ["deployer", "operator"])
def test_the_policies_of_who_deploys_and_who_operates_are_printed_for_the_named_account(
    who: str, starmend: Command, named: tuple[str, str]
) -> None:
    printed = starmend("deploy", "policy", who, *named)
    assert printed.code == 0
    documents = printed.data
    assert {document["Version"] for document in documents} == {"2012-10-17"}
    resources = {arn for document in documents for statement in document["Statement"] for arn in statement["Resource"]}
    assert f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:starmend-dev-*" in resources


def test_policies_are_printed_for_no_account_that_nobody_named_and_for_nobody_else(starmend: Command) -> None:
    assert "Give --account" in starmend("deploy", "policy", "operator").err
    assert starmend("deploy", "policy", "operator", "--account", ACCOUNT).code == 0
    assert "Use one of: deployer, operator" in starmend("deploy", "policy", "admin").err


def test_drift_is_mailed_the_gravest_first_and_never_endless() -> None:
    messages: list[dict[str, str]] = []

    class Topic:
        def publish(self, **message: str) -> None:
            messages.append(message)

    changes = [Change(f"aws_sqs_queue.q{number:03}", ("update",)) for number in range(60)]
    tell_of_drift(SnsTopic(Topic(), "arn"), "prod", [*changes, Change("aws_s3_bucket.gone", ("delete",))])
    [message] = messages
    assert message["Subject"] == "[prod] the deployment differs from its code (delete 1, update 60)"
    assert message["Message"].splitlines()[2] == "delete  aws_s3_bucket.gone"
    assert "... and 11 more" in message["Message"]


@pytest.mark.parametrize("refused", [{"mail"}, {"count"}, {"mail", "count"}, set()])
def test_drift_is_mailed_where_it_may_not_be_counted_and_counted_where_it_may_not_be_mailed(
    refused: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the printed policy the metric was refused, the command ended, and the mail was never tried."""
    done = []

    def effect(name: str) -> None:
        if name in refused:
            raise NotGranted(name, "prod", "AccessDenied")
        done.append(name)

    monkeypatch.setattr("cli.drift.tell_of_drift", lambda *_: effect("mail"))
    monkeypatch.setattr("cli.drift.count_drift", lambda *_: effect("count"))
    topic, changes = SnsTopic(None, "arn"), (Change("aws_sqs_queue.q", ("update",)),)
    with pytest.raises(NotGranted) if refused else nullcontext():
        notify_of_drift(Target("prod", (), {}), topic, changes)
    assert set(done) == {"mail", "count"} - refused
    assert ("error: mail" in capsys.readouterr().err) == (len(refused) == 2)


def test_generations_that_are_not_switched_are_drift_though_terraform_finds_none(
    starmend: Command, named: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing = Contracts(())
    building = [NewGeneration("quotes", "fact_quote", "fact_quote.5c1d09e2", "fact_quote")]
    monkeypatch.setattr("cli.deploy.make_plan", lambda *_: (Plan(tmp_path, ()), tmp_path / "plan.txt"))
    for generations, code in ((building, 1), ([], 0)):
        transition = Transition(nothing, nothing, tuple(generations))
        monkeypatch.setattr("cli.deploy._prepared", lambda *_, steps=transition: (None, None, steps))
        said = starmend("deploy", "drift", *named, "--contracts", CONTRACTS, "--json")
        assert said.code == code, said.err
        addresses = [change["address"] for change in said.data["changes"]]
        assert addresses == ["fact_quote -> fact_quote.5c1d09e2"] * len(generations)
