from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.simulated_aws import ClientOf, client_of

from aws.account import Account
from aws.deployment import DESCRIPTION, code_bucket
from core.errors import Misuse
from deploy import target as targets
from deploy.layers.wheels import LAMBDA
from deploy.target import Target

__all__ = ["client_of"]


def written(tmp_path: Path, name: str, text: str) -> Path:
    file = tmp_path / name
    file.write_text(text)
    return file


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_every_environment_says_what_the_command_needs(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outside_aws(monkeypatch)
    target = Target.of(environment)
    assert (target.project, target.region) == ("starmend", "eu-west-1")
    assert target.aws_environment == {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert target.state_key == f"{environment}/terraform.tfstate"
    assert target.settings["schedules_enabled"] is False, "off until the secrets are filled"
    assert target.platform == LAMBDA


def outside_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")  # so that what is set is taken back
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def test_only_an_environment_that_says_so_may_lose_data_and_prod_never(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outside_aws(monkeypatch)
    forced = written(tmp_path, "forced.tfvars", "force_destroy = true")
    kept = written(tmp_path, "kept.tfvars", "force_destroy = false")
    assert Target.of("dev").may_lose_data
    assert not Target.of("dev", [kept]).may_lose_data
    assert not Target.of("prod").may_lose_data
    assert not Target.of("prod", [forced]).may_lose_data


def test_a_second_region_has_a_file_of_its_own_and_the_guards_of_its_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outside_aws(monkeypatch)
    monkeypatch.setattr("deploy.target.environments_folder", lambda: tmp_path)
    stated = 'project = "starmend"\nenvironment = "prod"\nregion = "us-east-2"\nforce_destroy = true\n'
    written(tmp_path, "prod-us2.tfvars", stated + 'name_suffix = "us2"\n')
    target = Target.of("prod-us2")
    assert (target.environment, target.state_key) == ("prod-us2", "prod-us2/terraform.tfstate")
    assert not target.may_lose_data
    written(tmp_path, "prod-us3.tfvars", stated)
    with pytest.raises(Misuse, match="is of 'prod'"):
        Target.of("prod-us3")


def test_a_target_that_contradicts_itself_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outside_aws(monkeypatch)
    with pytest.raises(Misuse, match="Use one of: dev, prod"):
        Target.of("staging")
    other = written(tmp_path, "other.tfvars", 'environment = "prod"')
    with pytest.raises(Misuse, match="as --env says"):
        Target.of("dev", [other])
    nowhere = written(tmp_path, "nowhere.tfvars", 'region = ""')
    with pytest.raises(Misuse, match="does not say region"):
        Target.of("dev", [nowhere])


def test_what_is_meant_for_an_emulator_never_goes_to_aws_nor_the_other_way_round(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outside_aws(monkeypatch)
    emulated = written(tmp_path, "emulated.tfvars", 'emulator_endpoint = "http://127.0.0.1:4566"')
    with pytest.raises(Misuse, match="Set both alike"):
        Target.of("dev", [emulated])
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert Target.of("dev", [emulated]).emulator == "http://127.0.0.1:4566"
    with pytest.raises(Misuse, match="Set both alike"):
        Target.of("dev")


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("", "no account of 12 digits is named; these credentials are of 111122223333"),
        ("account = 111122223333", "no account of 12 digits is named"),  # a number: it would lose leading zeros
        ('account = "444455556666"', "meant for account 444455556666, these credentials are of 111122223333"),
    ],
)
def test_credentials_of_another_account_than_the_named_one_are_refused_with_the_remedy(
    setting: str, problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outside_aws(monkeypatch)
    monkeypatch.setattr(targets, "find_account", lambda _: Account("111122223333", "aws"))
    target = Target.of("dev", [written(tmp_path, "account.tfvars", setting)])
    for what_needs_it in ("account", "state_bucket"):
        with pytest.raises(Misuse, match=rf"{problem}.*terraform/environments/dev.tfvars"):
            getattr(target, what_needs_it)


def test_credentials_of_the_named_account_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outside_aws(monkeypatch)
    monkeypatch.setattr(targets, "find_account", lambda _: Account("000011112222", "aws"))
    target = Target.of("dev", [written(tmp_path, "account.tfvars", 'account = "000011112222"')])
    assert target.state_bucket == "starmend-000011112222-eu-west-1-terraform"


OWN = {"project": "starmend", "environment": "prod-us2", "region": "us-east-2"}


@pytest.mark.parametrize(
    ("described", "refused"),
    [
        (None, ""),
        (OWN, ""),
        (OWN | {"project": "starmend-prod", "environment": "us2"}, "project starmend-prod, environment us2"),
        (OWN | {"region": "eu-west-1"}, "region eu-west-1"),
    ],
)
def test_names_that_are_another_deployment_s_are_refused_and_one_s_own_are_not(
    described: dict[str, str] | None, refused: str, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Project, environment and suffix make one text, and other three can make the same; regions share the names too."""
    account = "123456789012"
    bucket = code_bucket("starmend-prod", "us2", account)
    assert bucket == code_bucket("starmend", "prod-us2", account)
    if described is not None:
        client_of("s3").create_bucket(Bucket=bucket)
        client_of("s3").put_object(Bucket=bucket, Key=DESCRIPTION, Body=json.dumps(described).encode())
    outside_aws(monkeypatch)
    monkeypatch.setattr("deploy.target.environments_folder", lambda: tmp_path)
    lines = [f'{name} = "{value}"' for name, value in (OWN | {"environment": "prod", "account": account}).items()]
    written(tmp_path, "prod-us2.tfvars", "\n".join([*lines, 'name_suffix = "us2"']))
    target = Target.of("prod-us2")
    if refused:
        with pytest.raises(Misuse, match=f"another deployment's: {refused}"):
            target.refuse_names_of_another()
    else:
        target.refuse_names_of_another()
