from __future__ import annotations

import functools
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.commands import Command, commands
from tests.support.lake import shipped_contracts
from tests.support.packages import compile_once
from tests.support.simulated_aws import REGION, ClientOf, client_of, make_parameters

from aws.deployment import DESCRIPTION, Deployment
from core.rendering.render import render

__all__ = ["client_of"]
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def starmend(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """The command, in an empty folder; what it sets in the environment is taken back."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, REGION)
    for name in ("STARMEND_DEPLOYMENT", "AWS_ENDPOINT_URL"):  # an emulator's, that another file's fixture keeps
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "command")
    monkeypatch.chdir(tmp_path)
    compile_once(monkeypatch)
    return commands(monkeypatch, capsys)


@pytest.fixture
def dev(starmend: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands speak to the deployment ``dev`` without being asked to."""
    monkeypatch.setenv("STARMEND_DEPLOYMENT", "dev")


@dataclass(frozen=True)
class Account:
    """A simulated account with a deployment ``dev``, as far as the warehouse's commands need one."""

    deployment: Deployment
    client_of: ClientOf

    def put(self, key: str, lines: Iterable[Mapping[str, Any] | bytes]) -> str:
        texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        body = gzip.compress(b"".join(text + b"\n" for text in texts))
        self.client_of("s3").put_object(Bucket=self.deployment.ingest_bucket, Key=key, Body=body)
        return key

    def warehouse_keys(self, prefix: str) -> list[str]:
        found = self.client_of("s3").list_objects_v2(Bucket=self.deployment.warehouse_bucket, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", [])]

    def pointer(self, partition: str) -> str:
        key = f"warehouse/{partition}/symlink.txt"
        found = self.client_of("s3").get_object(Bucket=self.deployment.warehouse_bucket, Key=key)
        return found["Body"].read().decode().strip()


@functools.cache
def rendered() -> str:
    """The contracts that the project ships with."""
    return render(shipped_contracts())


@pytest.fixture
def account(client_of: ClientOf, starmend: Command) -> Account:
    buckets = {role: f"starmend-dev-{role}-123456789012" for role in ("ingest", "warehouse", "results", "code")}
    for name in buckets.values():
        client_of("s3").create_bucket(Bucket=name)
    make_parameters({f"/starmend/dev/{name}": value for name, value in json.loads(rendered())["parameters"].items()})
    arrivals = client_of("sqs").create_queue(QueueName="starmend-dev-arrivals")["QueueUrl"]
    sha256 = hashlib.sha256(rendered().encode()).hexdigest()
    description = {
        "project": "starmend",
        "environment": "dev",
        "region": REGION,
        "buckets": buckets,
        "database": "starmend_dev",
        "workgroup": "starmend-dev",
        "functions": {"process": "starmend-dev-process"},
        "queues": {"arrivals": arrivals},
        "dead_letter_queues": {},
        "streams": {},
        "state_machines": {},
        "secrets": {},
        "alarms": {},
        "alarm_topic": "",
        "contracts_key": f"contracts/{sha256}.json",
        "contracts_sha256": sha256,
        "code_version": "0123456789ab",
    }
    objects = {description["contracts_key"]: rendered(), DESCRIPTION: json.dumps(description)}
    for key, text in objects.items():
        client_of("s3").put_object(Bucket=buckets["code"], Key=key, Body=text.encode())
    return Account(Deployment.find(buckets["code"], "dev", {}), client_of)
