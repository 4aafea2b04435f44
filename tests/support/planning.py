"""Plans of the root module for an account that exists only as far as a plan asks."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from deploy.folders import MODULE
from deploy.terraform import Terraform

ACCOUNT = "000000000000"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"

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


ZONES = 3


def zone_of(subnet: str) -> str:
    """The zone that the account says a subnet lies in."""
    return f"use1-az{int(subnet[-1], 16) % ZONES + 1}"


def _subnet(form: str) -> str:
    [subnet] = re.findall(r"SubnetId\.1=([\w-]+)", form)
    return f"""<DescribeSubnetsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><subnetSet><item>
    <subnetId>{subnet}</subnetId><availabilityZoneId>{zone_of(subnet)}</availabilityZoneId><state>available</state>
    </item></subnetSet></DescribeSubnetsResponse>"""


class Account(BaseHTTPRequestHandler):
    """What a plan asks: whose account it is, how many streams it may have, whether a state machine is well formed, and
    in which zone a subnet lies."""

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = self.headers.get("X-Amz-Target", form)
        body = next((answer for name, answer in ANSWERS.items() if name in action), "")
        if "Action=DescribeSubnets" in form:
            body = _subnet(form)
        self.send_response(200 if body else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def answering() -> Iterator[str]:
    """The account's endpoint."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Account) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@dataclass(frozen=True)
class Planner:
    """A copy of the root module, with its state beside it: all kinds of source, the analysts' role, schedules on."""

    runner: Terraform
    variables: Mapping[str, Any]

    @classmethod
    def below(cls, folder: Path, account: Mapping[str, str]) -> Planner:
        """One in an empty folder; ``account`` is Terraform's environment, whose endpoint answers."""
        root = shutil.copytree(MODULE, folder / "terraform")
        (root / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        code = root / "package.zip"
        with zipfile.ZipFile(code, "w") as package:
            package.writestr(zipfile.ZipInfo("handler.py"), "")
        contracts = json.loads((root / "tests/fixtures/contracts.json").read_text())
        for dataset in contracts["datasets"].values():
            dataset["canary"] = True
        (folder / "contracts.json").write_text(json.dumps(contracts))
        variables = {
            "environment": "test",
            "account": ACCOUNT,
            "permissions_boundary": BOUNDARY,
            "region": "us-east-1",
            "emulator_endpoint": account["AWS_ENDPOINT_URL"],
            "schedules_enabled": True,
            "contracts_file": str(folder / "contracts.json"),
            "code_zip": {"hash": hashlib.sha256(code.read_bytes()).hexdigest(), "file": "package.zip"},
            "layer_zips": {
                name: {"hash": digit * 64, "file": "not built"}
                for name, digit in (("base", "a"), ("athena", "b"), ("iceberg", "c"))
            },
            "admin_emails": ["admin@example.com"],
            "proof": {"enabled": True, "keys": 2},
            "mirror": {"enabled": True},
            "analyst_principals": [f"arn:aws:iam::{ACCOUNT}:role/people"],
        }
        runner = Terraform(root, folder / "work", account)
        runner.init({})
        return cls(runner, variables)

    def changes(self, state: Mapping[str, Any] | None = None, **variables: Any) -> list[Change]:
        """What a plan over a state (none: an empty account) would do to each resource, in Terraform's own form."""
        return managed(self.shown(state, **variables))

    def shown(self, state: Mapping[str, Any] | None = None, **variables: Any) -> dict[str, Any]:
        """The whole plan over a state; with ``emulator_endpoint=None`` it is one for AWS."""
        file = self.runner.root / "terraform.tfstate"
        file.unlink(missing_ok=True)
        if state is not None:
            file.write_text(json.dumps(state))
        plan = self.runner.work_dir / "plan"
        inputs = self.runner._inputs({**self.variables, **variables})
        self.runner._run("plan", "-refresh=false", f"-out={plan}", *inputs)
        return dict(json.loads(self.runner._run("show", "-json", str(plan))))


def managed(shown: Mapping[str, Any]) -> list[Change]:
    """What a plan would do to each resource; what it only reads is left out."""
    return [change for change in shown["resource_changes"] if change["mode"] == "managed"]
