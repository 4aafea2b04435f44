"""Metric math of the CloudWatch User Guide, as a pure function."""

from __future__ import annotations

import pytest

from local.emulator.patches.metrics.metric_math import evaluate


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a / b", [2, None, None]),
        ("100 * (a - 1) / (b + 1)", [50, 0, None]),
        ("FILL(b, 0) + a", [3, 1, 5]),
        ("IF(a > 1, a, 0)", [2, 0, 5]),
        ("SUM([a, b])", [3, 1, 5]),
        ("MAX(a, b)", [2, 1, 5]),
        ("a > 1 AND b > 0 OR a == 1", [1, 1, None]),
    ],
)
def test_metric_math_has_gaps_where_operands_have(expression, expected):
    series = {"a": [2.0, 1.0, 5.0], "b": [1.0, 0.0, None]}
    assert evaluate(expression, series, 3) == expected


@pytest.mark.parametrize("expression", ["ANOMALY_DETECTION_BAND(a)", "a +", "a.b"])
def test_metric_math_that_is_not_understood_is_refused(expression):
    with pytest.raises(ValueError, match="not understood"):
        evaluate(expression, {"a": [1.0]}, 1)
