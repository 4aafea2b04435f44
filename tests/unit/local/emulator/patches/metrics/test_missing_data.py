from __future__ import annotations

import pytest

from local.emulator.patches.metrics.alarm_evaluation import state_of

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
