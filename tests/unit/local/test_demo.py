"""Figures of the demonstration."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from core.errors import PipelineBug
from local.demo import QUESTIONS, Outcome, _exact


def test_the_figures_are_one_json_object() -> None:
    outcome = Outcome(seconds=1.5, source={"dim_staff": 20})
    outcome.tables["lost event"] = {"made": 3, "found": 3, "healed": 2}
    data = json.loads(outcome.to_json())
    assert (data["seconds"], data["source"], data["verified"]) == (1.5, {"dim_staff": 20}, False)
    assert data["tables"]["lost event"]["healed"] == 2


def test_a_measure_is_exact_or_refused() -> None:
    assert _exact(Decimal("0.10")) == Decimal("0.10")
    assert _exact(3) == 3
    assert _exact(None) is None
    assert _exact(float("nan")) is None
    with pytest.raises(PipelineBug, match="no exact measure"):
        _exact(0.1)


def test_every_question_is_one_select() -> None:
    assert all(question.strip().startswith("select") and ";" not in question for question in QUESTIONS.values())
