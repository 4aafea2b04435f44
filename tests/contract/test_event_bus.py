"""What every EventBus promises: the one in memory, and the one over EventBridge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import boto3
import pytest
from moto import mock_aws
from tests.fakes.event_bus import MemoryEventBus

from aws.event_bus import SOURCE, EventBridgeBus
from core.ports import BusEvent, EventBus

Opened = tuple[EventBus, Callable[[], list[tuple[str, str]]]]


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture(params=["memory", "eventbridge"])
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """A bus, and a way to hear what was said on it."""
    if request.param == "memory":
        memory = MemoryEventBus()
        yield memory, lambda: [(event.kind, json.loads(event.detail)["text"]) for event in memory.events]
        return
    with mock_aws():
        sqs, events = boto3.client("sqs"), boto3.client("events")
        url = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="all", EventPattern=json.dumps({"source": [SOURCE]}))
        events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])

        def hear() -> list[tuple[str, str]]:
            bodies: list[str] = []
            while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                bodies += [message["Body"] for message in messages]
            heard = map(json.loads, bodies)
            return [(event["detail-type"], event["detail"]["text"]) for event in heard]

        yield EventBridgeBus(events, "default"), hear


def test_events_are_taken_however_many_and_are_heard_as_they_were_said(opened: Opened) -> None:
    bus, hear = opened
    said = [("Starmend Finding" if number % 2 else "Starmend Alarm", f"ü {number}") for number in range(23)]
    assert list(bus.put([BusEvent(kind, json.dumps({"text": text})) for kind, text in said])) == []
    assert sorted(hear()) == sorted(said)


def test_no_events_are_no_call(opened: Opened) -> None:
    bus, hear = opened
    assert list(bus.put([])) == []
    assert hear() == []
