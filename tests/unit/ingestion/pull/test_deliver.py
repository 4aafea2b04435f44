"""Every way in which PutRecords can fail in part."""

from __future__ import annotations

import pytest
from tests.fakes.log import MemoryLog
from tests.fakes.stream import MemoryStream, Refusal
from tests.support.feeds import OPENING, Acquisition, PatientClock

from core.ports import StreamRecord
from ingestion.pull.deliver import ATTEMPTS, deliver
from local.market import Market


def records(count: int, size: int = 20) -> list[StreamRecord]:
    return [StreamRecord(f"k{n}", f"{n:0{size - 1}d}\n".encode()) for n in range(count)]


def put(
    stream: MemoryStream, offered: list[StreamRecord], *, seconds: float = 60
) -> tuple[frozenset[int], PatientClock]:
    time = PatientClock()
    lost = deliver(stream, offered, clock=time.clock, log=MemoryLog(), until=time.clock.monotonic() + seconds)
    return lost, time


@pytest.mark.parametrize(
    ("refuses", "calls"),
    [
        (lambda _call, _count: [], [7]),
        (lambda call, _count: [0] if call == 0 else [], [7, 1]),
        (lambda call, _count: [6] if call == 0 else [], [7, 1]),
        (lambda call, count: range(count) if call == 0 else [], [7, 7]),
        (lambda call, count: range(0, count, 2) if call < 2 else [], [7, 4, 2]),
    ],
    ids=["none", "the first", "the last", "all", "every second, twice"],
)
def test_only_what_failed_is_offered_again_until_all_is_taken(refuses: Refusal, calls: list[int]) -> None:
    stream = MemoryStream(refuses)
    lost, _ = put(stream, records(7))
    assert lost == frozenset()
    assert stream.calls == calls
    assert sorted(record.key for record in stream.records) == sorted(record.key for record in records(7))


@pytest.mark.parametrize(
    ("refuses", "lost"),
    [
        (lambda _call, count: range(count), {0, 1, 2}),
        (lambda _call, _count: [0], {0}),
        (lambda _call, count: [count - 1], {2}),
    ],
    ids=["all", "the first", "the last"],
)
def test_what_fails_for_ever_is_named_after_a_bounded_number_of_tries(refuses: Refusal, lost: set[int]) -> None:
    stream = MemoryStream(refuses)
    refused, time = put(stream, records(3))
    assert refused == lost
    assert len(stream.calls) == ATTEMPTS
    assert sum(time.slept) < 15
    assert [record.key for record in stream.records] == [f"k{n}" for n in range(3) if n not in lost]


def test_no_pause_goes_beyond_the_time_that_is_left() -> None:
    stream = MemoryStream(lambda _call, count: range(count))
    refused, time = put(stream, records(3), seconds=0.3)
    assert refused == {0, 1, 2}
    assert sum(time.slept) <= 0.3


@pytest.mark.parametrize("taken", [False, True])
def test_an_answer_that_was_lost_is_asked_for_again_and_may_write_a_record_twice(taken: bool) -> None:
    stream = MemoryStream()
    stream.unreachable, stream.taken_unanswered = 2, taken
    lost, _ = put(stream, records(3))
    assert lost == frozenset()
    assert {record.key for record in stream.records} == {"k0", "k1", "k2"}


def test_calls_keep_to_500_records_and_4_megabytes() -> None:
    stream = MemoryStream()  # refuses to be offered more
    put(stream, records(1203))
    assert stream.calls == [500, 500, 203]
    large = MemoryStream()
    put(large, records(12, size=990_000))
    assert large.calls == [4, 4, 4]


def test_a_point_that_the_stream_never_takes_sends_back_its_message_alone(
    acquisition: Acquisition, market: Market
) -> None:
    acquisition.stream.refuses = lambda _call, count: [count - 1]
    acquisition.request(OPENING)
    messages = acquisition.messages()
    report = acquisition.pull(messages)
    assert report.failed == (messages[-1].id,)
    assert report.written == 10
    assert len(acquisition.stream.lines) == 10
    assert acquisition.metrics.total("PointsWritten") == 10


def test_a_chunk_goes_back_whole_when_one_of_its_points_was_not_taken(acquisition: Acquisition, market: Market) -> None:
    acquisition.stream.refuses = lambda _call, _count: [0]
    bodies = [
        '{"dataset":"quotes","time":"2026-11-20T14:30:00Z","entities":["AAPL","AMD"]}',
        '{"dataset":"quotes","time":"2026-11-20T14:30:00Z","entities":["ZM"]}',
    ]
    messages = acquisition.messages(bodies)
    assert acquisition.pull(messages).failed == (messages[0].id,)
