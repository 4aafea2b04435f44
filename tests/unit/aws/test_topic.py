"""The topic of alarms: whether anybody is there to hear of one."""

from __future__ import annotations

import pytest
from bench.calls.simulated import SimulatedAws

from aws.topic import SnsTopic


@pytest.mark.parametrize(("confirmed", "heard"), [("0", False), ("1", True), ("12", True)])
def test_it_is_heard_once_a_subscription_is_confirmed(confirmed: str, heard: bool) -> None:
    counts = {"SubscriptionsConfirmed": confirmed, "SubscriptionsPending": "2", "SubscriptionsDeleted": "1"}
    aws = SimulatedAws(GetTopicAttributes=lambda _: {"Attributes": counts})
    assert SnsTopic(aws.client("sns"), "arn:aws:sns:eu-west-1:0:alarms").is_heard() is heard
