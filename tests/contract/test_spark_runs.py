"""Runs of Spark's managed engines: calls that AWS's models of both services admit, answers as AWS documents them.

Neither service was run. What moto keeps tells whether a run is found again by its name; its states are AWS's own lists.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.loaders import Loader
from tests.support.simulated_aws import ClientOf

from aws.spark import _EMR, _GLUE, LONGEST_TOKEN, NAME, EmrServerless, GlueJob, _token, spark_of
from cli.at_scale.run import run_name
from core.errors import StarmendError

ROLE = "arn:aws:iam::123456789012:role/starmend-dev-spark"
ARGUMENTS = ("--code-bucket", "code", "--environment", "dev")


def emr(client_of: ClientOf) -> EmrServerless:
    client = client_of("emr-serverless")
    application = client.create_application(name="spark", releaseLabel="emr-7.0.0", type="SPARK", clientToken="a")
    return EmrServerless(client, application["applicationId"], ROLE, "s3://code/job.py", ARGUMENTS, "--conf a=b")


def test_a_run_of_emr_is_found_by_its_name_and_told_what_jobs_it_has(client_of: ClientOf) -> None:
    machine = emr(client_of)
    started = machine.start("rebuild-fact-1", {"jobs": "audit/runs/rebuild-fact/jobs/1-"})
    other = machine.start("rebuild-fact-2", {"jobs": "audit/runs/rebuild-fact/jobs/2-"})
    assert other != started
    found = machine.find("rebuild-fact-1")
    assert found is not None
    assert (found.arn, machine.find("rebuild-fact-3")) == (started, None)
    run = machine.client.get_job_run(applicationId=machine.application, jobRunId=started)["jobRun"]
    submit = run["jobDriver"]["sparkSubmit"]
    assert submit["entryPointArguments"] == [*ARGUMENTS, "--jobs", "audit/runs/rebuild-fact/jobs/1-"]
    assert submit["sparkSubmitParameters"] == "--conf a=b"


def test_a_run_is_told_from_others_of_names_that_are_longer_than_a_token(client_of: ClientOf) -> None:
    """By the model of StartJobRun, whose ``clientToken`` has 64 characters at most, and those of a run's name 256."""
    machine = emr(client_of)
    model = machine.client.meta.service_model.operation_model("StartJobRun").input_shape
    longest = run_name("t" * 255, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    tokens = set()
    for name in ("a", "b" * 64, f"{longest}-1", f"{longest}-2"):
        token = _token(name)
        limits = model.members["clientToken"].metadata
        assert limits["min"] <= len(token) <= limits["max"] == LONGEST_TOKEN
        assert re.fullmatch(limits["pattern"], token)
        assert len(name) <= model.members["name"].metadata["max"]
        started = machine.start(name, {"jobs": "audit/runs/x/jobs/1-"})
        found = machine.find(name)
        assert found is not None
        assert found.arn == started
        tokens.add(token)
    assert len(tokens) == 4


def test_a_run_of_glue_is_found_by_its_name_and_told_what_jobs_it_has(client_of: ClientOf) -> None:
    client = client_of("glue")
    client.create_job(Name="spark", Role=ROLE, Command={"Name": "glueetl"}, ExecutionProperty={"MaxConcurrentRuns": 4})
    machine = GlueJob(client, "spark")
    started = machine.start("rebuild-fact-1", {"jobs": "audit/runs/rebuild-fact/jobs/1-"})
    run = client.get_job_run(JobName="spark", RunId=started)["JobRun"]
    assert run["Arguments"] == {NAME: "rebuild-fact-1", "--jobs": "audit/runs/rebuild-fact/jobs/1-"}
    found = machine.find("rebuild-fact-1")
    assert found is not None
    assert (found.arn, machine.find("rebuild-fact-2")) == (started, None)
    assert machine.describe(started) == machine.find("rebuild-fact-1")


@pytest.mark.parametrize(
    ("service", "shape", "known", "running"),
    [
        ("emr-serverless", "JobRunState", _EMR, {"SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"}),
        ("glue", "JobRunState", _GLUE, {"STARTING", "RUNNING", "WAITING"}),
    ],
)
def test_every_state_that_aws_names_is_one_of_ours(
    service: str, shape: str, known: dict[str, str], running: set[str]
) -> None:
    states = set(Loader().load_service_model(service, "service-2")["shapes"][shape]["enum"])
    assert states == known.keys() | running
    assert set(known.values()) <= {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}  # Step Functions' own


def test_what_a_deployment_says_decides_who_is_asked(client_of: ClientOf) -> None:
    clients: Any = client_of
    assert spark_of(clients, {}, ARGUMENTS) is None
    glue = spark_of(clients, {"engine": "glue", "job": "spark"}, ARGUMENTS)
    assert isinstance(glue, GlueJob)
    described = {"engine": "emr-serverless", "application": "a", "role_arn": ROLE, "script": "s", "settings": "c"}
    assert isinstance(spark_of(clients, described, ARGUMENTS), EmrServerless)


def test_a_job_that_is_not_there_says_which(client_of: ClientOf) -> None:
    with pytest.raises(StarmendError, match="nobody"):
        GlueJob(client_of("glue"), "nobody").start("run", {"jobs": "j"})
