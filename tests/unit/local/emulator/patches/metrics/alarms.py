"""Alarms and metrics through boto3, for the tests of their patches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3


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
