"""A lake of many partitions in the emulator's S3, described as a deployment is, whose fact is lost."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.calls.deployed import INGEST, WAREHOUSE
from bench.rebuild import TABLE, FilledLake

from aws.clients import Clients
from aws.deployment import DESCRIPTION, Deployment
from local.emulator import Emulator
from local.spark.drivers import LocalSpark
from processing.partitions.commit import read_partition
from processing.restating.rebuild import paths_of_pointers
from processing.services import Services
from processing.spark.runtime import DeployedServices

CODE = "code"
ENVIRONMENT = "shuffled"


@dataclass(frozen=True)
class EmulatedLake:
    """``digests`` are what the incremental road made of each partition of ``TABLE``; none of them is there."""

    deployment: Deployment
    services: Services
    digests: Mapping[str, str]
    objects: int

    def content(self) -> dict[str, str]:
        """What each partition holds now."""
        table = self.services.contracts.table(TABLE)
        paths = list(paths_of_pointers(self.services, table))
        snapshots = {path: read_partition(self.services.partitions, table, path) for path in paths}
        return {path: snapshot.footer.digest for path, snapshot in snapshots.items() if snapshot}

    def spark(self, python: Path, folder: Path) -> LocalSpark:
        """A Spark that finds this lake."""
        return LocalSpark(python, folder, CODE, ENVIRONMENT, self.deployment.aws_environment, cores=2)

    def lose(self) -> None:
        """The fact's pointers and objects are gone again."""
        keys = [info.key for info in self.services.records.list("warehouse/") if f"/{TABLE}/" in info.key]
        self.services.records.delete(keys)


@contextmanager
def emulated_lake(folder: Path, *, symbols: int, months: int) -> Iterator[EmulatedLake]:
    """A lake in an emulator of its own; the process's environment is as before when it ends."""
    before = dict(os.environ)
    os.environ.pop("AWS_PROFILE", None)
    try:
        with Emulator.start(folder / "emulator") as emulator:
            yield fill(emulator, folder / "filled", symbols=symbols, months=months)
    finally:
        os.environ.clear()
        os.environ.update(before)


def fill(emulator: Emulator, folder: Path, *, symbols: int, months: int) -> EmulatedLake:
    """A lake of so many partitions, each object of which holds rows of every symbol. The SDK is pointed there."""
    lake = FilledLake(folder, symbols=symbols, months=months)
    digests, contracts = lake.digests(), lake.functions.settings.contracts_text or b""
    lake.lose()
    deployment = _described(emulator, contracts)
    client = Clients()("s3")
    for name in (INGEST, WAREHOUSE):
        for key, stored in lake.functions.aws.bucket(name).objects.items():
            client.put_object(Bucket=name, Key=key, Body=stored.body, Metadata=dict(stored.metadata))
    return EmulatedLake(deployment, DeployedServices.of(deployment)(), digests, lake.objects)


def _described(emulator: Emulator, contracts: bytes) -> Deployment:
    key = f"contracts/{hashlib.sha256(contracts).hexdigest()}.json"
    rooms = ("functions", "queues", "dead_letter_queues", "streams", "state_machines", "secrets", "alarms")
    names: dict[str, object] = {room: {} for room in rooms}
    names |= {"project": "starmend", "environment": ENVIRONMENT, "region": "us-east-1", "code_version": "emulated"}
    names |= {"database": "stars", "workgroup": "analysts", "alarm_topic": "", "contracts_key": key}
    names |= {"buckets": {"code": CODE, "ingest": INGEST, "warehouse": WAREHOUSE}}
    names |= {"contracts_sha256": hashlib.sha256(contracts).hexdigest()}
    environment = emulator.environment()
    deployment = Deployment(**names, aws_environment=environment)  # type: ignore[arg-type]
    client = deployment.clients("s3")
    for bucket in (CODE, INGEST, WAREHOUSE):
        client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=CODE, Key=key, Body=contracts)
    client.put_object(Bucket=CODE, Key=DESCRIPTION, Body=json.dumps(names).encode())
    return Deployment.find(CODE, ENVIRONMENT, environment)
