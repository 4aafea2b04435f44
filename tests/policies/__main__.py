"""Record which actions a deployer's and an operator's commands ask AWS for: ``python -m tests.policies``.

Each acts through a role of its own on an emulator that decides about every call, so that what is recorded is what was
asked for, command by command; the result is ``tests/policies/recorded.json``, which the documented policies are held
to.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import botocore.session

from local.emulator import ACCOUNT, REGION, Emulator, decisions
from local.market import MarketProcess

REPOSITORY = Path(__file__).parents[2]
RECORDED = Path(__file__).with_name("recorded.json")
DEPLOYER = (
    ("deploy", "bootstrap"),
    ("deploy", "apply", "--yes"),
    ("deploy", "plan"),
    ("deploy", "destroy", "--yes"),
)
OPERATOR = (
    ("secret", "set", "finnhub-token"),
    ("contract", "check", "--live"),
    ("status",),
    ("query", "select count(*) as n from dim_date"),
    ("heal",),
    ("verify",),
    ("replay", "tables/sales/staff/"),
    ("vacuum", "fact_quote"),
    ("quarantine", "list"),
    ("report",),
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


def record(folder: Path) -> dict[str, list[str]]:
    """Every action that each of the two asked for, in order."""
    for name in ("src", "terraform", "contracts"):
        ignored = shutil.ignore_patterns("__pycache__", ".terraform", "*canary.yaml")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for lock in REPOSITORY.glob("requirements*.lock"):
        shutil.copy(lock, folder)
    with Emulator.start(folder / "emulator", as_on_aws=True) as emulator:
        os.environ |= emulator.environment()
        market = MarketProcess.start(folder / "market", seed=3)
        try:
            file = folder / "emulated.tfvars.json"
            file.write_text(json.dumps(variables(emulator, market)), encoding="utf-8")
            roles = {name: credentials(emulator, name) for name in ("deployer", "operator")}
            first, *last = DEPLOYER[:2], DEPLOYER[2:]
            for role, commands in (("deployer", first), ("operator", OPERATOR), ("deployer", *last)):
                for command in commands:
                    give(folder, roles[role], command, file, market.token)
            asked = decisions.read(emulator.state_dir)
        finally:
            market.stop()
    return {role: sorted({need.action for need in asked if need.role == role}) for role in roles}


def variables(emulator: Emulator, market: MarketProcess) -> dict[str, Any]:
    return {
        "account": ACCOUNT,
        "region": REGION,
        "emulator_endpoint": emulator.endpoint,
        "object_lifecycle": False,
        "admin_emails": ["admin@example.com"],
        "analyst_principals": [f"arn:aws:iam::{ACCOUNT}:root"],
        "provider_urls": {"quotes": market.api_url, "quotes.history": market.api_url},
    }


def give(folder: Path, keys: dict[str, str], command: tuple[str, ...], file: Path, token: str) -> None:
    more = ["--env", "dev"] + (["--var-file", str(file)] if command[0] == "deploy" else [])
    program = [sys.executable, "-c", "from cli.main import main; main()"]
    environment = {**os.environ, **keys, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(
        [*program, *command, *more], cwd=folder, env=environment, input=token, capture_output=True, text=True
    )
    last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
    sys.stderr.write(f"{done.returncode}  {' '.join(command)}  {' '.join(last)[:200]}\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="policies-") as name:
        found = record(Path(name))
    RECORDED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
