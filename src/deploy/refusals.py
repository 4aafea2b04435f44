"""Refusals of what would lose data: a plan that takes away what holds them, a destruction while they exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws.buckets import count_versions
from core.errors import Misuse, PipelineBug
from deploy.plans import gravest_first, loses_data
from deploy.target import Target
from deploy.terraform import Change


def refuse_to_lose_data(environment: str, changes: Sequence[Change], *, may_lose_data: bool) -> None:
    """Raises ``Misuse`` naming what a plan would take away for good, unless the environment may lose its data.

    ``prevent_destroy`` cannot do it: Terraform takes no variable there.
    """
    lost = [change.address for change in gravest_first(changes) if loses_data(change)]
    if lost and not may_lose_data:
        shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        raise Misuse(
            f"apply to {environment}",
            "its plan",
            f"would delete what holds data, values or keys: {shown}",
            "Take back the change that asks for it; where they may really go, keep a copy and give --allow-destroy",
        )


def refuse_while_data_exist(target: Target, buckets: Mapping[str, str]) -> None:
    """Raises ``PipelineBug`` naming the buckets that hold anything, old versions too, and what to do about them."""
    held = {
        name: count
        for role in ("ingest", "warehouse", "results")
        if (name := buckets.get(role)) and (count := count_versions(target.clients("s3"), name))
    }
    if held:
        buckets_text = ", ".join(
            f"s3://{name} holds {count:,}{'+' if count >= 1000 else ''}" for name, count in held.items()
        )
        raise PipelineBug(
            f"destroy {target.environment}",
            "its data",
            f"they still exist: {buckets_text} (objects and old versions)",
            "If they may really go: keep a copy, Empty each bucket in the S3 console, then run this again",
        )
