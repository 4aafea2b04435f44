"""The root module, initialised once without state, and plans that all checks share: nothing here speaks to AWS.

``deployed`` is planned over a deployment that was there before, ``longest`` with the longest names that variables and
contracts admit.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.longest_names import write_contracts
from tests.support.planning import ACCOUNT, Change, Planner, answering, managed
from tests.support.provider import standing_provider
from tests.terraform.planned import PROVIDER, standing

from core.authoring.load import load
from core.rendering.render import render
from deploy.terraform import Terraform

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "terraform"
BEFORE = Path(__file__).with_name("state_before_modules.json.gz")


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Terraform's environment: an account, and the provider that all commands share."""
    with answering() as endpoint:
        variables = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "none", "AWS_ENDPOINT_URL": endpoint}
        with standing_provider(tmp_path_factory.mktemp("provider"), variables) as provider:
            yield variables | provider


@pytest.fixture(scope="session")
def terraform(account: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    runner = Terraform(MODULE, tmp_path_factory.mktemp("terraform"), account)
    runner.init()
    return runner


@pytest.fixture(scope="session")
def planner(account: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Planner:
    return Planner.below(tmp_path_factory.mktemp("deployment"), account)


@pytest.fixture(scope="session")
def state() -> dict[str, Any]:
    before = dict(json.loads(gzip.decompress(BEFORE.read_bytes())))
    return before | {"resources": [*before["resources"], *mirror_queues()]}


def mirror_queues() -> Iterator[dict[str, Any]]:
    """The mirror's queues, which came later: stood they not, the plan would not know what takes from them."""
    for resource, name in (("this", "starmend-test-mirror.fifo"), ("dead", "starmend-test-mirror-dead.fifo")):
        url = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{name}"
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        attributes = {"name": name, "fifo_queue": True, "arn": arn, "id": url, "url": url, "region": "us-east-1"}
        yield {
            "module": "module.mirror[0].module.queue",
            "mode": "managed",
            "type": "aws_sqs_queue",
            "name": resource,
            "provider": PROVIDER,
            "instances": [{"schema_version": 0, "attributes": attributes}],
        }


@pytest.fixture(scope="session")
def deployed(planner: Planner, state: dict[str, Any]) -> dict[str, Any]:
    """The whole plan over that state: the deployment ``starmend-test`` as it will be."""
    return planner.shown(state)


@pytest.fixture(scope="session")
def changes(deployed: dict[str, Any]) -> list[Change]:
    """What that plan would do to each resource."""
    return managed(deployed)


DATABASES, FEEDS = 3, 3  # with such names more than the rule of one composite alarm can hold
PROJECT, ENVIRONMENT, SUFFIX, REGION = "project-of-20-letter", "env10lette", "suf8ixxx", "ap-southeast-1"
# The usual names lead to the endpoints, so that the plan knows the functions' variables.
PRIVATE_NETWORK = {
    "vpc_subnet_ids": [f"subnet-{number:017x}" for number in range(4)],  # two of them in one zone
    "security_group_ids": [f"sg-{number:017x}" for number in range(5)],
    "vpc_endpoints": {
        "vpc_id": f"vpc-{1:017x}",
        "route_table_ids": [f"rtb-{number:017x}" for number in range(3)],
        "private_dns": True,
        "admit": {
            "cidrs": ["10.123.0.0/16"],
            "security_group_ids": [f"sg-{6:017x}"],
            "prefix_list_ids": [f"pl-{1:017x}"],
        },
    },
}


@pytest.fixture(scope="session")
def longest(planner: Planner, deployed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A plan as on AWS, with the longest names, over the state that it would leave: so all grants can be read."""
    return named_at_length(planner, deployed, tmp_path_factory.mktemp("longest"), databases=DATABASES)


def named_at_length(planner: Planner, deployed: dict[str, Any], folder: Path, *, databases: int) -> dict[str, Any]:
    """That plan, with so many databases."""
    write_contracts(folder, databases=databases, feeds=FEEDS)
    contracts = render(load(folder, today=dt.date(2026, 11, 20)))
    (folder / "contracts.json").write_text(contracts)
    datasets = json.loads(contracts)["datasets"]
    feeds = [name for name, dataset in datasets.items() if dataset["kind"] == "feed"]
    secrets = [secret for dataset in datasets.values() for secret in dataset["secrets"]]
    keyed = {key: (feeds if key == "quotes" else ()) for key in _keys_of(deployed)} | {"finnhub-token": secrets}
    environment = f"{ENVIRONMENT}-{SUFFIX}"
    prefix = f"{PROJECT}-{environment}"
    renamed = {
        "starmend": PROJECT,
        "test": environment,
        "starmend-test": prefix,
        "starmend_test": prefix.replace("-", "_"),
        "starmend/test": f"{PROJECT}/{environment}",
        "us-east-1": REGION,
    }
    return planner.shown(
        json.loads(standing(deployed, renamed=renamed, keyed=keyed)),
        project=PROJECT,
        environment=ENVIRONMENT,
        name_suffix=SUFFIX,
        region=REGION,
        emulator_endpoint=None,
        contracts_file=str(folder / "contracts.json"),
        analyst_principals=[f"arn:aws:iam::{ACCOUNT}:role/people"],
        tracing=True,
        **PRIVATE_NETWORK,
    )


def _keys_of(shown: dict[str, Any]) -> set[str]:
    """Keys of instances that come from the contracts: datasets, tables, parameters, secrets, and what watches them."""
    kinds = ("ssm_parameter", "glue_catalog_table", "secretsmanager_secret", "scheduler_schedule", "alarm")
    indexed = [change for change in shown["resource_changes"] if "index" in change]
    return {str(change["index"]) for change in indexed if any(kind in change["type"] for kind in kinds)}
