"""Mails of the auditor heard through a queue, on a simulated account."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from tests.support.simulated_aws import ClientOf, client_of

from local.healing import listening
from local.stack import Stack

__all__ = ["client_of"]


def test_what_is_mailed_within_the_block_is_in_the_list_and_alarms_of_cloudwatch_are_not(client_of: ClientOf) -> None:
    sns = client_of("sns")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    stack = cast(Stack, SimpleNamespace(deployment=SimpleNamespace(clients=client_of, alarm_topic=topic)))
    with listening(stack) as mails:
        sns.publish(TopicArn=topic, Subject="quotes: not entitled", Message="Three points are missing.")
        sns.publish(TopicArn=topic, Message='{"AlarmName": "x"}')
    assert mails == ["Subject: quotes: not entitled\n\nThree points are missing."]
    assert sns.list_subscriptions()["Subscriptions"] == []
    assert "QueueUrls" not in client_of("sqs").list_queues()
