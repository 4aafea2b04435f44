from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InvalidData
from deploy.folders import MODULE
from deploy.variable_files import plain_settings

HCL = """
# a comment = "no setting"
project     = "starmend" # why
region = "eu-west-1"
schedules_enabled = false
force_destroy     = true
log_retention_days = 14
layer_zips = null
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
        "layer_zips": None,
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


def test_the_environments_name_only_variables_that_there_are() -> None:
    declared = (MODULE / "variables.tf").read_text()
    for file in (MODULE / "environments").glob("*.tfvars"):
        for name in plain_settings([file]):
            assert f'variable "{name}"' in declared
