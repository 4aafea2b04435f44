"""Schedules fire by their expressions, as fast as they are told to, and tell their target the scheduled time."""

from __future__ import annotations

import datetime as dt
import json

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.waiting import eventually

from local.emulator import Emulator
from local.emulator.schedules import Pace, read_pace, write_pace

pytestmark = pytest.mark.emulator

BEGIN = dt.datetime(2026, 11, 20, 9, 59, 30, tzinfo=dt.UTC).timestamp()
SCHEDULED = "<aws.scheduler.scheduled-time>"
SECONDS = st.integers(1, 3_000)
SPEEDS = st.sampled_from([1, 2, 7.5, 60])


def fired(expression: str, looks: list[float], speed: float) -> int:
    from local.emulator.patches.schedule_firing import Rhythm  # MiniStack is slow to import

    rhythm = Rhythm(expression, now=BEGIN)
    return sum(rhythm.is_due(BEGIN + look, speed=speed) for look in looks)


@given(minutes=st.integers(1, 90), seconds=SECONDS, speed=SPEEDS)
def test_a_rate_fires_once_for_each_of_its_intervals_on_the_faster_clock(
    minutes: int, seconds: int, speed: float
) -> None:
    looks = [float(second) for second in range(1, seconds + 1)]
    assert fired(f"rate({minutes} minutes)", looks, speed) == int(seconds * speed) // (60 * minutes)


@given(minute=st.integers(0, 59), seconds=SECONDS, speed=SPEEDS)
def test_a_minute_of_each_hour_fires_once_for_each_hour_that_the_faster_clock_shows(
    minute: int, seconds: int, speed: float
) -> None:
    looks = [float(second) for second in range(1, seconds + 1)]
    first, last = BEGIN, BEGIN + seconds * speed
    hours = range(int(first // 3600), int(last // 3600) + 1)
    owed = sum(first < hour * 3600 + minute * 60 <= last for hour in hours)
    assert fired(f"cron({minute} * * * ? *)", looks, speed) == owed


def test_what_was_missed_while_nobody_looked_fires_once_and_a_change_of_speed_begins_at_once() -> None:
    assert fired("rate(1 minute)", [600.0, 601.0, 630.0, 661.0], speed=1) == 2
    assert fired("rate(1 minute)", [30.0], speed=1) == 0
    assert fired("rate(1 minute)", [30.0], speed=2) == 1
    assert fired("at(2026-11-20T10:00:00)", [29.0, 30.0, 31.0], speed=60) == 1
    assert fired("rate(1 fortnight)", [1e9], speed=60) == 0


def test_a_pace_is_read_as_it_was_written_and_is_the_clock_s_where_none_was(emulator: Emulator) -> None:
    pace = Pace(60, ("request-",))
    assert (pace.of("extract-sales"), pace.of("request-quotes"), Pace().of("request-quotes")) == (60, 1, 1)
    write_pace(emulator.state_dir, pace)
    assert read_pace(emulator.state_dir) == pace


def test_a_target_is_told_the_scheduled_time_and_those_that_keep_to_the_clock_are_not_hurried(
    emulator: Emulator, session: boto3.Session
) -> None:
    write_pace(emulator.state_dir, Pace(60, ("slow-",)))
    sqs, scheduler = session.client("sqs"), session.client("scheduler")
    url = sqs.create_queue(QueueName="fired")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    role = "arn:aws:iam::000000000000:role/any"
    for name, state in (("slow-one", "ENABLED"), ("off", "DISABLED"), ("fast", "ENABLED")):
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression="rate(1 minute)",
            FlexibleTimeWindow={"Mode": "OFF"},
            State=state,
            Target={
                "Arn": arn,
                "RoleArn": role,
                "Input": f'{{"by": "{name}", "at": "<aws.scheduler.scheduled-time>"}}',
            },
        )
    bodies: list[dict[str, str]] = []

    def two_came() -> bool:
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        bodies.extend(json.loads(message["Body"]) for message in received)
        return len(bodies) >= 2

    eventually(two_came, within=20)
    assert {body["by"] for body in bodies} == {"fast"}
    for body in bodies:
        age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(body["at"])
        assert dt.timedelta(seconds=-1) < age < dt.timedelta(seconds=60)
