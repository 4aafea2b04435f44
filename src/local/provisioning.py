"""Deployments of a stack: contracts rendered for one machine, functions' packages, Terraform's variables, applies."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from auditor.interventions.pauses import paused_datasets
from aws.deployment import Deployment
from aws.objects import S3ObjectStore
from core.authoring.load import load
from core.contract import model
from core.evolution.deployments import record_deployments
from core.rendering.render import render
from deploy.folders import MODULE, ROOT, shared_layers
from deploy.layers.build import LayerPlan, build_layers, plan_layers
from deploy.packaging import build_code_zip, layer_variable
from deploy.refusals import refuse_to_lose_data
from deploy.terraform import Change, Terraform, emulator_backend
from local.database import generator
from local.emulator import ACCOUNT, REGION, Emulator
from local.emulator.execution.python import function_python
from local.processes import marked

ENVIRONMENT = "local"
STATE_BUCKET = "starmend-state"
LAYERS = shared_layers()
UNPACKED_LAYERS = LAYERS / "unpacked"
VARIABLES = "variables.json"  # what Terraform was applied with
ADAPTATION = "adaptation.json"  # what the deployed contracts say otherwise than their files
IN_TIME = ("request-",)  # schedules that ask a provider, whose clock no stack turns faster
# Go's default is 100, with which a quarter of what an apply costs the processor is garbage collection.
GOGC = "400"
RUNNING_PROVIDERS = "TF_REATTACH_PROVIDERS"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """Settings of a stack: Terraform's variables beside the defaults for one machine, and the size of the source.

    ``canaries``: the feeds in which gaps are planted belong to it too; their schedules do not run here by themselves.
    ``settle``: seconds that an ingest object of a database may wait for its receipt before the auditor asks for it.
    ``margin``: seconds that a database's horizon stays back; None: the contract's own. ``alarm_seconds``: time between
    two rounds of alarm evaluation. ``s3_scale``: how much of S3's own time the emulator's takes. ``speed``: how much
    faster than their clock the schedules fire; 0: they do not; None: as they did, at first not.
    ``secrets``: values for the contracts' secrets, of sources that are one's own.
    """

    contracts: Path = ROOT / "contracts"
    sales_orders: int = generator.DEFAULT_SALES_ORDERS
    seed: int = 0
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    firehose_scale: float = 0.02
    alarm_scale: float = 0.1
    alarm_seconds: float = 5
    s3_scale: float = 0
    canaries: bool = False
    settle: int = 3
    margin: int | None = None
    speed: float | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Packed:
    """The files of a stack's folder that Terraform is given, as its variables."""

    contracts_file: Path
    variables: Mapping[str, Any]


def contracts_of(source: Path, plan: Plan) -> model.Contracts:
    """A folder's contracts as a stack of this plan has them."""
    return adapted(load(source, today=dt.datetime.now(dt.UTC).date()), plan)


def adapted(contracts: model.Contracts, plan: Plan) -> model.Contracts:
    """The contracts without canaries (unless the plan has them), databases with the plan's settings.

    All that a stack deploys otherwise than the files say is done here, and named in ``adaptation_of``.
    """
    kept = []
    for contract in contracts:
        if contract.source and contract.source.canary and not plan.canaries:
            continue
        if isinstance(contract.source, model.Database):
            margin = contract.source.margin if plan.margin is None else plan.margin
            contract = replace(contract, source=replace(contract.source, settle=plan.settle, margin=margin))
        kept.append(contract)
    return replace(contracts, contracts=tuple(kept))


def adaptation_of(plan: Plan) -> dict[str, Any]:
    """The settings of a plan by which contracts are adapted."""
    return {"canaries": plan.canaries, "settle": plan.settle, "margin": plan.margin}


def remember_adaptation(folder: Path, plan: Plan) -> None:
    """Keep how the contracts that are deployed now were adapted, whole or not at all."""
    fresh = folder / f"{ADAPTATION}.new"
    fresh.write_text(json.dumps(adaptation_of(plan)), encoding="utf-8")
    fresh.replace(folder / ADAPTATION)


def as_adapted(plan: Plan, folder: Path) -> Plan:
    """The plan with the adaptation of the stack in this folder; its own where none is remembered there."""
    file = folder / ADAPTATION
    if not file.is_file():
        return plan
    remembered = json.loads(file.read_text(encoding="utf-8"))
    return replace(plan, **{name: remembered[name] for name in adaptation_of(plan) if name in remembered})


def pack(folder: Path, contracts: model.Contracts, *, say: Say) -> Packed:
    """Render the contracts and build code and layers, which are kept for later stacks while their locks stay."""
    file = folder / "contracts.json"
    file.write_text(render(contracts), encoding="utf-8")
    code = build_code_zip(folder / "code.zip", file)
    layers = layer_variable(_build_layers(say))
    return Packed(file, {"contracts_file": str(file), "code_zip": code.variable, "layer_zips": layers})


def _build_layers(say: Say) -> tuple[LayerPlan, ...]:
    """The layers for the functions' Python; built by the first stack after their locks changed, and kept."""
    python = function_python()
    for remark in python.remarks:
        say(remark)
    build_layers(LAYERS, python.platform)
    return plan_layers(LAYERS, python.platform)


def variables_of(emulator: Emulator, provider_urls: Mapping[str, str], packed: Packed, plan: Plan) -> dict[str, Any]:
    """Terraform's variables that differ from AWS: where the services are, and how soon things happen."""
    return {
        "environment": ENVIRONMENT,
        "account": ACCOUNT,
        "region": REGION,
        "emulator_endpoint": emulator.endpoint,
        "object_lifecycle": False,
        "force_destroy": True,
        "admin_emails": ["admin@example.com"],
        "audit_wait_seconds": 4,  # the stream's buffer of some 1.2 s, and the processing of what it delivers
        "audit_retry_seconds": 1,
        "at_scale_concurrency": max(2, os.cpu_count() or 2),  # functions are processes of this machine
        "schedules_enabled": bool(plan.speed),
        "mirror": {"enabled": True},  # here it costs nothing
        "provider_urls": dict(provider_urls),
        **packed.variables,
        **plan.variables,
    }


def terraform_of(folder: Path, emulator: Emulator) -> Terraform:
    """The runner of a stack's Terraform, whose processes are found as the others are.

    A provider that runs already, as one in a debugger does, is used where Terraform's own variable names it.
    """
    work = folder / "terraform"
    given = {name: os.environ[name] for name in (RUNNING_PROVIDERS,) if name in os.environ}
    variables = emulator.environment() | marked(work) | {"GOGC": os.environ.get("GOGC", GOGC)} | given
    return Terraform(MODULE, work, variables)


def read_variables(folder: Path) -> dict[str, Any]:
    """The variables that a stack was applied with last."""
    applied: dict[str, Any] = json.loads((folder / VARIABLES).read_text(encoding="utf-8"))
    return applied


def initialise(folder: Path, emulator: Emulator) -> Terraform:
    """A stack's Terraform before its first apply, which needs neither contracts nor packages."""
    terraform = terraform_of(folder, emulator)
    _make_state_bucket(emulator)
    terraform.init(emulator_backend(emulator.endpoint, STATE_BUCKET, REGION))
    return terraform


def apply(
    folder: Path, emulator: Emulator, terraform: Terraform, variables: Mapping[str, Any], *, say: Say
) -> Deployment:
    """Apply Terraform for the first time, and remember what was applied."""
    _keep(folder, variables)
    terraform.apply_unseen(variables, on_line=_progress(say))
    deployment = Deployment.find(terraform.output()["buckets"]["code"], ENVIRONMENT, emulator.environment())
    record(deployment, variables)
    return deployment


def _keep(folder: Path, variables: Mapping[str, Any]) -> None:
    fresh = folder / f"{VARIABLES}.new"
    fresh.write_text(json.dumps(variables), encoding="utf-8")
    fresh.replace(folder / VARIABLES)


def apply_again(
    folder: Path, emulator: Emulator, deployment: Deployment, variables: Mapping[str, Any], *, may_lose_data: bool
) -> tuple[Deployment, Sequence[Change]]:
    """Apply what changed to a running stack; its deployment as it is then, and the changes.

    Raises ``Misuse`` before anything is touched where the plan would delete what holds data or values.
    """
    terraform = terraform_of(folder, emulator)
    paused = paused_datasets(S3ObjectStore(deployment.clients("s3"), deployment.warehouse_bucket))
    planned = terraform.plan({**variables, "paused_datasets": paused}, refresh=False)
    refuse_to_lose_data(ENVIRONMENT, planned.changes, may_lose_data=may_lose_data)
    if planned.changes:
        terraform.apply(planned)
    _keep(folder, variables)
    deployment = deployment.as_it_is_now()
    record(deployment, variables)
    return deployment, planned.changes


def record(deployment: Deployment, variables: Mapping[str, Any]) -> None:
    """Keep the deployed contracts in their history, from now on."""
    records = S3ObjectStore(deployment.clients("s3"), deployment.warehouse_bucket)
    now, collecting = int(dt.datetime.now(dt.UTC).timestamp()), bool(variables.get("schedules_enabled", False))
    record_deployments(records, deployment.contracts, now=now, collecting=collecting)


def _progress(say: Say) -> Say:
    """Pass on those of Terraform's many lines that say how far it is."""

    def line(text: str) -> None:
        if "Creation complete" not in text and text.startswith(("Apply complete", "Plan:")):
            say(f"  {text}")

    return line


def _make_state_bucket(emulator: Emulator) -> None:
    """Terraform's state lives in the emulator's own S3, as it does on AWS, and ends with it."""
    client = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=emulator.endpoint,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="emulator",
        config=Config(s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket=STATE_BUCKET)
