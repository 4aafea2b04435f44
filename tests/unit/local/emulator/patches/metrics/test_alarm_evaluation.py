"""What the CloudWatch User Guide says of alarms and metrics, seen through boto3. Periods run at a fiftieth of their
length (``alarm_scale``), so a minute's datapoint is missing after 1.2 seconds."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from tests.support.waiting import eventually
from tests.unit.local.emulator.functions import create
from tests.unit.local.emulator.patches.metrics.alarms import alarm, becomes, put, state

pytestmark = pytest.mark.emulator


def test_an_alarm_says_when_it_starts_and_when_it_ends(cloudwatch, session, topic):
    arn, url = topic
    alarm(cloudwatch, "two-ways", TreatMissingData="notBreaching", AlarmActions=[arn], OKActions=[arn])
    put(cloudwatch, "two-ways", 6)

    def told() -> list[str]:
        messages = session.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        heard.extend(json.loads(m["Body"]) for m in messages)
        return [m["NewStateValue"] for m in heard if m["AlarmName"] == "two-ways"]

    heard: list[dict[str, Any]] = []
    eventually(lambda: told()[-2:] == ["ALARM", "OK"], within=10)


NOTE = """
import json
def handler(event, context):
    print("noted " + json.dumps(event["alarmData"]))
"""


def test_a_function_is_given_both_states_of_a_change_and_of_a_new_alarm_too(cloudwatch, session):
    create(session, "notes", {"index.py": NOTE})
    arn = session.client("lambda").get_function(FunctionName="notes")["Configuration"]["FunctionArn"]
    alarm(cloudwatch, "noted", TreatMissingData="notBreaching", OKActions=[arn], AlarmDescription="What it is.")

    def heard() -> list[dict[str, Any]]:
        logs = session.client("logs")
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/notes", filterPattern="noted")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [json.loads(event["message"].split("noted ", 1)[1]) for event in events]

    def changes() -> list[tuple[str, str]]:
        return [(change["previousState"]["value"], change["state"]["value"]) for change in heard()]

    eventually(lambda: changes() == [("INSUFFICIENT_DATA", "OK")], within=20)
    put(cloudwatch, "noted", 6)
    eventually(lambda: changes()[1:] == [("ALARM", "OK")], within=20)
    first, second = heard()
    assert second["configuration"] == {"description": "What it is."}
    assert first["state"]["timestamp"] <= second["previousState"]["timestamp"] <= second["state"]["timestamp"]


def test_an_alarm_looks_at_its_own_dimensions_alone(cloudwatch):
    alarm(cloudwatch, "ours", Dimensions=[{"Name": "dataset", "Value": "quotes"}], TreatMissingData="notBreaching")
    put(cloudwatch, "ours", 100, dataset="sales")
    put(cloudwatch, "ours", 100)
    put(cloudwatch, "ours", 1, dataset="quotes")
    eventually(becomes(cloudwatch, "ours", "OK"), within=5)
    put(cloudwatch, "ours", 100, dataset="quotes")
    eventually(becomes(cloudwatch, "ours", "ALARM"), within=5)


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "ALARM"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_missing_data_are_treated_as_told(cloudwatch, treatment, expected):
    name = f"missing-{treatment}"
    alarm(cloudwatch, name, TreatMissingData=treatment)
    put(cloudwatch, name, 9)
    eventually(becomes(cloudwatch, name, "ALARM"), within=5)
    started = time.monotonic()
    eventually(lambda: time.monotonic() - started > 2 and state(cloudwatch, name) == expected, within=6)


def test_a_metric_that_never_came_is_an_alarm_where_missing_data_breach(cloudwatch):
    alarm(cloudwatch, "dead-man", TreatMissingData="breaching", ComparisonOperator="LessThanThreshold", Threshold=1)
    eventually(becomes(cloudwatch, "dead-man", "ALARM"), within=5)


def test_m_of_n_datapoints_make_an_alarm(cloudwatch):
    alarm(cloudwatch, "m-of-n", EvaluationPeriods=5, DatapointsToAlarm=2, TreatMissingData="notBreaching", Period=60)
    put(cloudwatch, "m-of-n", 9)
    eventually(becomes(cloudwatch, "m-of-n", "OK"), within=5)
    began = time.monotonic()
    eventually(lambda: time.monotonic() - began > 1.3, within=3)  # the second one falls into another period
    put(cloudwatch, "m-of-n", 9)
    eventually(becomes(cloudwatch, "m-of-n", "ALARM"), within=5)


def test_an_alarm_may_watch_an_expression(cloudwatch):
    stat = {"Stat": "Sum", "Period": 60}
    rejected = {"Namespace": "Test", "MetricName": "rejected"}
    rows = {"Namespace": "Test", "MetricName": "rows"}
    queries = [
        {"Id": "share", "Expression": "100 * FILL(a, 0) / b", "Label": "share", "ReturnData": True},
        {"Id": "a", "MetricStat": {"Metric": rejected, **stat}, "ReturnData": False},
        {"Id": "b", "MetricStat": {"Metric": rows, **stat}, "ReturnData": False},
    ]
    cloudwatch.put_metric_alarm(
        AlarmName="share", EvaluationPeriods=1, Threshold=10, ComparisonOperator="GreaterThanThreshold", Metrics=queries
    )
    put(cloudwatch, "rows", 100)
    eventually(becomes(cloudwatch, "share", "OK"), within=5)
    put(cloudwatch, "rows", 100)
    put(cloudwatch, "rejected", 30)
    eventually(becomes(cloudwatch, "share", "ALARM"), within=5)
    described = cloudwatch.describe_alarms(AlarmNames=["share"])["MetricAlarms"][0]
    assert described["Metrics"] == queries
    assert not {"Statistic", "Period", "MetricName"} & set(described)


def test_a_composite_alarm_follows_its_children(cloudwatch):
    alarm(cloudwatch, "child", TreatMissingData="notBreaching")
    cloudwatch.put_composite_alarm(AlarmName="unhealthy", AlarmRule="ALARM(child)")
    put(cloudwatch, "child", 9)
    eventually(becomes(cloudwatch, "unhealthy", "ALARM"), within=5)
    eventually(becomes(cloudwatch, "unhealthy", "OK"), within=8)


def test_each_region_evaluates_its_own_alarms_on_its_own_metrics_and_queues(cloudwatch, session):
    there = session.client("cloudwatch", region_name="eu-central-1")
    queue = {
        "Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Statistic": "Maximum",
        "Threshold": 0, "Dimensions": [{"Name": "QueueName", "Value": "both"}],
    }  # fmt: skip
    for region, client in ((session.region_name, cloudwatch), ("eu-central-1", there)):
        session.client("sqs", region_name=region).create_queue(QueueName="both")
        alarm(client, "of-a-region", TreatMissingData="notBreaching")
        alarm(client, "queue-of-a-region", TreatMissingData="notBreaching", **queue)
        eventually(becomes(client, "queue-of-a-region", "OK"), within=5)
    put(there, "of-a-region", 9)
    sqs = session.client("sqs", region_name="eu-central-1")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="both")["QueueUrl"], MessageBody="there")
    eventually(becomes(there, "of-a-region", "ALARM"), within=5)
    eventually(becomes(there, "queue-of-a-region", "ALARM"), within=5)
    assert {state(cloudwatch, name) for name in ("of-a-region", "queue-of-a-region")} == {"OK"}
