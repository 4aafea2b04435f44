"""A deployment as the command knows it: Terraform's outputs, and for the local stack how to reach the emulator."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from aws.athena import Athena
from aws.clients import Clients
from aws.settings import Settings
from core.contract.codec import load_rendered
from core.contract.model import Contracts
from core.errors import PipelineBug

FILE = "deployment.json"


@dataclass(frozen=True)
class Deployment:
    """Names of what Terraform made. ``aws_environment`` points the SDK at its region, or at an emulator."""

    project: str
    environment: str
    buckets: Mapping[str, str]
    database: str
    workgroup: str
    functions: Mapping[str, str]
    queues: Mapping[str, str]
    dead_letter_queues: Mapping[str, str]
    streams: Mapping[str, str]
    state_machines: Mapping[str, str]
    alarms: Mapping[str, str]
    alarm_topic: str
    contracts_file: str
    aws_environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_outputs(
        cls, outputs: Mapping[str, Any], *, contracts_file: Path, aws_environment: Mapping[str, str] | None = None
    ) -> Deployment:
        """From ``terraform output``; outputs that the command does not need are left out."""
        names = {attribute.name for attribute in fields(cls)}
        known = {name: value for name, value in outputs.items() if name in names}
        return cls(**known, contracts_file=str(contracts_file), aws_environment=aws_environment or {})

    @classmethod
    def load(cls, folder: Path, environment: str) -> Deployment:
        """Raises ``PipelineBug`` where nothing was deployed under that name."""
        file = folder / environment / FILE
        if not file.exists():
            remedy = "Run: make up" if environment == "local" else f"Run: make deploy ENV={environment}"
            raise PipelineBug("find the deployment", str(file), "there is none", remedy)
        return cls(**json.loads(file.read_text(encoding="utf-8")))

    def save(self, folder: Path) -> None:
        """Write the file, whole or not at all."""
        file = folder / self.environment / FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        fresh.replace(file)

    @cached_property
    def contracts(self) -> Contracts:
        """The contracts that were deployed."""
        return load_rendered(Path(self.contracts_file).read_bytes())

    @cached_property
    def clients(self) -> Clients:
        """SDK clients that reach this deployment; the process's environment is pointed there."""
        self.enter()
        return Clients()

    def enter(self) -> None:
        """Point this process's SDK at the deployment."""
        if "AWS_ENDPOINT_URL" in self.aws_environment:
            os.environ.pop("AWS_PROFILE", None)  # an emulator has credentials of its own
        os.environ.update(self.aws_environment)

    @property
    def ingest_bucket(self) -> str:
        """The bucket of the landing zone."""
        return self.buckets["ingest"]

    @property
    def warehouse_bucket(self) -> str:
        """The bucket of the star tables and of the pipeline's records."""
        return self.buckets["warehouse"]

    @property
    def athena(self) -> Athena:
        """Athena with this deployment's workgroup and database."""
        self.enter()
        return self._athena

    @cached_property
    def _athena(self) -> Athena:
        return Athena(self.workgroup, self.database)

    @property
    def settings(self) -> Settings:
        """The settings of a function of this deployment, for running it in this process."""
        return Settings.from_environment(self.function_environment)

    @property
    def function_environment(self) -> dict[str, str]:
        """The variables that all functions share, and those that the auditor reads with."""
        return {
            "STARMEND_PROJECT": self.project,
            "STARMEND_ENV": self.environment,
            "STARMEND_INGEST_BUCKET": self.ingest_bucket,
            "STARMEND_WAREHOUSE_BUCKET": self.warehouse_bucket,
            "STARMEND_CONTRACTS": self.contracts_file,
            "STARMEND_CODE_VERSION": "command",
            "STARMEND_ATHENA_WORKGROUP": self.workgroup,
            "STARMEND_ATHENA_DATABASE": self.database,
            "STARMEND_SOURCE_FUNCTION": self.functions.get("check", ""),
            "STARMEND_DEAD_LETTER_QUEUE_URL": self.dead_letter_queues.get("arrivals", ""),
        }
