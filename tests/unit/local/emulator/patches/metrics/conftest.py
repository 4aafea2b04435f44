from __future__ import annotations

from typing import Any

import boto3
import pytest


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
