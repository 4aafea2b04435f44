"""Packages that the Spark job brings along to a cluster: those that it was tested with, for the cluster's own Python.

EMR Serverless unpacks an archive beside each process; AWS Glue installs a zip of wheels without asking an index.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidData
from deploy.folders import SPARK_LOCK
from deploy.layers.contents import kept_files
from deploy.layers.wheels import Pin, Platform, fetch_wheels, read_pins
from deploy.zip_files import write_zip

SERVICES = frozenset({"s3", "sqs", "ssm", "sts"})  # whose descriptions the job's clients read
_STORED, _LEVEL = 0, 6  # wheels are compressed already


@dataclass(frozen=True, slots=True)
class Cluster:
    """An engine by the name that an operator gives it: its Python, and whether it installs wheels by itself."""

    name: str
    python: str
    installs: bool

    @property
    def file(self) -> str:
        """The name of its packages. Glue knows a zip of wheels by the end of its name."""
        return f"spark-{self.name}.{'gluewheels.zip' if self.installs else 'zip'}"


# https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/release-version-emr-spark-8.0.0.html
# https://docs.aws.amazon.com/glue/latest/dg/release-notes.html
CLUSTERS = {
    cluster.name: cluster
    for cluster in (
        Cluster("emr-serverless", "3.13", installs=False),
        Cluster("glue-5.1", "3.11", installs=True),
        Cluster("glue-6.0", "3.13", installs=True),
    )
}


def build_spark_packages(folder: Path, name: str, architecture: str = "x86_64") -> Path:
    """The zip for a cluster, the same bytes for the same lock; wheels come from the cache where they are there.

    Raises ``InvalidData`` for a cluster that is not known, ``OutOfReach`` where a wheel cannot be had.
    """
    cluster = CLUSTERS.get(name)
    if cluster is None:
        raise InvalidData("package Spark", name, "is no engine", f"Use one of: {', '.join(CLUSTERS)}")
    pins = read_pins(SPARK_LOCK)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        wheels = fetch_wheels(pins, Platform(cluster.python, architecture), Path(downloads))
        files = _wheels(wheels, pins) if cluster.installs else _unpacked(wheels)
        return write_zip(folder / cluster.file, files, level=_STORED if cluster.installs else _LEVEL)


def _unpacked(wheels: Iterable[Path]) -> dict[str, bytes]:
    return {f"python/{name}": data for wheel in wheels for name, data in kept_files(wheel, SERVICES)}


def _wheels(wheels: Iterable[Path], pins: Mapping[str, Pin]) -> dict[str, bytes]:
    files = {f"wheels/{wheel.name}": wheel.read_bytes() for wheel in wheels}
    lines = sorted(f"{pin.name}=={pin.version}\n" for pin in pins.values())
    return {**files, "wheels/requirements.txt": "".join(lines).encode()}
