"""Calls to EventBridge, against botocore's own model of it: what a call takes, and what becomes of what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import botocore.session
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from aws.event_bus import AT_ONCE, BYTES, EventBridgeBus, batches, size_of
from core.errors import PipelineBug
from core.ports import BusEvent
from core.sending import send_until_taken


@pytest.fixture
def service() -> Iterator[Stubber]:
    client = botocore.session.get_session().create_client(
        "events", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def events(*numbers: int) -> list[BusEvent]:
    return [BusEvent("Starmend Finding", f'{{"number":{number}}}') for number in numbers]


def expect(service: Stubber, numbers: range | list[int], refused: tuple[int, ...] = ()) -> None:
    entries = [
        {"Source": "starmend", "DetailType": event.kind, "Detail": event.detail, "EventBusName": "bus"}
        for event in events(*numbers)
    ]
    answers = [
        {"ErrorCode": "InternalFailure"} if index in refused else {"EventId": str(index)}
        for index in range(len(entries))
    ]
    service.add_response("put_events", {"FailedEntryCount": len(refused), "Entries": answers}, {"Entries": entries})


def test_ten_events_go_into_a_call(service: Stubber) -> None:
    for numbers in (range(10), range(10, 20), range(20, 23)):
        expect(service, numbers)
    assert EventBridgeBus(service.client, "bus").put(events(*range(23))) == []


def test_only_the_refused_events_of_a_call_are_sent_again(service: Stubber) -> None:
    expect(service, range(10), refused=(0, 7))
    expect(service, range(10, 12), refused=(1,))
    expect(service, [0, 7, 11], refused=(2,))
    expect(service, [11])
    sent = send_until_taken(EventBridgeBus(service.client, "bus").put, events(*range(12)), attempts=4)
    assert (sent.refused, sent.attempts) == ((), 3)


def test_a_call_without_an_answer_costs_its_own_events(service: Stubber) -> None:
    service.add_client_error("put_events", "InternalException", "", 500)
    expect(service, range(10, 12))
    assert EventBridgeBus(service.client, "bus").put(events(*range(12))) == list(range(10))


def test_a_missing_grant_is_said_and_not_tried_again(service: Stubber) -> None:
    service.add_client_error("put_events", "AccessDeniedException", "no", 400)
    with pytest.raises(PipelineBug, match=r"put events: bus: AccessDeniedException"):
        EventBridgeBus(service.client, "bus").put(events(1))


@given(st.lists(st.integers(1, BYTES + 100), max_size=40))
def test_no_call_has_more_events_or_bytes_than_it_takes_and_every_event_is_in_one(sizes: list[int]) -> None:
    offered = [BusEvent("t", "x" * size) for size in sizes]
    cut = list(batches(offered))
    assert [index for batch in cut for index in batch] == list(range(len(offered)))
    for batch in cut:
        assert len(batch) <= AT_ONCE
        assert len(batch) == 1 or sum(size_of(offered[index]) for index in batch) <= BYTES
