"""A deployment as it describes itself: an object in its own bucket, written by Terraform with everything else."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from aws.athena import Athena
from aws.clients import Clients
from aws.failures import MISSING, code_of, reaching, status_of
from aws.settings import Settings
from core.contract.codec import load_rendered
from core.contract.model import Contracts
from core.errors import NotDeployed, OutOfReach, PipelineBug, StarmendError
from core.json import UNREADABLE

DESCRIPTION = "deployment.json"  # key in the code bucket, see terraform/description.tf
LOCAL_STACK = "stack.json"  # where the stack of this machine is
_OPTIONAL = {
    "anchors",
    "signing_keys",
    "mirror_database",
    "spark",
    "schedules_enabled",
}  # what earlier releases did not say
_ABSENT = MISSING | {"NoSuchBucket"}


def code_bucket(project: str, environment: str, account: str) -> str:
    """The bucket that a deployment's description lies in: the one name that is known without it."""
    return f"{project}-{environment}-code-{account}"


def anchors_bucket(project: str, environment: str, account: str) -> str:
    """The deployment's own bucket of signed anchors, as ``terraform/proof.tf`` names it."""
    return f"{project}-{environment}-anchors-{account}"


def described_in(clients: Clients, bucket: str) -> Mapping[str, Any] | None:
    """The description in a code bucket, of any release; None where there is none."""
    place = f"s3://{bucket}/{DESCRIPTION}"
    with reaching("look for a deployment", place):
        try:
            body = clients("s3").get_object(Bucket=bucket, Key=DESCRIPTION)["Body"].read()
        except ClientError as error:
            if code_of(error) in _ABSENT:
                return None
            raise
    return dict(json.loads(body))


@dataclass(frozen=True)
class Deployment:
    """Names of what Terraform made. ``aws_environment`` points the SDK at its region, or at an emulator."""

    project: str
    environment: str
    region: str
    buckets: Mapping[str, str]
    database: str
    workgroup: str
    functions: Mapping[str, str]
    queues: Mapping[str, str]
    dead_letter_queues: Mapping[str, str]
    streams: Mapping[str, str]
    state_machines: Mapping[str, str]
    secrets: Mapping[str, str]
    alarms: Mapping[str, str]
    alarm_topic: str
    contracts_key: str
    contracts_sha256: str
    code_version: str
    anchors: str = ""  # the bucket of signed anchors; empty: nothing is signed
    signing_keys: Sequence[str] = ()
    mirror_database: str = ""  # of the catalog; empty: no schedule mirrors the tables
    schedules_enabled: bool | None = None  # None: an earlier release deployed it, and did not say
    spark: Mapping[str, str] = field(default_factory=dict)  # how its jobs are started; empty: there is none
    aws_environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, bucket: str, environment: str, aws_environment: Mapping[str, str]) -> Deployment:
        """Read the description from a code bucket. The process's SDK is pointed to the deployment.

        Raises ``NotDeployed`` with the remedy where there is none, ``PipelineBug`` where it is of another release.
        """
        _point_sdk_at(aws_environment)
        place = f"s3://{bucket}/{DESCRIPTION}"
        remedy = "make up" if environment == "local" else f"starmend deploy apply --env {environment}"
        clients = Clients(hurried=True)
        description = json.loads(
            _read(clients, bucket, DESCRIPTION, "find the deployment", f"Deploy it: {remedy}", absent=NotDeployed)
        )
        names = {attribute.name for attribute in fields(cls)} - {"aws_environment"}
        if missing := names - _OPTIONAL - description.keys():
            problem = f"is of another release: it does not say {', '.join(sorted(missing))}"
            raise PipelineBug("find the deployment", place, problem, f"Deploy this release: {remedy}")
        deployment = cls(
            **{name: description[name] for name in names & description.keys()}, aws_environment=aws_environment
        )
        region = {"AWS_REGION": deployment.region, "AWS_DEFAULT_REGION": deployment.region}
        deployment = replace(deployment, aws_environment={**aws_environment, **region})
        deployment.enter()
        return deployment

    @classmethod
    def attach(cls, folder: Path) -> Deployment:
        """The stack on this machine that ``remember`` was called for. Raises ``NotDeployed`` where none is up."""
        file = folder / LOCAL_STACK
        remedy = "Start it: starmend up; or name another deployment: --env"
        if not file.exists():
            raise NotDeployed("find the deployment", str(file), "there is no stack on this machine", remedy)
        try:
            where = json.loads(file.read_text(encoding="utf-8"))
            bucket, aws_environment = where["bucket"], dict(where["aws_environment"])
        except UNREADABLE as error:
            remedy = "Start the stack anew: make down, make up"
            raise NotDeployed("find the deployment", str(file), f"is not whole: {error!r}", remedy) from error
        try:
            return cls.find(bucket, "local", aws_environment)
        except OutOfReach as error:
            endpoint = aws_environment.get("AWS_ENDPOINT_URL", error.place)
            raise NotDeployed("find the deployment", endpoint, "the stack on this machine is not up", remedy) from error

    def remember(self, folder: Path) -> None:
        """Write down where the stack on this machine is, whole or not at all; what it is, it says itself."""
        fresh = folder / f"{LOCAL_STACK}.new"
        where = {"bucket": self.buckets["code"], "aws_environment": dict(self.aws_environment)}
        fresh.write_text(json.dumps(where, indent=1), encoding="utf-8")
        fresh.replace(folder / LOCAL_STACK)

    def as_it_is_now(self) -> Deployment:
        """The same deployment, read again: after another apply, say."""
        return self.find(self.buckets["code"], self.environment, self.aws_environment)

    @cached_property
    def contracts_text(self) -> bytes:
        """The rendered contracts as they were deployed; ``PipelineBug`` where they are not what was described."""
        self.enter()
        place = f"s3://{self.buckets['code']}/{self.contracts_key}"
        remedy = f"Deploy again: starmend deploy apply --env {self.environment}"
        text = _read(self.clients, self.buckets["code"], self.contracts_key, "read the deployed contracts", remedy)
        if (digest := hashlib.sha256(text).hexdigest()) != self.contracts_sha256:
            problem = f"has the SHA-256 {digest}, and {self.contracts_sha256} was deployed"
            raise PipelineBug("read the deployed contracts", place, problem, remedy)
        return text

    @cached_property
    def contracts(self) -> Contracts:
        """The contracts that were deployed. Raises ``PipelineBug`` where this release cannot read them."""
        try:
            return load_rendered(self.contracts_text)
        except UNREADABLE as error:
            place = f"s3://{self.buckets['code']}/{self.contracts_key}"
            remedy = f"Use the release that was deployed, or this one: starmend deploy apply --env {self.environment}"
            raise PipelineBug("read the deployed contracts", place, f"not of this release: {error}", remedy) from error

    @cached_property
    def clients(self) -> Clients:
        """SDK clients that reach this deployment; the process's environment is pointed there."""
        self.enter()
        return Clients()

    def enter(self) -> None:
        """Point this process's SDK at the deployment."""
        _point_sdk_at(self.aws_environment)

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
        return replace(Settings.from_environment(self.function_environment), contracts_text=self.contracts_text)

    @property
    def function_environment(self) -> dict[str, str]:
        """The variables that all functions share, and those that the auditor reads with."""
        return {
            "STARMEND_PROJECT": self.project,
            "STARMEND_ENV": self.environment,
            "STARMEND_INGEST_BUCKET": self.ingest_bucket,
            "STARMEND_WAREHOUSE_BUCKET": self.warehouse_bucket,
            "STARMEND_CODE_VERSION": "command",
            "STARMEND_ATHENA_WORKGROUP": self.workgroup,
            "STARMEND_ATHENA_DATABASE": self.database,
            "STARMEND_SOURCE_FUNCTION": self.functions.get("check", ""),
            "STARMEND_RESTATE_FUNCTION": self.functions.get("restate", ""),
            "STARMEND_DEAD_LETTER_QUEUE_URL": self.dead_letter_queues.get("arrivals", ""),
        }


def _point_sdk_at(aws_environment: Mapping[str, str]) -> None:
    if "AWS_ENDPOINT_URL" in aws_environment:
        os.environ.pop("AWS_PROFILE", None)  # an emulator has credentials of its own
    os.environ.update(aws_environment)


def _read(
    clients: Clients, bucket: str, key: str, operation: str, remedy: str, *, absent: type[StarmendError] = PipelineBug
) -> bytes:
    """An object that has to be there; ``remedy`` is for where it is not."""
    place = f"s3://{bucket}/{key}"
    with reaching(operation, place):
        try:
            return bytes(clients("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            if code_of(error) in _ABSENT:
                raise absent(operation, place, "there is none in this account", remedy) from error
            if status_of(error) == 403:
                problem = "it is not there, or these credentials may not read it"
                raise PipelineBug(operation, place, problem, f"{remedy}, or take the operator's role") from error
            raise
