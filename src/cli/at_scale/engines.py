"""Engines that carry out jobs at scale: functions of a deployment, its Spark, or the Spark of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.audit.repair_jobs import Restate
from core.errors import NotDeployed

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from cli.at_scale.run import Machine
    from core.contract.model import Table
    from processing.services import Services

MACHINE = "at-scale"


@dataclass(frozen=True, slots=True)
class Planned:
    """The jobs of a rebuild, for the engine that they are planned for, and why that was chosen, if it was."""

    jobs: Sequence[Restate]
    engine: str
    reason: str = ""


def plan(deployed: Deployment, services: Services, table: Table, engine: str, *, allow_fewer: bool) -> Planned:
    """The jobs of a rebuild. ``auto``: by the engine that what there is to read asks for."""
    from processing.restating.manifest import plan_rebuild, plan_shuffle

    reason = ""
    if engine == "auto":
        engine, reason = _chosen(deployed, services, table)
    make = plan_shuffle if engine == "spark" else plan_rebuild
    return Planned(make(services, table, allow_fewer=allow_fewer), engine, reason)


def _chosen(deployed: Deployment, services: Services, table: Table) -> tuple[str, str]:
    from processing.restating.arrivals import read_arrivals
    from processing.restating.manifest import plan_rebuild
    from processing.spark.choice import choose_engine

    if table.kind != "fact":
        engine = "lambda" if table.kind == "rollup" else "spark"
        return engine, f"a {table.kind} is not made of ingest objects alone"
    sizes = read_arrivals(services, table).sizes
    choice = choose_engine(plan_rebuild(services, table), sizes, has_spark=_spark(deployed) is not None)
    return choice.engine, choice.reason


def machine_of(deployed: Deployment, engine: str) -> Machine:
    """What carries jobs out. Raises ``NotDeployed`` with the remedy where the deployment has no such engine."""
    from aws.executions import StateMachine

    if engine == "spark":
        if machine := _spark(deployed):
            return machine
        remedy = 'Set spark = { engine = "emr-serverless" } and deploy; or use --engine lambda'
        raise NotDeployed("rebuild", "spark", "this deployment has none", remedy)
    if arn := deployed.state_machines.get(MACHINE, ""):
        return StateMachine(deployed.clients("stepfunctions"), arn)
    raise NotDeployed("rebuild", MACHINE, "there is no such state machine", "Deploy again: make deploy")


def _spark(deployed: Deployment) -> Machine | None:
    from aws.spark import spark_of
    from cli.deployed import DEFAULT
    from deploy.folders import ROOT, build_folder
    from local.spark.drivers import LocalSpark

    bucket = deployed.buckets["code"]
    if deployed.environment != DEFAULT:
        arguments = ("--code-bucket", bucket, "--environment", deployed.environment)
        return spark_of(deployed.clients, deployed.spark, arguments)
    python = ROOT / ".venv-spark" / "bin" / "python"
    if not python.exists():
        return None
    folder = build_folder() / DEFAULT / "spark"
    return LocalSpark(python, folder, bucket, deployed.environment, deployed.aws_environment)
