"""Metrics of functions, whoever invoked them."""

from __future__ import annotations

import time

import boto3
import pytest
from tests.support.waiting import eventually
from tests.unit.local.emulator.functions import create, invoke

pytestmark = pytest.mark.emulator


def statistics(session: boto3.Session, metric: str, name: str) -> float:
    found = session.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda", MetricName=metric, Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=time.time() - 600, EndTime=time.time() + 60, Period=3600, Statistics=["Sum"],
    )  # fmt: skip
    return sum(point["Sum"] for point in found["Datapoints"])


def test_invocations_by_a_queue_are_counted_with_their_errors(session):
    create(session, "from-queue", {"index.py": "def handler(e, c):\n  if 'bad' in str(e): raise ValueError('bad')"})
    sqs = session.client("sqs")
    url = sqs.create_queue(QueueName="to-function", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    session.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName="from-queue", BatchSize=1)
    for body in ("good", "bad"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    eventually(lambda: statistics(session, "Invocations", "from-queue") == 2, within=15)
    assert statistics(session, "Errors", "from-queue") == 1
    assert statistics(session, "Duration", "from-queue") > 0


def test_an_invoke_is_counted_once(session):
    create(session, "counted", {"index.py": "def handler(e, c): return 1"})
    invoke(session, "counted")
    assert statistics(session, "Invocations", "counted") == 1
