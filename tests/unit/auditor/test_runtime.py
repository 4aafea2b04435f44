"""Limits of a deployment are its defaults but for what it sets."""

from __future__ import annotations

import pytest

from auditor.runtime import Runtime, limits_of
from auditor.services import Budget, Limits, Services


def test_what_is_not_set_has_its_default() -> None:
    assert limits_of({}) == Limits()
    assert limits_of({"attempts": 5, "budget": {"calls": 7}}) == Limits(attempts=5, budget=Budget(calls=7))


def test_a_limit_that_nobody_knows_is_refused() -> None:
    with pytest.raises(TypeError, match="atempts"):
        limits_of({"atempts": 5})


def test_metrics_are_written_whatever_becomes_of_a_step(services: Services) -> None:
    finished: list[bool] = []
    runtime = Runtime(services, "test", lambda: finished.append(True))

    def fails(_event: object, _services: Services) -> dict[str, object]:
        raise ValueError("no")

    assert runtime.run(lambda event, _services, **more: {**event, **more}, {"a": 1}, b=2) == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match="no"):
        runtime.run(fails, {})
    assert finished == [True, True]
