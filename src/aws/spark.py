"""Job runs of Spark's managed engines, started by the name of a run's attempt and watched, as a state machine's are.

Neither EMR Serverless nor AWS Glue was run: calls and answers are held to AWS's models of both services.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aws.executions import Execution
from aws.failures import reaching

NAME = "--run"  # the argument of a Glue job that tells whose run it is; the job itself passes it over
# https://docs.aws.amazon.com/emr-serverless/latest/APIReference/API_StartJobRun.html
LONGEST_TOKEN = 64
# https://docs.aws.amazon.com/emr-serverless/latest/APIReference/API_JobRun.html
_EMR = {"SUCCESS": "SUCCEEDED", "FAILED": "FAILED", "CANCELLED": "ABORTED", "CANCELLING": "ABORTED"}
# https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html
_GLUE = {"SUCCEEDED": "SUCCEEDED", "TIMEOUT": "TIMED_OUT", "STOPPED": "ABORTED", "STOPPING": "ABORTED"}
_GLUE |= dict.fromkeys(("FAILED", "ERROR", "EXPIRED"), "FAILED")


@dataclass(frozen=True)
class EmrServerless:
    """Job runs of an application. ``arguments`` are those of every run; ``settings`` are ``spark-submit``'s."""

    client: Any
    application: str
    role_arn: str
    script: str
    arguments: tuple[str, ...]
    settings: str

    def start(self, name: str, data: Mapping[str, Any]) -> str:
        """Start a run with these jobs; the same name again is the same run. Returns its id."""
        submit = {
            "entryPoint": self.script,
            "entryPointArguments": [*self.arguments, "--jobs", data["jobs"]],
            "sparkSubmitParameters": self.settings,
        }
        with reaching("start a job run", self.application):
            answer = self.client.start_job_run(
                applicationId=self.application,
                clientToken=_token(name),
                name=name,
                executionRoleArn=self.role_arn,
                jobDriver={"sparkSubmit": submit},
            )
        return str(answer["jobRunId"])

    def find(self, name: str) -> Execution | None:
        """The run of that name; None where none was started, or one that failed is to be started again."""
        with reaching("list job runs", self.application):
            pages = self.client.get_paginator("list_job_runs").paginate(applicationId=self.application)
            runs = [run["id"] for page in pages for run in page["jobRuns"] if run.get("name") == name]
        return self.describe(runs[0]) if runs else None

    def describe(self, execution: str) -> Execution:
        """The run as it is now."""
        with reaching("describe a job run", execution):
            run = self.client.get_job_run(applicationId=self.application, jobRunId=execution)["jobRun"]
        return Execution(execution, _EMR.get(run["state"], "RUNNING"), {}, run.get("stateDetails", ""))


def _token(name: str) -> str:
    """What tells a run from others, of a name of any length: a token has 64 characters at most."""
    return name if len(name) <= LONGEST_TOKEN else f"{name[:55]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class GlueJob:
    """Runs of a Glue job."""

    client: Any
    job: str

    def start(self, name: str, data: Mapping[str, Any]) -> str:
        """Start a run with these jobs; returns its id."""
        with reaching("start a job run", self.job):
            answer = self.client.start_job_run(JobName=self.job, Arguments={NAME: name, "--jobs": data["jobs"]})
        return str(answer["JobRunId"])

    def find(self, name: str) -> Execution | None:
        """The run of that name; None where none was started."""
        with reaching("list job runs", self.job):
            run = next((run for run in self._runs() if run.get("Arguments", {}).get(NAME) == name), None)
        return _of_glue(run) if run else None

    def describe(self, execution: str) -> Execution:
        """The run as it is now."""
        with reaching("describe a job run", execution):
            return _of_glue(self.client.get_job_run(JobName=self.job, RunId=execution)["JobRun"])

    def _runs(self) -> Iterator[Mapping[str, Any]]:
        for page in self.client.get_paginator("get_job_runs").paginate(JobName=self.job):
            yield from page["JobRuns"]


def _of_glue(run: Mapping[str, Any]) -> Execution:
    return Execution(run["Id"], _GLUE.get(run["JobRunState"], "RUNNING"), {}, run.get("ErrorMessage", ""))


def spark_of(clients: Any, described: Mapping[str, str], arguments: tuple[str, ...]) -> EmrServerless | GlueJob | None:
    """The engine that a deployment describes (``terraform/spark.tf``); None where it has none."""
    if described.get("engine") == "glue":
        return GlueJob(clients("glue"), described["job"])
    if described.get("engine") == "emr-serverless":
        client = clients("emr-serverless")
        application, role_arn, script = (described[name] for name in ("application", "role_arn", "script"))
        return EmrServerless(client, application, role_arn, script, arguments, described["settings"])
    return None
