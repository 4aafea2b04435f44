"""What the CloudWatch User Guide says of alarms and metrics, seen through boto3. Periods run at a fiftieth of their
length (``alarm_scale``), so a minute's datapoint is missing after 1.2 seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from tests.support.waiting import eventually

from local.emulator import Emulator

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def cloudwatch(session: boto3.Session) -> Any:
    return session.client("cloudwatch")


@pytest.fixture(scope="module")
def topic(session: boto3.Session) -> tuple[str, str]:
    """A topic, and the URL of a queue that gets what is published there."""
    sns, sqs = session.client("sns"), session.client("sqs")
    arn = sns.create_topic(Name="admins")["TopicArn"]
    url = sqs.create_queue(QueueName="admins-mail")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    return arn, url


def alarm(cloudwatch: Any, name: str, **changes: Any) -> None:
    given = {
        "AlarmName": name, "Namespace": "Test", "MetricName": name, "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    cloudwatch.put_metric_alarm(**{key: value for key, value in (given | changes).items() if value is not None})


def put(cloudwatch: Any, metric: str, value: float, **dimensions: str) -> None:
    pairs = [{"Name": name, "Value": text} for name, text in dimensions.items()]
    cloudwatch.put_metric_data(
        Namespace="Test", MetricData=[{"MetricName": metric, "Value": value, "Dimensions": pairs}]
    )


def state(cloudwatch: Any, name: str) -> str:
    found = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return (found["MetricAlarms"] + found["CompositeAlarms"])[0]["StateValue"]


def becomes(cloudwatch: Any, name: str, wanted: str) -> Callable[[], bool]:
    return lambda: state(cloudwatch, name) == wanted


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


def test_describe_alarms_returns_what_was_put_in_both_protocols(cloudwatch, emulator, topic):
    given = {
        "AlarmDescription": "See <runbook> & act", "ActionsEnabled": False, "OKActions": [topic[0]],
        "AlarmActions": [topic[0]], "InsufficientDataActions": [topic[0]], "Statistic": None,
        "ExtendedStatistic": "p99",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}], "Period": 300, "Unit": "Milliseconds",
        "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "ignore",
        "EvaluateLowSampleCountPercentile": "ignore",
    }  # fmt: skip
    alarm(cloudwatch, "whole", **given)
    expected = {name: value for name, value in given.items() if value is not None}
    described = cloudwatch.describe_alarms(AlarmNames=["whole"])["MetricAlarms"][0]
    assert {name: described.get(name) for name in expected} == expected
    assert "Statistic" not in described
    assert abs(datetime.now(UTC) - described["AlarmConfigurationUpdatedTimestamp"]).total_seconds() < 60
    form = describe_by_form(emulator, "whole")
    assert {name: form.get(name) for name in expected} == expected


def describe_by_form(emulator: Emulator, name: str) -> dict[str, Any]:
    """DescribeAlarms in the query protocol, as older clients and Terraform's provider speak it."""
    import botocore.loaders
    import botocore.model
    import botocore.parsers
    import requests

    credential = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/monitoring/aws4_request"
    form = {"Action": "DescribeAlarms", "Version": "2010-08-01", "AlarmNames.member.1": name}
    answer = requests.post(emulator.endpoint, data=form, headers={"Authorization": credential}, timeout=10)
    model = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("cloudwatch", "service-2"))
    shape = model.operation_model("DescribeAlarms").output_shape
    raw = {"body": answer.content, "headers": dict(answer.headers), "status_code": answer.status_code}
    return botocore.parsers.QueryParser().parse(raw, shape)["MetricAlarms"][0]


def sums(cloudwatch: Any, namespace: str, metric: str, **dimensions: str) -> float:
    found = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName=metric, StartTime=time.time() - 600, EndTime=time.time() + 60, Period=3600,
        Statistics=["Sum"], Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
    )  # fmt: skip
    return sum(point["Sum"] for point in found["Datapoints"])


def write_log(session: boto3.Session, group: str, *messages: str) -> None:
    logs = session.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    add_log(session, group, *messages)


def add_log(session: boto3.Session, group: str, *messages: str) -> None:
    events = [{"timestamp": int(time.time() * 1000), "message": message} for message in messages]
    session.client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def test_metrics_embedded_in_a_log_line_are_metrics(cloudwatch, session):
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {"Namespace": "Pipe", "Dimensions": [["dataset"], []], "Metrics": [{"Name": "Rows", "Unit": "Count"}]}
            ],
        },
        "dataset": "sales", "Rows": [3, 4], "other": "property",
    }  # fmt: skip
    write_log(session, "/emf", "not json", json.dumps(line), '{"_aws": {"broken": true}}')
    assert sums(cloudwatch, "Pipe", "Rows", dataset="sales") == 7
    assert sums(cloudwatch, "Pipe", "Rows") == 7


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ('{ $.level = "ERROR" }', "1", 2),
        ('{ $.level = "ERR*" && ($.n > 1 || $.n = 1) }', "$.n", 6),
        ("{ $.detail.code NOT EXISTS }", "1", 2),
        ("{ $.level = ERROR && $.detail.code = 7 }", "1", 1),
        ("ERROR -harmless", "1", 2),
        ("?timeout ?refused", "1", 1),
    ],
)
def test_metric_filters_count_what_their_pattern_matches(cloudwatch, session, pattern, value, expected):
    name = f"filter-{abs(hash(pattern))}"
    write_log(session, name, "before the filter: ERROR timeout")
    transformation = {"metricName": name, "metricNamespace": "Filtered", "metricValue": value}
    session.client("logs").put_metric_filter(
        logGroupName=name, filterName="f", filterPattern=pattern, metricTransformations=[transformation]
    )
    add_log(
        session, name, '{"level": "ERROR", "n": 2}', '{"level": "ERROR", "n": 4, "detail": {"code": 7}}',
        '{"level": "INFO", "n": 9}', "plain timeout, harmless ERROR",
    )  # fmt: skip
    assert sums(cloudwatch, "Filtered", name) == expected


def test_a_queue_has_metrics_of_its_messages_and_of_their_age(cloudwatch, session):
    sqs = session.client("sqs")
    url = sqs.create_queue(QueueName="measured")["QueueUrl"]
    dimensions = [{"Name": "QueueName", "Value": "measured"}]
    old = {"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage", "Dimensions": dimensions}
    many = {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Dimensions": dimensions}
    alarm(cloudwatch, "old", Statistic="Maximum", Threshold=0, **old)
    alarm(cloudwatch, "many", Statistic="Maximum", Threshold=1, **many)
    eventually(becomes(cloudwatch, "many", "OK"), within=5)
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    eventually(becomes(cloudwatch, "many", "ALARM"), within=5)
    eventually(becomes(cloudwatch, "old", "ALARM"), within=5)
    sqs.purge_queue(QueueUrl=url)
    eventually(becomes(cloudwatch, "many", "OK"), within=8)
