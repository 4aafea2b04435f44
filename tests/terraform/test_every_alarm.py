"""Every alarm as it is deployed, tripped: by the metric that its cause is known by, seen as a message at the topic.

The scenarios of the pipeline trip some of them by their real cause. Here each of them is made exactly as Terraform
would make it, on an emulator of its own, where nothing else happens and time runs as on AWS; what was measured is put
into the past, so that nobody waits for it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from tests.support.waiting import eventually
from tests.terraform.planned import resources

from local.emulator import Emulator

pytestmark = pytest.mark.emulator

Alarm = Mapping[str, Any]
MADE_OF = {
    "AlarmName": "alarm_name", "AlarmDescription": "alarm_description", "Namespace": "namespace",
    "MetricName": "metric_name", "Statistic": "statistic", "Period": "period", "Threshold": "threshold",
    "EvaluationPeriods": "evaluation_periods", "DatapointsToAlarm": "datapoints_to_alarm",
    "ComparisonOperator": "comparison_operator", "TreatMissingData": "treat_missing_data",
}  # fmt: skip
# The auditor mails these itself, once per cause; and the one light says what others have mailed.
TOLD_OTHERWISE = (
    "gaps-unhealed", "audit-failed", "pipeline-unhealthy",
    *(f"function-errors-{step}" for step in ("audit", "plan", "verify", "certify", "check")),
)  # fmt: skip

# Of these no end is mailed: lines stay where they are, and a function that fails cannot say so of itself.
STAYS = ("quarantine", "halted-objects", "function-errors-conclude", "throttles-conclude")
SILENCE = ("schedule-silent", "audit-silent", "mirror-late")


@pytest.fixture(scope="module")
def alarms(deployed: dict[str, Any]) -> dict[str, list[Alarm]]:
    """Metric alarms and composite alarms, with the schedules on: all that there are."""
    kinds: dict[str, list[Alarm]] = {"aws_cloudwatch_metric_alarm": [], "aws_cloudwatch_composite_alarm": []}
    for resource in resources(deployed):
        if resource.type in kinds:
            kinds[resource.type].append(resource.values)
    return kinds


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[boto3.Session]:
    """An emulator in which nothing was ever measured, with the alarms' topic."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        with Emulator.start(tmp_path_factory.mktemp("quiet"), alarm_seconds=0.2) as emulator:
            for name, value in emulator.environment().items():
                patch.setenv(name, value)
            yield boto3.Session()


@pytest.fixture(scope="module")
def heard(quiet: boto3.Session, alarms: dict[str, list[Alarm]]) -> list[dict[str, Any]]:
    """What came to the topic after each alarm's metric was put, once everything had come."""
    sns, sqs, cloudwatch = quiet.client("sns"), quiet.client("sqs"), quiet.client("cloudwatch")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    url = sqs.create_queue(QueueName="admins")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    for alarm in alarms["aws_cloudwatch_metric_alarm"]:
        measure(cloudwatch, alarm)
    for alarm in alarms["aws_cloudwatch_metric_alarm"]:
        pairs = [{"Name": name, "Value": value or "x"} for name, value in (alarm["dimensions"] or {}).items()]
        actions = [topic] if alarm["alarm_actions"] else []
        cloudwatch.put_metric_alarm(
            **{name: alarm[own] for name, own in MADE_OF.items()}, Dimensions=pairs, AlarmActions=actions
        )
    for alarm in sorted(alarms["aws_cloudwatch_composite_alarm"], key=lambda alarm: len(alarm["alarm_rule"])):
        cloudwatch.put_composite_alarm(
            AlarmName=alarm["alarm_name"], AlarmDescription=alarm["alarm_description"], AlarmRule=alarm["alarm_rule"],
            AlarmActions=[topic] if alarm["alarm_actions"] else [],
        )  # fmt: skip
    mails: list[dict[str, Any]] = []
    mailing = {name_of(alarm) for kind in alarms.values() for alarm in kind if alarm["alarm_actions"]}

    def all_mailed() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            mails.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return mailing <= {mail["AlarmName"] for mail in mails if mail["NewStateValue"] == "ALARM"}

    try:
        eventually(all_mailed, within=30)
    except AssertionError:
        silent = mailing - {mail["AlarmName"] for mail in mails}
        pytest.fail(f"never came to the topic: {sorted(silent)}")
    return mails


def name_of(alarm: Alarm) -> str:
    return str(alarm["alarm_name"])


def measure(cloudwatch: Any, alarm: Alarm) -> None:
    """Put a breaching datapoint into each of the alarm's periods; where silence is the fault, put nothing."""
    if alarm["treat_missing_data"] == "breaching":
        return
    beyond = {"GreaterThanThreshold": 1, "LessThanThreshold": -1}[alarm["comparison_operator"]]
    now = dt.datetime.now(dt.UTC)
    pairs = [{"Name": name, "Value": value or "x"} for name, value in (alarm["dimensions"] or {}).items()]
    for number in range(alarm["evaluation_periods"]):
        at = now - dt.timedelta(seconds=alarm["period"] * number + min(alarm["period"] / 2, 30) * (number > 0))
        point = {"MetricName": alarm["metric_name"], "Dimensions": pairs, "Timestamp": at}
        cloudwatch.put_metric_data(
            Namespace=alarm["namespace"], MetricData=[{**point, "Value": float(alarm["threshold"]) + beyond}]
        )


def test_every_alarm_that_mails_is_heard_at_the_topic(
    heard: list[dict[str, Any]], alarms: dict[str, list[Alarm]]
) -> None:
    assert len({mail["AlarmName"] for mail in heard}) > 30
    silent = {name_of(alarm) for kind in alarms.values() for alarm in kind if not alarm["alarm_actions"]}
    parts = ("nothing-processed", "work-due", *TOLD_OTHERWISE)
    assert [name for name in silent if not any(part in name for part in parts)] == []


def test_the_end_of_what_mails_is_mailed_by_whom_knows_that_it_was_on(
    alarms: dict[str, list[Alarm]],
) -> None:
    ends = {
        name_of(alarm): (alarm["alarm_actions"] or [], alarm["ok_actions"] or [])
        for kind in alarms.values()
        for alarm in kind
    }
    for name, (starts, over) in ends.items():
        if not starts or any(part in name for part in STAYS):
            assert over == [], name
        elif any(part in name for part in SILENCE):
            assert over == starts, name
        else:
            assert [arn.split(":")[2] for arn in over] == ["lambda"], name
            assert over[0].endswith("-conclude"), name


def test_an_alarm_without_a_mail_of_its_own_is_seen_by_one_that_has(
    heard: list[dict[str, Any]], alarms: dict[str, list[Alarm]], quiet: boto3.Session
) -> None:
    rules = " ".join(str(alarm["alarm_rule"]) for alarm in alarms["aws_cloudwatch_composite_alarm"])
    described = quiet.client("cloudwatch").describe_alarms(MaxRecords=100)
    assert {alarm["StateValue"] for alarm in described["MetricAlarms"]} == {"ALARM"}
    assert [alarm for alarm in alarms["aws_cloudwatch_metric_alarm"] if f'"{name_of(alarm)}"' not in rules] == []


def test_each_mail_says_what_to_do_and_where_it_is_written(heard: list[dict[str, Any]]) -> None:
    for mail in heard:
        text = mail["AlarmDescription"]
        assert "Runbook: docs/runbook.md#" in text
        assert len(text.split("Runbook:")[0]) > 60, text


def test_the_one_light_goes_on_and_mails_nothing_beside_them(heard: list[dict[str, Any]], quiet: boto3.Session) -> None:
    described = quiet.client("cloudwatch").describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    lights = [alarm["StateValue"] for alarm in described if alarm["AlarmName"].endswith("-pipeline-unhealthy")]
    assert lights == ["ALARM"]
    assert [mail for mail in heard if any(name in mail["AlarmName"] for name in TOLD_OTHERWISE)] == []
