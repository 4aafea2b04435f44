"""CloudWatch invokes the auditor's last step when an alarm is OK: it mails of one that was on, of a new one not."""

from __future__ import annotations

from typing import Any

import pytest

from auditor import handler
from auditor.alarms.mail import SUBJECT, compose_alarm_end
from auditor.alarms.over import alarm_over_step
from auditor.services import Services

# As the CloudWatch User Guide shows it, "Invoke a Lambda function from an alarm": of a metric and of a composite alarm.
METRIC: dict[str, Any] = {
    "source": "aws.cloudwatch",
    "alarmArn": "arn:aws:cloudwatch:us-east-1:111122223333:alarm:starmend-prod-dead-letters-arrivals",
    "accountId": "111122223333",
    "time": "2026-11-20T19:36:15.490+0000",
    "region": "us-east-1",
    "alarmData": {
        "alarmName": "starmend-prod-dead-letters-arrivals",
        "state": {
            "value": "OK",
            "reason": "Threshold Crossed: no datapoints were received for 1 period",
            "timestamp": "2026-11-20T19:36:15.490+0000",
        },
        "previousState": {
            "value": "ALARM",
            "reason": "Threshold Crossed: 1 datapoint [1.0] was greater than the threshold (0.0).",
            "reasonData": '{"version":"1.0"}',
            "timestamp": "2026-11-20T18:31:29.595+0000",
        },
        "configuration": {
            "description": "Work failed three times. Runbook: docs/runbook.md#dead-letters",
            "metrics": [{"id": "m", "returnData": True}],
        },
    },
}
COMPOSITE: dict[str, Any] = {
    **METRIC,
    "alarmData": {
        "alarmName": "starmend-prod-freshness-sales",
        "state": {"value": "OK", "reason": "arn:a transitioned to OK", "reasonData": "{}", "timestamp": "t2"},
        "previousState": {"value": "ALARM", "reason": "arn:a transitioned to ALARM", "timestamp": "t1"},
        "configuration": {"alarmRule": "ALARM(a) AND ALARM(b)"},
    },
}


def before(value: str) -> dict[str, Any]:
    change = METRIC["alarmData"]
    return {**METRIC, "alarmData": {**change, "previousState": {**change["previousState"], "value": value}}}


def sent(services: Services) -> list[tuple[str, str]]:
    mail: Any = services.mail
    return list(mail.sent)


def test_an_alarm_that_was_on_is_mailed_with_when_and_why_and_where_it_is_written(services: Services) -> None:
    assert alarm_over_step(METRIC, services, environment="prod") == {"mailed": True}
    [(subject, text)] = sent(services)
    assert subject == "[prod] over: starmend-prod-dead-letters-arrivals"
    for part in (
        "since:   2026-11-20T18:31:29.595+0000",
        "since:   2026-11-20T19:36:15.490+0000",
        "no datapoints were received",
        "docs/runbook.md#dead-letters",
    ):
        assert part in text


def test_a_composite_alarm_says_it_too(services: Services) -> None:
    assert alarm_over_step(COMPOSITE, services, environment="prod") == {"mailed": True}
    [(subject, _)] = sent(services)
    assert subject == "[prod] over: starmend-prod-freshness-sales"


def test_of_a_new_alarm_that_is_well_nobody_is_told(services: Services) -> None:
    assert alarm_over_step(before("INSUFFICIENT_DATA"), services, environment="prod") == {"mailed": False}
    assert sent(services) == []


def test_the_last_step_tells_an_alarm_from_the_end_of_an_audit(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Runtime:
        environment = "prod"

        def run(self, step: Any, event: dict[str, Any], **more: Any) -> Any:
            return step(event, services, **more)

    monkeypatch.setattr(handler, "build_runtime", Runtime)
    assert handler.conclude(METRIC, None) == {"mailed": True}
    assert handler.conclude({"dataset": "quotes", "run": "r"}, None)["sent"] == []


def test_a_long_name_leaves_a_subject_that_a_topic_takes() -> None:
    subject, _ = compose_alarm_end(
        "starmend-prod-" + "x" * 200, since="", until="", reason="", description="", environment="prod"
    )
    assert len(subject) <= SUBJECT
