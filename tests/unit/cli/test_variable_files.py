from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InvalidData, Misuse
from deploy.folders import ENVIRONMENTS
from deploy.target import Target
from deploy.variable_files import plain_settings

HCL = """
# a comment = "no setting"
project     = "starmend" # why
region = "eu-west-1"
schedules_enabled = false
force_destroy     = true
log_retention_days = 14
layer_zip = null
quoted = "a \\"quoted\\" # word"
admin_emails = [
  "a@example.com", # } ]
]
alarm_thresholds = {
  region = "not a setting of the file"
}
after = "the map"
"""


def written(tmp_path: Path, name: str, text: str) -> Path:
    file = tmp_path / name
    file.write_text(text)
    return file


def test_plain_settings_are_read_and_lists_and_maps_passed_over(tmp_path: Path) -> None:
    assert plain_settings([written(tmp_path, "dev.tfvars", HCL)]) == {
        "project": "starmend",
        "region": "eu-west-1",
        "schedules_enabled": False,
        "force_destroy": True,
        "log_retention_days": 14,
        "layer_zip": None,
        "quoted": 'a "quoted" # word',
        "after": "the map",
    }


def test_a_later_file_wins_and_json_is_read_too(tmp_path: Path) -> None:
    first = written(tmp_path, "dev.tfvars", HCL)
    second = written(tmp_path, "more.tfvars.json", json.dumps({"region": "us-east-1", "admin_emails": []}))
    assert plain_settings([first, second])["region"] == "us-east-1"


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for file in (tmp_path / "none.tfvars", written(tmp_path, "bad.json", "{")):
        with pytest.raises(InvalidData, match="read variables"):
            plain_settings([file])


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_every_environment_says_what_the_command_needs(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outside_aws(monkeypatch)
    target = Target.of(environment)
    assert (target.project, target.region) == ("starmend", "eu-west-1")
    assert target.aws_environment == {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert target.state_key == f"{environment}/terraform.tfstate"
    assert target.settings["schedules_enabled"] is False, "off until the secrets are filled"
    assert target.managed_layers


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


def test_the_environments_name_only_variables_that_there_are() -> None:
    declared = (ENVIRONMENTS.parent / "variables.tf").read_text()
    for file in ENVIRONMENTS.glob("*.tfvars"):
        for name in plain_settings([file]):
            assert f'variable "{name}"' in declared
