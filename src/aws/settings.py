"""Settings of a function from its environment variables. Terraform sets them; nothing else reads the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from core.contract.codec import load_rendered
from core.contract.model import Contracts
from core.errors import PipelineBug

PACKAGE = Path(__file__).resolve().parent.parent
VERSION_FILE = "code_version.txt"  # beside the code, in its package


@dataclass(frozen=True)
class Settings:
    """One deployment: project and environment, its buckets, and the contracts that were deployed with the code."""

    project: str
    environment: str
    ingest_bucket: str
    warehouse_bucket: str
    contracts_path: Path
    code_version: str = "unknown"
    request_queue_url: str = ""
    stream_name: str = ""
    drop_one_entity: str = ""
    provider_urls: Mapping[str, str] = field(default_factory=dict)
    horizon_held_seconds: float = 0.0
    process_queue_url: str = ""
    alarm_topic: str = ""
    runbook_url: str = "docs/runbook.md"
    report_url: str = ""
    event_bus: str = ""
    audit_limits: Mapping[str, Any] = field(default_factory=dict)
    source_function: str = ""
    restate_function: str = ""
    dead_letter_queue_url: str = ""
    athena_workgroup: str = ""
    athena_database: str = ""
    anchor_bucket: str = ""
    signing_keys: tuple[str, ...] = ()  # by age, the newest last
    mirror_database: str = ""  # of the catalog, where the mirror is scheduled
    mirror_queue_url: str = ""
    mirror_seconds: int = 0  # from one run of the mirror to the next; 0: nobody runs it
    mirror_within_seconds: int = 0  # how far it may be behind; 0: as long as the contract says that data may be late
    memory_mb: int = 0  # of the function; 0: this is none
    contracts_text: bytes | None = field(default=None, repr=False)  # where they are no file beside the code

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Raises ``PipelineBug`` naming the variable that is not set."""

        def needed(name: str) -> str:
            if value := environment.get(name, ""):
                return value
            raise PipelineBug("read settings", name, "is not set", "Deploy with terraform/, which sets it")

        return cls(
            project=needed("STARMEND_PROJECT"),
            environment=needed("STARMEND_ENV"),
            ingest_bucket=needed("STARMEND_INGEST_BUCKET"),
            warehouse_bucket=needed("STARMEND_WAREHOUSE_BUCKET"),
            contracts_path=Path(environment.get("STARMEND_CONTRACTS") or PACKAGE / "contracts.json"),
            code_version=environment.get("STARMEND_CODE_VERSION") or packaged_version(),
            request_queue_url=environment.get("STARMEND_REQUEST_QUEUE_URL", ""),
            stream_name=environment.get("STARMEND_STREAM_NAME", ""),
            drop_one_entity=environment.get("STARMEND_DROP_ONE_ENTITY", ""),
            provider_urls=json.loads(environment.get("STARMEND_PROVIDER_URLS") or "{}"),
            horizon_held_seconds=float(environment.get("STARMEND_HORIZON_HELD_SECONDS") or 0),
            process_queue_url=environment.get("STARMEND_PROCESS_QUEUE_URL", ""),
            alarm_topic=environment.get("STARMEND_ALARM_TOPIC", ""),
            runbook_url=environment.get("STARMEND_RUNBOOK_URL", "docs/runbook.md"),
            report_url=environment.get("STARMEND_REPORT_URL", ""),
            event_bus=environment.get("STARMEND_EVENT_BUS", ""),
            audit_limits=json.loads(environment.get("STARMEND_AUDIT_LIMITS") or "{}"),
            source_function=environment.get("STARMEND_SOURCE_FUNCTION", ""),
            restate_function=environment.get("STARMEND_RESTATE_FUNCTION", ""),
            dead_letter_queue_url=environment.get("STARMEND_DEAD_LETTER_QUEUE_URL", ""),
            athena_workgroup=environment.get("STARMEND_ATHENA_WORKGROUP", ""),
            athena_database=environment.get("STARMEND_ATHENA_DATABASE", ""),
            anchor_bucket=environment.get("STARMEND_ANCHOR_BUCKET", ""),
            signing_keys=tuple(json.loads(environment.get("STARMEND_SIGNING_KEYS") or "[]")),
            mirror_database=environment.get("STARMEND_MIRROR_DATABASE", ""),
            mirror_queue_url=environment.get("STARMEND_MIRROR_QUEUE_URL", ""),
            mirror_seconds=int(environment.get("STARMEND_MIRROR_SECONDS") or 0),
            mirror_within_seconds=int(environment.get("STARMEND_MIRROR_WITHIN_SECONDS") or 0),
            memory_mb=int(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 0),
        )

    @cached_property
    def contracts(self) -> Contracts:
        """Parsed once per container."""
        return load_rendered(self.contracts_text or self.contracts_path.read_bytes())

    @property
    def secret_prefix(self) -> str:
        """A secret's full name is this and the name that the contract gives it."""
        return f"{self.project}/{self.environment}/"

    def stream_of(self, dataset: str) -> str:
        """The name of a feed's stream and of its delivery."""
        return self.stream_name.replace("{dataset}", dataset)

    @property
    def parameter_prefix(self) -> str:
        """Parameters are ``<prefix>/<dataset>/<table>/<name>``."""
        return f"/{self.project}/{self.environment}"


def packaged_version(package: Path = PACKAGE) -> str:
    """The version of the code and contracts in a package: never another's, also while a deployment is under way."""
    file = package / VERSION_FILE
    return file.read_text(encoding="ascii") if file.exists() else "unknown"
