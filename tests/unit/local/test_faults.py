"""Planted faults counted, and events switched off on a simulated account."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support.simulated_aws import ClientOf, client_of

from aws.deployment import Deployment
from local.faults import FaultCounts, PlantedFaults, events_lost

__all__ = ["client_of"]


def test_faults_are_counted_by_kind_and_an_orphan_by_its_parent() -> None:
    faults = PlantedFaults(parents=[7], late={"sales_order": [1, 2], "payment": [3]}, lost=["a", "b"])
    assert faults.counts() == {"late commit": 3, "lost event": 2, "deleted row": 0, "orphan key": 1}


@pytest.mark.parametrize(("detected", "healed", "left"), [(3, 3, 0), (2, 3, 1), (3, 1, 2), (0, 0, 3)])
def test_a_fault_is_left_unless_it_was_both_detected_and_healed(detected: int, healed: int, left: int) -> None:
    assert FaultCounts(3, detected, healed).left == left


def test_events_are_off_within_the_block_and_back_after_it(client_of: ClientOf) -> None:
    s3, sqs = client_of("s3"), client_of("sqs")
    s3.create_bucket(Bucket="ingest")
    url = sqs.create_queue(QueueName="arrivals")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    queues = [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
    s3.put_bucket_notification_configuration(Bucket="ingest", NotificationConfiguration={"QueueConfigurations": queues})

    def notified() -> list[Any]:
        answer = s3.get_bucket_notification_configuration(Bucket="ingest")
        return [queue["QueueArn"] for queue in answer.get("QueueConfigurations", [])]

    deployment = cast(Deployment, SimpleNamespace(clients=client_of, ingest_bucket="ingest"))
    with events_lost(deployment):
        assert notified() == []
    assert notified() == [arn]
