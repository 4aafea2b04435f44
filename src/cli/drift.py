"""Drift: what is deployed and not as its code says, counted for the alarm and mailed to the admins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.output import say
from core.errors import StarmendError

if TYPE_CHECKING:
    from aws.topic import SnsTopic
    from deploy.target import Target
    from deploy.terraform import Change


def notify_of_drift(target: Target, topic: SnsTopic, changes: Sequence[Change]) -> None:
    """Mail what differs and count it: each is tried, whatever became of the other.

    Raises the last failure; one before it was said.
    """
    failures: list[StarmendError] = []
    try:
        if changes:
            tell_of_drift(topic, target.environment, changes)
    except StarmendError as error:
        failures.append(error)
    try:
        count_drift(target, changes)
    except StarmendError as error:
        failures.append(error)
    for failure in failures[:-1]:
        say(f"error: {failure}")
    if failures:
        raise failures[-1]


def count_drift(target: Target, changes: Sequence[Change]) -> None:
    """Say how much differs, nothing too: the alarm ``deployment-drift`` keeps its state until somebody looks again."""
    from aws.metrics import put_metric
    from core.metrics import DEPLOYMENT, DRIFTED

    cloudwatch = target.clients("cloudwatch")
    put_metric(cloudwatch, target.project, target.environment, DEPLOYMENT, DRIFTED, len(changes))


def tell_of_drift(topic: SnsTopic, environment: str, changes: Sequence[Change]) -> None:
    """Mail the admins what differs, the gravest first."""
    from deploy.plans import gravest_first, summary, verb

    lines = [f"{verb(change):8}{change.address}" for change in gravest_first(changes)]
    shown = [*lines[:50], *([f"... and {len(lines) - 50} more"] if len(lines) > 50 else [])]
    head = f"{environment} is not what its code says: {summary(changes)}."
    remedy = f"What to do: starmend deploy plan --env {environment}; deploy it, or take back what was changed by hand."
    text = "\n".join([head, "", *shown, "", remedy])
    topic.publish(f"[{environment}] the deployment differs from its code ({summary(changes)})", text)
