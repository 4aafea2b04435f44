"""Next steps after a deployment, read from a simulated account."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.simulated_aws import ClientOf, client_of

from deploy.next_steps import next_steps
from deploy.target import Target

__all__ = ["client_of"]


def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, started: bool = False) -> Target:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    more = tmp_path / "more.tfvars"
    more.write_text(f'region = "us-east-1"\nschedules_enabled = {str(started).lower()}\n')
    return Target.of("dev", [more])


def test_before_the_start_addresses_secrets_and_the_key_come_first(
    client_of: ClientOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = client_of("sns").create_topic(Name="alarms")["TopicArn"]
    steps = next_steps(target(tmp_path, monkeypatch), topic, ["finnhub-token"])
    assert [step.partition(":")[0].partition(" of ")[0] for step in steps] == [
        "Name in admin_emails",
        "Fill the secret",
        "Ask what the provider's key may do",
        "Start it",
    ]
    assert "starmend secret set finnhub-token --env dev" in steps[1]


def test_a_running_deployment_is_to_be_looked_at(
    client_of: ClientOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sns = client_of("sns")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="admin@example.com")
    steps = next_steps(target(tmp_path, monkeypatch, started=True), topic, [])
    assert steps[-1] == "See it run: starmend status --env dev"
    assert not any("admin_emails" in step or "Start it" in step for step in steps)
