"""The example of docs/notifications.md, planned, and its rules held against events as they are sent."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest
from ministack.services import eventbridge
from tests.support.planning import ACCOUNT, managed
from tests.terraform.conftest import ROOT

from auditor.notifications.compose import Origin, alarm_event, finding_events, repair_events
from auditor.repairs.causes import MEANINGS, Cause
from auditor.repairs.outcomes import JobReport
from aws.event_bus import SOURCE
from core.audit.findings import MissingPoints
from core.audit.repair_jobs import Revive
from core.ports import BusEvent
from deploy.terraform import Terraform

PAGE = ROOT / "docs" / "notifications.md"
PROVIDER = """
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""
ORIGIN = Origin("starmend", "prod", "quotes", "run-1", "2026-11-20T20:00:00Z")
Planned = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def planned(account: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """The example's resources by address; what a plan cannot know is left out."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copy(PAGE.with_suffix("") / "example.tf", folder)
    shutil.copy(ROOT / "terraform" / ".terraform.lock.hcl", folder)
    (folder / "provider.tf").write_text(PROVIDER, encoding="utf-8")
    runner = Terraform(folder, folder / "work", account)
    runner.init()
    secrets = {"slack_webhook": "https://hooks.example.com/x", "pagerduty_key": "0" * 32}
    plan = folder / "plan"
    runner._run("plan", "-refresh=false", f"-out={plan}", *runner._inputs(secrets))
    shown = json.loads(runner._run("show", "-json", str(plan)))
    return {change["address"]: change["change"]["after"] for change in managed(shown)}


def alarm(state: str, name: str = "limited", environment: str = "prod") -> BusEvent:
    origin = Origin("starmend", environment, "quotes", "run-1", "2026-11-20T20:00:00Z")
    return alarm_event(origin, Cause(name, "quotes", 7), state, runbook="https://x/runbook.md", report="")


def envelope(event: BusEvent) -> dict[str, Any]:
    """The event as a rule sees it."""
    return {
        "id": "1", "account": ACCOUNT, "region": "us-east-1", "time": "2026-11-20T20:00:00Z", "version": "0",
        "resources": [], "source": SOURCE, "detail-type": event.kind, "detail": json.loads(event.detail),
    }  # fmt: skip


def matches(pattern: str, event: BusEvent) -> bool:
    """Whether a rule takes the event, as the emulator decides."""
    answer = eventbridge._test_event_pattern({"Event": json.dumps(envelope(event)), "EventPattern": pattern})
    return bool(json.loads(answer[2])["Result"])


def transformed(target: dict[str, Any], event: BusEvent) -> Any:
    """What the target is sent: the template with the event's values, which must be JSON (EventBridge User Guide)."""
    [transformer] = target["input_transformer"]
    text = transformer["input_template"]
    for name, path in transformer["input_paths"].items():
        value: Any = envelope(event)
        for key in path.removeprefix("$.").split("."):
            value = value[key]
        text = text.replace(f"<{name}>", json.dumps(value)[1:-1])
    assert re.findall(r"<\w+>", text) == []
    return json.loads(text)


def test_the_example_plans_a_rule_and_a_target_for_each_listener(planned: Planned) -> None:
    rules = {address for address in planned if ".aws_cloudwatch_event_rule" in f".{address}"}
    targets = {address for address in planned if ".aws_cloudwatch_event_target" in f".{address}"}
    assert len(rules) == len(targets) == 3
    [[key]] = [
        connection["auth_parameters"][0]["invocation_http_parameters"][0]["body"]
        for address, connection in planned.items()
        if address == 'aws_cloudwatch_event_connection.this["pagerduty"]'
    ]
    assert (key["key"], key["is_value_secret"]) == ("routing_key", True)


@pytest.mark.parametrize(
    ("listener", "state", "taken"),
    [("slack", "open", True), ("slack", "over", True), ("pagerduty-open", "open", True),
     ("pagerduty-open", "over", False), ("pagerduty-over", "over", True), ("pagerduty-over", "open", False)],
)  # fmt: skip
def test_its_rules_take_the_alarms_of_their_deployment_and_nothing_else(
    planned: Planned, listener: str, state: str, taken: bool
) -> None:
    pattern = planned[f'aws_cloudwatch_event_rule.this["{listener}"]']["event_pattern"]
    assert matches(pattern, alarm(state)) is taken
    assert not matches(pattern, alarm(state, environment="dev"))
    [finding] = finding_events(ORIGIN, [MissingPoints("quotes", "A", ((0, 60),), 1)], [])
    assert not matches(pattern, finding)


@pytest.mark.parametrize("name", [*MEANINGS, "something_new"])
def test_slack_and_pagerduty_are_sent_what_they_read(planned: Planned, name: str) -> None:
    def sent(listener: str, state: str) -> Any:
        return transformed(planned[f'aws_cloudwatch_event_target.this["{listener}"]'], alarm(state, name))

    assert list(sent("slack", "open")) == ["text"]
    opened, over = sent("pagerduty-open", "open"), sent("pagerduty-over", "over")
    assert (opened["event_action"], over["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == over["dedup_key"] == f"starmend/prod/quotes/{name}"
    assert set(opened["payload"]) == {"summary", "source", "severity"}
    assert opened["links"][0]["href"].startswith("https://x/runbook.md#")


def test_the_pages_patterns_take_what_they_say() -> None:
    alarms, failed, large = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    repairs = {
        state: repair_events(ORIGIN, [JobReport(1, Revive("quotes", ("a",)), state)])[0]
        for state in ("done", "failed", "unknown", "unreached")
    }
    findings = {
        points: finding_events(ORIGIN, [MissingPoints("quotes", "A", ((0, 60),), points)], [])[0]
        for points in (1_000, 1_001)
    }
    assert [matches(alarms, alarm(state)) for state in ("open", "over")] == [True, True]
    assert [state for state in repairs if matches(failed, repairs[state])] == ["failed", "unknown", "unreached"]
    assert [matches(large, findings[points]) for points in (1_000, 1_001)] == [False, True]
    canary = repair_events(
        Origin("starmend", "prod", "canary", "r", ORIGIN.at), [JobReport(1, Revive("c", ()), "failed")]
    )
    assert not matches(failed, canary[0])
