"""What this configuration makes of a deployment that was there before it moved resources into modules.

``state_before_modules.json.gz`` is the state of one, applied to the emulator with the configuration from before: both
kinds of source, canaries, the analysts' role, schedules on. Nothing of it is read again (``-refresh=false``); what a
plan asks nevertheless is answered below.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.terraform.conftest import MODULE

from deploy.terraform import Terraform

BEFORE = Path(__file__).with_name("state_before_modules.json.gz")
ACCOUNT = "000000000000"

# What cannot be made again by applying once more, or is known to others by its name: it stays where it is.
HOLDS_DATA = {
    "aws_athena_workgroup",
    "aws_glue_catalog_database",
    "aws_glue_catalog_table",
    "aws_kinesis_firehose_delivery_stream",
    "aws_kinesis_stream",
    "aws_kms_key",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
    "aws_sns_topic",
    "aws_sqs_queue",
    "aws_ssm_parameter",
}
# Addresses that a later change took away for good, each with its reason.
TAKEN_AWAY: set[str] = set()

Change = dict[str, Any]


IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
    <Arn>arn:aws:iam::{ACCOUNT}:root</Arn><UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account>
    </GetCallerIdentityResult></GetCallerIdentityResponse>"""
STREAMS = {"ShardLimit": 500, "OpenShardCount": 1, "OnDemandStreamCount": 0, "OnDemandStreamCountLimit": 50}
ANSWERS = {
    "GetCallerIdentity": IDENTITY,
    "DescribeLimits": json.dumps(STREAMS),
    "ValidateStateMachineDefinition": json.dumps({"result": "OK", "diagnostics": []}),
}


class Account(BaseHTTPRequestHandler):
    """What a plan asks: whose account it is, how many streams it may have, whether a state machine is well formed."""

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = self.headers.get("X-Amz-Target", form)
        body = next((answer for name, answer in ANSWERS.items() if name in action), "")
        self.send_response(200 if body else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Account) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    return dict(json.loads(gzip.decompress(BEFORE.read_bytes())))


@pytest.fixture(scope="module")
def changes(endpoint: str, state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[Change]:
    """What a plan over that state would do to each resource, in Terraform's own form."""
    folder = tmp_path_factory.mktemp("deployment")
    root = shutil.copytree(MODULE, folder / "terraform")
    (root / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    (root / "terraform.tfstate").write_text(json.dumps(state))
    with zipfile.ZipFile(root / "package.zip", "w") as package:
        package.writestr(zipfile.ZipInfo("handler.py"), "")
    contracts = json.loads((root / "tests/fixtures/contracts.json").read_text())
    for dataset in contracts["datasets"].values():
        dataset["canary"] = True
    (folder / "contracts.json").write_text(json.dumps(contracts))
    variables = {
        "environment": "test",
        "region": "us-east-1",
        "emulator_endpoint": endpoint,
        "managed_layers": False,
        "schedules_enabled": True,
        "contracts_file": str(folder / "contracts.json"),
        "code_zip": "package.zip",
        "layer_zip": "package.zip",
        "admin_emails": ["admin@example.com"],
        "analyst_principals": [f"arn:aws:iam::{ACCOUNT}:role/people"],
    }
    runner = Terraform(root, folder / "work", {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "none"})
    runner.init({})
    runner._run("plan", "-refresh=false", f"-out={folder / 'plan'}", *runner._inputs(variables))
    shown = json.loads(runner._run("show", "-json", str(folder / "plan")))
    return [change for change in shown["resource_changes"] if change["mode"] == "managed"]


def before(change: Change) -> str:
    """Where a resource stood before."""
    return str(change.get("previous_address", change["address"]))


def test_nothing_is_destroyed_or_replaced(changes: list[Change]) -> None:
    destroyed = {before(change) for change in changes if "delete" in change["change"]["actions"]}
    assert destroyed - TAKEN_AWAY == set()


def test_what_holds_data_keeps_its_address_and_its_name(state: dict[str, Any], changes: list[Change]) -> None:
    kept = [change for change in changes if change["type"] in HOLDS_DATA and change["change"]["before"]]
    assert {change["type"] for change in kept} == HOLDS_DATA
    assert len(kept) == sum(
        len(resource["instances"]) for resource in state["resources"] if resource["type"] in HOLDS_DATA
    )
    assert [change["address"] for change in kept if "previous_address" in change] == []
    assert [change["address"] for change in kept if names(change, "before") != names(change, "after")] == []


def names(change: Change, when: str) -> dict[str, Any]:
    return {name: change["change"][when].get(name) for name in ("id", "arn", "name", "bucket")}


def test_every_move_is_one_of_something_that_was_there(changes: list[Change]) -> None:
    moved = {before(change) for change in changes if "previous_address" in change}
    origins = re.findall(r"^  from = (.+)$", (MODULE / "moved.tf").read_text(encoding="utf-8"), re.MULTILINE)
    assert [origin for origin in origins if not any(address.startswith(origin) for address in moved)] == []
    assert len(origins) == len(set(origins)) > 20
