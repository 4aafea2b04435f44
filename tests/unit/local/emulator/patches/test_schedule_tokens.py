"""A schedule is made once for one client token, whether the answer to the first request arrived or not."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.emulator

WANTED = {
    "Name": "once",
    "ScheduleExpression": "rate(1 hour)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": "arn:aws:lambda:us-east-1:000000000000:function:any",
        "RoleArn": "arn:aws:iam::000000000000:role/any",
    },
    "State": "DISABLED",
}


def test_the_same_request_again_is_answered_alike_and_another_is_refused(session: boto3.Session) -> None:
    scheduler = session.client("scheduler")
    first = scheduler.create_schedule(**WANTED, ClientToken="one")["ScheduleArn"]
    assert scheduler.create_schedule(**WANTED, ClientToken="one")["ScheduleArn"] == first
    with pytest.raises(ClientError, match="already exists"):
        scheduler.create_schedule(**WANTED, ClientToken="another")
    scheduler.delete_schedule(Name="once")
    assert scheduler.create_schedule(**WANTED, ClientToken="one")["ScheduleArn"] == first
    scheduler.delete_schedule(Name="once")
    assert scheduler.list_schedules()["Schedules"] == []
