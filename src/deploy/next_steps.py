"""Next steps after a deployment: what somebody has to do before it runs, in order."""

from __future__ import annotations

from collections.abc import Sequence

from aws.account import addresses
from deploy.target import Target


def next_steps(target: Target, alarm_topic: str, empty_secrets: Sequence[str]) -> list[str]:
    """Sentences with the command to give, at least one."""
    environment = target.environment
    file, deploying = target.file, f"starmend deploy apply --env {environment}"
    steps = []
    confirmed = dict(addresses(target.clients, alarm_topic))
    unconfirmed = sorted(address for address, done in confirmed.items() if not done)
    if unconfirmed:
        steps.append(f"Confirm the subscription mailed to {', '.join(unconfirmed)}: until then no alarm reaches it")
    elif not confirmed:
        steps.append(f"Name in admin_emails of {file} who hears of alarms, then: {deploying}")
    for name in empty_secrets:
        steps.append(f"Fill the secret: starmend secret set {name} --env {environment}")
    if target.settings.get("schedules_enabled") is not True:
        steps.append(f"Ask what the provider's key may do: starmend contract check --live --env {environment}")
        steps.append(f"Start it: schedules_enabled = true in {file}, then: {deploying}")
    else:
        steps.append(f"See it run: starmend status --env {environment}")
    return steps
