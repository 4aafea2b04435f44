"""What the command says of costs."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from tests.support.commands import Command

from aws.costs import Cost
from aws.deployment import Deployment
from cli.costs import By, report, totals

FOUND = [
    Cost("processing", "base", Decimal("3.004"), "USD"),
    Cost("auditor", "repair", Decimal("1.5"), "USD"),
    Cost("", "", Decimal("0.25"), "USD"),
]
SHARES = [{"strategy": "base", "objects": 9, "milliseconds": 900, "percent": 90.0}]


def test_repairs_are_told_apart_from_base_work_and_what_has_no_tag_is_in_the_total() -> None:
    [total] = totals(FOUND)
    assert total == {
        "currency": "USD", "total": Decimal("4.75"), "base": Decimal("3.00"), "repair": Decimal("1.50"),
    }  # fmt: skip


def test_programs_get_everything_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    report(FOUND, SHARES, (), title="Costs", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [row["component"] for row in told["costs"]] == ["processing", "auditor", "(no tag)"]
    assert (told["totals"][0]["repair"], told["processing"], told["inactive_tags"]) == ("1.50", SHARES, [])


def test_tags_that_are_not_activated_are_said_clearly(capsys: pytest.CaptureFixture[str]) -> None:
    report(FOUND[2:], SHARES, ("component", "purpose"), title="Costs", as_json=False)
    assert "Not activated as cost allocation tags: component, purpose." in capsys.readouterr().err


def test_what_only_the_payer_may_tell_is_said_and_is_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    report(FOUND, SHARES, None, title="Costs", as_json=False)
    assert "only the payer's account tells" in capsys.readouterr().err


def test_the_emulator_bills_nothing(starmend: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    values: dict[str, Any] = {field.name: "" if field.type == "str" else {} for field in fields(Deployment)}
    on_emulator = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    emulated = Deployment(**values | {"environment": "local", "aws_environment": on_emulator})
    monkeypatch.setattr("cli.costs.deployment", lambda _: emulated)
    said = starmend("costs")
    assert said.code == 2
    assert "bills nothing" in said.err


def test_ideas_of_repair_are_rows_of_their_own_and_what_they_share_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    charged = [Cost("history", "repair", Decimal("1.5"), "USD"), Cost("", "repair", Decimal("0.5"), "USD")]
    report(charged, SHARES, (), title="Costs", by=By.REPAIR, as_json=True)
    written = json.loads(capsys.readouterr().out)
    assert [(row["repair"], row["cost"]) for row in written["costs"]] == [("history", "1.50"), ("(shared)", "0.50")]
    assert written["totals"][0]["repair"] == "2.00"
