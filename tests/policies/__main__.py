"""Record what a deployer's and an operator's commands ask AWS for: ``python -m tests.policies``.

Each acts through a role of its own on an emulator that decides about every call, over a database, a market and rows, so
that the commands have something to do: ``tests/policies/recorded.json`` holds action and resources, the documented
policies are held to it. A command that ends otherwise than it should ends the recording.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from tests.support import deployed

from aws.deployment import Deployment, code_bucket
from local.database import Database, generator
from local.emulator import ACCOUNT, REGION, Emulator, decisions
from local.emulator.decisions import Decision
from local.invoking import await_receipts, invoke
from local.market import MarketProcess
from local.provisioning import LAYERS, UNPACKED_LAYERS
from local.stand_ins import database_secret

REPOSITORY = Path(__file__).parents[2]
RECORDED = Path(__file__).with_name("recorded.json")
FINE, FINDINGS = 0, 1
VARIABLES = "emulated.tfvars.json"
BAD = "repair/sales/currency/a-bad-line.jsonl.gz"
AT = "2026-11-20T10:00:00.000"
_AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|20[0-9]{6}[T-]?[0-9]{4,}")
_RESOURCES = 6  # of one action that are kept, after ids in them were made alike

# Objects that were replaced stay for hours: the command believes that it is a month later.
A_MONTH_LATER = """
import dataclasses, datetime
from cli import warehouse
services_of = warehouse.services_of
def later(deployed):
    services = services_of(deployed)
    return dataclasses.replace(services, now=lambda: services.now() + datetime.timedelta(days=30))
warehouse.services_of = later
"""


@dataclass(frozen=True)
class Given:
    """A command, what is typed to it, how it may end, and what its process believes."""

    words: str
    typed: str = ""
    ends: tuple[int, ...] = (FINE,)
    belief: str = ""


BEFORE = (Given("deploy bootstrap"), Given("deploy apply --yes"))
AFTER = (Given("deploy plan"), Given("deploy destroy --yes"))
AUDITED = (FINE, FINDINGS)


def operators(market: MarketProcess, database: Database) -> Iterator[Given]:
    """What an operator does before rows come in."""
    yield Given("secret set finnhub-token", typed=market.token)
    yield Given("secret set sales-db", typed=json.dumps(database_secret(database)))
    yield Given("contract check --live")


OPERATOR = (
    Given("status"),
    Given('query "select count(*) as n from dim_currency"'),
    Given("replay tables/sales/staff/"),
    Given("replay tables/sales/staff/ --queue"),
    Given("quarantine list", ends=(FINDINGS,)),
    Given("quarantine retry", ends=(FINDINGS,)),
    Given("rebuild dim_staff"),
    Given("rebuild fact_payment"),
    Given("rollback dim_currency --to-version 1 --hold looked-at"),
    Given("rollback dim_currency --release"),
    Given("vacuum dim_currency --dry-run", belief=A_MONTH_LATER),
    Given("vacuum", belief=A_MONTH_LATER),
    Given("audit --dry-run", ends=AUDITED),
    Given("heal", ends=AUDITED),
    Given("verify", ends=AUDITED),
    Given("report"),
)


def credentials(emulator: Emulator, role: str) -> dict[str, str]:
    """Those of a new role that may do everything, for its decisions are recorded and root's are not."""
    session = botocore.session.get_session()
    iam, sts = session.create_client("iam"), session.create_client("sts")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    every = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    document = json.dumps({"Version": "2012-10-17", "Statement": [every]})
    iam.put_role_policy(RoleName=role, PolicyName="everything", PolicyDocument=document)
    keys = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="records")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def record(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Action -> resources that each of the two asked for, in order."""
    _check_out(folder)
    with ExitStack() as ending:
        emulator = ending.enter_context(
            Emulator.start(folder / "emulator", as_on_aws=True, layers=UNPACKED_LAYERS, firehose_scale=0.05)
        )
        os.environ.pop("AWS_PROFILE", None)
        os.environ |= emulator.environment()
        market = MarketProcess.start(folder / "market", seed=3)
        ending.callback(market.stop)
        database = Database.start(folder / "database")
        ending.callback(database.stop)
        connection = database.connect()
        generator.fill(connection, now=dt.datetime.now(dt.UTC), sales_orders=300)
        connection.close()
        (folder / VARIABLES).write_text(json.dumps(variables(emulator, market)), encoding="utf-8")
        keys = {role: credentials(emulator, role) for role in ("deployer", "operator")}
        for given in BEFORE:
            give(folder, keys["deployer"], given)
        for given in operators(market, database):
            give(folder, keys["operator"], given)
        bring_rows(emulator)
        for given in OPERATOR:
            give(folder, keys["operator"], given)
        for given in AFTER:
            give(folder, keys["deployer"], given)
        asked = decisions.read(emulator.state_dir)
    return {role: resources_by_action(need for need in asked if need.role == role) for role in keys}


def _check_out(folder: Path) -> None:
    for name in ("src", "terraform", "contracts"):
        ignored = shutil.ignore_patterns("__pycache__", ".terraform", "*canary.yaml")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for lock in REPOSITORY.glob("requirements*.lock"):
        shutil.copy(lock, folder)
    (folder / "build").mkdir()
    LAYERS.mkdir(parents=True, exist_ok=True)
    (folder / "build/layers").symlink_to(LAYERS)


def bring_rows(emulator: Emulator) -> None:
    """Rows of every table, a dimension with three versions, and a line in quarantine, by the account's root."""
    deployment = Deployment.find(code_bucket("starmend", "dev", ACCOUNT), "dev", emulator.environment())
    invoke(deployment, "extract", {"dataset": "sales"})
    await_receipts(deployment, "tables/sales/")
    for number, code in enumerate(("XAA", "XBB"), 901):
        row = {"currency_id": number, "currency_code": code, "created_at": AT, "last_updated": AT}
        deployed.land(deployment, f"repair/sales/currency/{code}.jsonl.gz", [row])
        await_receipts(deployment, "repair/")
    deployed.land(deployment, BAD, [{"currency_id": "none"}])
    await_receipts(deployment, "repair/")


def resources_by_action(asked: Iterable[Decision]) -> dict[str, list[str]]:
    """Some of the resources of each action, with what differs from run to run made alike."""
    resources: Mapping[str, set[str]] = defaultdict(set)
    for need in asked:
        resources[need.action].add(_AN_ID.sub("any", need.resource))
    every = {action: sorted(resources[action]) for action in sorted(resources)}
    return {action: names[:: len(names) // _RESOURCES + 1] for action, names in every.items()}


def variables(emulator: Emulator, market: MarketProcess) -> dict[str, Any]:
    """What tells the emulator from AWS, and how soon things happen."""
    return {
        "account": ACCOUNT,
        "region": REGION,
        "emulator_endpoint": emulator.endpoint,
        "object_lifecycle": False,
        "force_destroy": True,
        "admin_emails": ["admin@example.com"],
        "analyst_principals": [f"arn:aws:iam::{ACCOUNT}:root"],
        "audit_wait_seconds": 3,
        "audit_retry_seconds": 1,
        "provider_urls": {"quotes": market.api_url, "quotes.history": market.api_url},
    }


def give(folder: Path, keys: dict[str, str], given: Given) -> None:
    """Give a command; ends the recording where it does not end as it should."""
    words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', given.words)]
    more = ["--env", "dev"] + (["--var-file", str(folder / VARIABLES)] if words[0] == "deploy" else [])
    program = [sys.executable, "-c", f"{given.belief}\nfrom cli.main import main; main()"]
    environment = {**os.environ, **keys, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(
        [*program, *words, *more], cwd=folder, env=environment, input=given.typed, capture_output=True, text=True
    )
    sys.stderr.write(f"{done.returncode}  {given.words}\n")
    if done.returncode not in given.ends:
        sys.exit(f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="policies-") as name:
        recorded = record(Path(name))
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
