"""The local stack: emulator, a PostgreSQL with the sales source, market, and the real Terraform on one machine.

All of it lies below one folder. A stack that was not started detached ends with the process that started it.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import botocore.session
from botocore.config import Config

from aws.deployment import Deployment
from aws.objects import S3ObjectStore
from aws.secrets import AwsSecretStore
from core.authoring.load import load
from core.contract import model
from core.errors import OutOfReach
from core.evolution.deployments import record_deployments
from core.rendering.render import render
from deploy.folders import MODULE, ROOT, shared_layers
from deploy.layers.build import LayerPlan, build_layers, plan_layers
from deploy.packaging import CodePackage, build_code_zip, layer_variable
from deploy.terraform import Terraform, emulator_backend
from local.database import Database, generator
from local.emulator import ACCOUNT, REGION, Emulator
from local.emulator.execution.python import function_python
from local.market import MarketProcess

ENVIRONMENT = "local"
STATE_BUCKET = "starmend-state"
LAYERS = shared_layers()
UNPACKED_LAYERS = LAYERS / "unpacked"
VARIABLES = "variables.json"  # what Terraform was applied with
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """Settings of a stack: Terraform's variables beside the defaults for one machine, and the size of the source.

    ``canaries``: the feeds in which gaps are planted belong to it too; their schedules do not run here by themselves.
    ``settle``: seconds that an ingest object of a database may wait for its receipt before the auditor asks for it.
    ``margin``: seconds that a database's horizon stays back; None: the contract's own. ``alarm_seconds``: time between
    two rounds of alarm evaluation.
    """

    sales_orders: int = generator.DEFAULT_SALES_ORDERS
    seed: int = 0
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    market_at: dt.datetime | None = None
    firehose_scale: float = 0.05
    alarm_scale: float = 0.1
    alarm_seconds: float = 5
    canaries: bool = False
    settle: int = 3
    margin: int | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


class Stack:
    """A running stack; commands and functions reach it by its ``deployment``."""

    def __init__(
        self, folder: Path, emulator: Emulator, database: Database, market: MarketProcess, deployment: Deployment
    ) -> None:
        self.folder = folder
        self.emulator = emulator
        self.database = database
        self.market = market
        self.deployment = deployment

    @classmethod
    def up(cls, build: Path, plan: Plan | None = None, *, detached: bool = False, say: Say = lambda _: None) -> Stack:
        """Start a stack below ``build/local``. What was started is stopped again when something fails."""
        plan = plan or Plan()
        folder = (build / ENVIRONMENT).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            undo.callback(_forget, folder)
            contracts_file = _render(folder, plan)
            layers = _build_layers(say)
            say("starting the emulator, PostgreSQL and the market")
            emulator = Emulator.start(
                folder / "emulator",
                firehose_scale=plan.firehose_scale,
                alarm_scale=plan.alarm_scale,
                alarm_seconds=plan.alarm_seconds,
                as_on_aws=True,
                layers=UNPACKED_LAYERS,
                detached=detached,
            )
            undo.callback(emulator.stop)
            database = Database.start(folder / "database", detached=detached)
            undo.callback(database.stop)
            market = MarketProcess.start(folder / "market", seed=plan.seed, detached=detached)
            undo.callback(market.stop)
            with ThreadPoolExecutor(1) as beside:
                filled = beside.submit(_fill, database, plan)
                say("applying Terraform")
                deployment = _apply(folder, emulator, market, contracts_file, layers, plan, say)
                filled.result()
            deployment.remember(folder)
            _fill_secrets(deployment, database, market)
            undo.pop_all()
        return cls(folder, emulator, database, market, deployment)

    @classmethod
    def attach(cls, build: Path) -> Stack:
        """The stack that another process left up; raises ``OutOfReach`` or ``PipelineBug`` where there is none."""
        folder = (build / ENVIRONMENT).resolve()
        return cls(
            folder,
            Emulator.attach(folder / "emulator"),
            Database.attach(folder / "database"),
            MarketProcess.attach(folder / "market"),
            Deployment.attach(folder),
        )

    def terraform(self, variables: Mapping[str, Any] | None = None) -> tuple[Terraform, dict[str, Any]]:
        """The runner that this stack was applied with, and its variables with some of them replaced."""
        applied = json.loads((self.folder / VARIABLES).read_text(encoding="utf-8"))
        return _terraform(self.folder, self.emulator), {**applied, **(variables or {})}

    def down(self) -> None:
        """Stop every process and remove everything below the folder."""
        down(self.folder.parent)

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for part in (self.emulator, self.market, self.database):
            part.stop()
        _forget(self.folder)


def down(build: Path) -> None:
    """Stop every process of a stack below ``build/local``, and remove what it left. Nothing there is no error."""
    folder = (build / ENVIRONMENT).resolve()
    for part, name in ((Emulator, "emulator"), (MarketProcess, "market"), (Database, "database")):
        with suppress(OutOfReach):
            part.attach(folder / name).stop()
    _forget(folder)


def _forget(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def contracts_of(source: Path, plan: Plan) -> model.Contracts:
    """A folder's contracts without canaries (unless the plan has them), databases with the plan's settings."""
    contracts = load(source, today=dt.datetime.now(dt.UTC).date())
    kept = []
    for contract in contracts:
        if contract.source and contract.source.canary and not plan.canaries:
            continue
        if isinstance(contract.source, model.Database):
            margin = contract.source.margin if plan.margin is None else plan.margin
            contract = replace(contract, source=replace(contract.source, settle=plan.settle, margin=margin))
        kept.append(contract)
    return replace(contracts, contracts=tuple(kept))


def _render(folder: Path, plan: Plan) -> Path:
    """The project's contracts, rendered for Terraform and the functions."""
    file = folder / "contracts.json"
    file.write_text(render(contracts_of(ROOT / "contracts", plan)), encoding="utf-8")
    return file


def _build_layers(say: Say) -> tuple[LayerPlan, ...]:
    """The layers for the functions' Python; built by the first stack after their locks changed, and kept."""
    python = function_python()
    for remark in python.remarks:
        say(remark)
    build_layers(LAYERS, python.platform)
    return plan_layers(LAYERS, python.platform)


def _fill(database: Database, plan: Plan) -> dict[str, int]:
    connection = database.connect()
    try:
        return generator.fill(connection, now=plan.now, sales_orders=plan.sales_orders, seed=plan.seed)
    finally:
        connection.close()


def _terraform(folder: Path, emulator: Emulator) -> Terraform:
    return Terraform(MODULE, folder / "terraform", emulator.environment())


def _variables(
    emulator: Emulator,
    market: MarketProcess,
    contracts_file: Path,
    code: CodePackage,
    layers: Sequence[LayerPlan],
    plan: Plan,
) -> dict[str, Any]:
    """Terraform's variables that differ from AWS: where the services are, and how soon things happen."""
    return {
        "environment": ENVIRONMENT,
        "account": ACCOUNT,
        "region": REGION,
        "emulator_endpoint": emulator.endpoint,
        "object_lifecycle": False,
        "force_destroy": True,
        "contracts_file": str(contracts_file),
        "code_zip": code.variable,
        "layer_zips": layer_variable(layers),
        "admin_emails": ["admin@example.com"],
        "audit_wait_seconds": 8,
        "audit_retry_seconds": 1,
        "provider_urls": dict.fromkeys(("quotes", "quotes.history", "canary"), market.api_url),
        **plan.variables,
    }


def _apply(
    folder: Path,
    emulator: Emulator,
    market: MarketProcess,
    contracts_file: Path,
    layers: Sequence[LayerPlan],
    plan: Plan,
    say: Say,
) -> Deployment:
    code = build_code_zip(folder / "code.zip", contracts_file)
    terraform = _terraform(folder, emulator)
    _make_state_bucket(emulator)
    terraform.init(emulator_backend(emulator.endpoint, STATE_BUCKET, REGION))
    variables = _variables(emulator, market, contracts_file, code, layers, plan)
    (folder / VARIABLES).write_text(json.dumps(variables), encoding="utf-8")
    terraform.apply_unseen(variables, on_line=_progress(say))
    deployment = Deployment.find(terraform.output()["buckets"]["code"], ENVIRONMENT, emulator.environment())
    records = S3ObjectStore(deployment.clients("s3"), deployment.warehouse_bucket)
    now, collecting = int(dt.datetime.now(dt.UTC).timestamp()), bool(variables.get("schedules_enabled", False))
    record_deployments(records, deployment.contracts, now=now, collecting=collecting)
    return deployment


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


def _fill_secrets(deployment: Deployment, database: Database, market: MarketProcess) -> None:
    """Fill the secrets that the contracts name, as ``starmend secret set`` does on AWS."""
    prefix = f"{deployment.project}/{deployment.environment}/"
    secrets = AwsSecretStore(deployment.clients("secretsmanager"), prefix)
    values = {"sales-db": json.dumps(database_secret(database)), "finnhub-token": market.token}
    for contract in deployment.contracts:
        if contract.source and contract.source.secret in values:
            secrets.write(contract.source.secret, values[contract.source.secret])


def database_secret(database: Database) -> dict[str, str]:
    """The secret that the extractor connects with; its role may read and nothing else."""
    return {
        "host": database.host,
        "port": str(database.port),
        "dbname": database.dbname,
        "username": database.extractor.user,
        "password": database.extractor.password,
        "sslmode": "verify-full",
        "sslrootcert": database.certificate.read_text(encoding="utf-8"),
    }
