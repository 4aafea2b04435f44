"""Drivers of rebuilds by Spark as processes of this machine, with pyspark from an environment of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aws.executions import Execution
from core.errors import Misuse
from local.processes import marked, processes_below

SOURCES = Path(__file__).resolve().parents[2]
JOB = SOURCES / "processing" / "spark" / "job.py"
DRIVER_MEMORY = "2g"
TRIES = 4  # of a task, as on a cluster: a local driver gives up after the first one otherwise
LOG, SUMMARY = "driver.log", "summary.json"
END_OF_LOG = 2000  # characters


@dataclass
class LocalSpark:
    """As ``aws.executions.StateMachine``: starts a driver by the name of a run's attempt, and says how it is.

    ``python`` is that of an environment with pyspark (``make spark`` makes ``.venv-spark``), ``folder`` for what
    drivers leave. A driver goes on when whoever started it is gone, and is found by its name.
    """

    python: Path
    folder: Path
    code_bucket: str
    environment: str
    aws_environment: Mapping[str, str]
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    def start(self, name: str, data: Mapping[str, Any]) -> str:
        """Start the driver of these jobs; returns its name. Raises ``Misuse`` where there is no pyspark."""
        if not self.python.exists():
            remedy = "Install it: make spark; or leave --engine spark out"
            raise Misuse("start Spark", str(self.python), "there is no such environment", remedy)
        own = self.folder / name
        own.mkdir(parents=True, exist_ok=True)
        (own / SUMMARY).unlink(missing_ok=True)
        arguments = ["--code-bucket", self.code_bucket, "--environment", self.environment, "--jobs", data["jobs"]]
        with (own / LOG).open("ab") as log, (own / SUMMARY).open("wb") as summary:
            subprocess.Popen(
                [str(self.python), str(JOB), *arguments],
                env={**os.environ, **self.aws_environment, **self._spark(own), **marked(own)},
                stdin=subprocess.DEVNULL,
                stdout=summary,
                stderr=log,
                start_new_session=True,
            )
        return name

    def find(self, name: str) -> Execution | None:
        """The driver of that name; None where none was started here, or one that was is to be started again."""
        execution = self.describe(name)
        return None if execution.status == "FAILED" else execution

    def describe(self, name: str) -> Execution:
        """The driver as it is now. What it printed last tells whether it came to its end."""
        own = self.folder / name
        if processes_below(own):
            return Execution(name, "RUNNING", {})
        summary = own / SUMMARY
        if summary.exists() and summary.read_bytes().endswith(b"}\n"):
            return Execution(name, "SUCCEEDED", {})
        log = own / LOG
        cause = log.read_text(errors="replace")[-END_OF_LOG:] if log.exists() else "it was never started here"
        return Execution(name, "FAILED", {}, cause)

    def _spark(self, own: Path) -> dict[str, str]:
        """Spark's settings: all on loopback, its files in the driver's folder."""
        given = {
            "spark.ui.enabled": "false",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.local.dir": str(own),
            "spark.sql.warehouse.dir": str(own / "warehouse"),
        }
        settings = " ".join(f"--conf {name}={value}" for name, value in given.items())
        master = f"--master local[{self.cores},{TRIES}] --driver-memory {DRIVER_MEMORY}"
        return {
            "PYSPARK_PYTHON": str(self.python),
            "PYSPARK_SUBMIT_ARGS": f"{master} {settings} pyspark-shell",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(SOURCES), os.environ.get("PYTHONPATH", "")])),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
