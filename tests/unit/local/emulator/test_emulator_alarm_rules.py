"""The CloudWatch User Guide's tables of missing data, and its metric math, as pure functions."""

from __future__ import annotations

import pytest

from local.emulator.patches.metrics.alarm_evaluation import state_of
from local.emulator.patches.metrics.metric_math import evaluate

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
RETAIN = "the state before"


def states(datapoints: str, needed: int) -> tuple[str, ...]:
    """The state for each treatment; ``X`` breaches, ``0`` does not, ``-`` is missing, the oldest first."""
    values = [{"X": 9.0, "0": 1.0, "-": None}[each] for each in datapoints.split()]
    described = {"Threshold": 5, "ComparisonOperator": "GreaterThanThreshold", "StateValue": RETAIN,
                 "EvaluationPeriods": len(values), "DatapointsToAlarm": needed}  # fmt: skip
    return tuple(state_of(described | {"TreatMissingData": treatment}, values) for treatment in TREATMENTS)


@pytest.mark.parametrize(
    ("datapoints", "expected"),
    [
        ("X 0 X", ("OK", "OK", "OK", "OK")),
        ("0 - -", ("OK", "OK", "OK", "OK")),
        ("- - -", ("INSUFFICIENT_DATA", RETAIN, "ALARM", "OK")),
        ("X X X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("X - -", ("ALARM", RETAIN, "ALARM", "OK")),
    ],
)
def test_three_of_three_datapoints(datapoints, expected):
    assert states(datapoints, 3) == expected


@pytest.mark.parametrize(
    ("datapoints", "expected"),
    [
        ("X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 X -", ("OK", "OK", "ALARM", "OK")),
        ("- - 0", ("OK", "OK", "ALARM", "OK")),
        ("- - X", ("ALARM", RETAIN, "ALARM", "OK")),
    ],
)
def test_two_of_three_datapoints(datapoints, expected):
    assert states(datapoints, 2) == expected


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
