"""What a deployment still waits for, in the order in which somebody should do it."""

from __future__ import annotations

from collections.abc import Sequence

from aws.account import addresses
from deploy.target import Target


def next_steps(target: Target, alarm_topic: str, empty_secrets: Sequence[str]) -> list[str]:
    """Sentences with the command to give, at least one."""
    environment = target.environment
    file = f"terraform/environments/{environment}.tfvars"
    found = []
    confirmed = dict(addresses(target.clients, alarm_topic))
    waiting = sorted(address for address, done in confirmed.items() if not done)
    if waiting:
        found.append(f"Confirm the subscription mailed to {', '.join(waiting)}: until then no alarm reaches it")
    elif not confirmed:
        found.append(f"Name in admin_emails of {file} who hears of alarms, then: make deploy ENV={environment}")
    for name in empty_secrets:
        found.append(f"Fill the secret: starmend secret set {name} --env {environment}")
    if target.settings.get("schedules_enabled") is not True:
        found.append(f"Ask what the provider's key may do: starmend contract check --live --env {environment}")
        found.append(f"Start it: schedules_enabled = true in {file}, then: make deploy ENV={environment}")
    else:
        found.append(f"See it run: starmend status --env {environment}")
    return found
