"""Reads of metrics by their dimensions."""

from __future__ import annotations

import time

import boto3
import pytest

pytestmark = pytest.mark.emulator


def test_a_metric_without_dimensions_is_not_the_sum_of_those_with(session: boto3.Session):
    cloudwatch = session.client("cloudwatch")
    for dimensions, value in (([], 1), ([{"Name": "d", "Value": "x"}], 10)):
        data = [{"MetricName": "m", "Value": value, "Dimensions": dimensions}]
        cloudwatch.put_metric_data(Namespace="Apart", MetricData=data)
    stat = {"Metric": {"Namespace": "Apart", "MetricName": "m"}, "Period": 3600, "Stat": "Sum"}
    found = cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "a", "MetricStat": stat}], StartTime=time.time() - 600, EndTime=time.time() + 60
    )
    assert sum(found["MetricDataResults"][0]["Values"]) == 1
