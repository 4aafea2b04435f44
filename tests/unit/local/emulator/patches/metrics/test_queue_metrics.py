"""Metrics of queues."""

from __future__ import annotations

import pytest
from tests.support.waiting import eventually
from tests.unit.local.emulator.patches.metrics.alarms import alarm, becomes

pytestmark = pytest.mark.emulator


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
