"""Descriptions of alarms, in both protocols."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.local.emulator.patches.metrics.alarms import alarm

from local.emulator import Emulator

pytestmark = pytest.mark.emulator


def test_describe_alarms_returns_what_was_put_in_both_protocols(cloudwatch, emulator, topic):
    given = {
        "AlarmDescription": "See <runbook> & act", "ActionsEnabled": False, "OKActions": [topic[0]],
        "AlarmActions": [topic[0]], "InsufficientDataActions": [topic[0]], "Statistic": None,
        "ExtendedStatistic": "p99",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}], "Period": 300, "Unit": "Milliseconds",
        "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "ignore",
        "EvaluateLowSampleCountPercentile": "ignore",
    }  # fmt: skip
    alarm(cloudwatch, "whole", **given)
    expected = {name: value for name, value in given.items() if value is not None}
    described = cloudwatch.describe_alarms(AlarmNames=["whole"])["MetricAlarms"][0]
    assert {name: described.get(name) for name in expected} == expected
    assert "Statistic" not in described
    assert abs(datetime.now(UTC) - described["AlarmConfigurationUpdatedTimestamp"]).total_seconds() < 60
    form = describe_by_form(emulator, "whole")
    assert {name: form.get(name) for name in expected} == expected


def describe_by_form(emulator: Emulator, name: str) -> dict[str, Any]:
    """DescribeAlarms in the query protocol, as older clients and Terraform's provider speak it."""
    import botocore.loaders
    import botocore.model
    import botocore.parsers
    import requests

    credential = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/monitoring/aws4_request"
    form = {"Action": "DescribeAlarms", "Version": "2010-08-01", "AlarmNames.member.1": name}
    answer = requests.post(emulator.endpoint, data=form, headers={"Authorization": credential}, timeout=60)
    model = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("cloudwatch", "service-2"))
    shape = model.operation_model("DescribeAlarms").output_shape
    raw = {"body": answer.content, "headers": dict(answer.headers), "status_code": answer.status_code}
    return botocore.parsers.QueryParser().parse(raw, shape)["MetricAlarms"][0]
