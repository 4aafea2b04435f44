"""Engines of rebuilds at scale: who is asked, by what was said or by what there is to read."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.rebuild_histories import FACT, random_lake

from aws.executions import StateMachine
from aws.spark import GlueJob
from cli.at_scale.engines import machine_of, plan
from core.errors import NotDeployed


def deployment(**said: Any) -> Any:
    """What of a deployment on AWS is asked here."""
    given: dict[str, Any] = {"environment": "prod", "buckets": {"code": "code"}, "state_machines": {}, "spark": {}}
    return SimpleNamespace(**{**given, **said}, clients=lambda service: service)


def test_a_deployment_says_who_carries_jobs_out() -> None:
    machines = {"at-scale": "arn:aws:states:eu-west-1:1:stateMachine:at-scale"}
    assert isinstance(machine_of(deployment(state_machines=machines), "lambda"), StateMachine)
    assert isinstance(machine_of(deployment(spark={"engine": "glue", "job": "spark"}), "spark"), GlueJob)


@pytest.mark.parametrize(("engine", "remedy"), [("spark", "emr-serverless"), ("lambda", "Deploy again")])
def test_an_engine_that_a_deployment_has_not_is_refused_with_the_remedy(engine: str, remedy: str) -> None:
    with pytest.raises(NotDeployed) as refused:
        machine_of(deployment(), engine)
    assert remedy in refused.value.remedy


def test_each_engine_gets_jobs_of_its_own_and_a_small_table_is_the_functions_with_the_reason() -> None:
    lake = random_lake(random.Random(1))
    table = lake.services.contracts.table(FACT)
    functions = plan(deployment(), lake.services, table, "lambda", allow_fewer=False)
    shuffled = plan(deployment(), lake.services, table, "spark", allow_fewer=True)
    assert all(job.inputs for job in functions.jobs)
    assert [(job.inputs, job.allow_fewer) for job in shuffled.jobs] == [(None, True)]
    assert sorted(path for job in shuffled.jobs for path in job.partitions) == lake.paths(FACT)
    chosen = plan(deployment(), lake.services, table, "auto", allow_fewer=False)
    assert (chosen.engine, chosen.jobs) == ("lambda", functions.jobs)
    assert "jobs read" in chosen.reason


def test_a_dimension_is_shuffled_and_a_rollup_is_not() -> None:
    lake = random_lake(random.Random(1))
    for name, engine in (("dim_staff", "spark"), ("fact_quote_hourly", "lambda")):
        table = lake.services.contracts.table(name)
        assert plan(deployment(), lake.services, table, "auto", allow_fewer=False).engine == engine
