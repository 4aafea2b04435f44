"""Refusals of what would lose data: a plan that takes away what holds them, a destruction while they exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from aws.buckets import count_versions, last_written, locked_days, policy_of
from aws.deployment import anchors_bucket
from core.errors import Misuse, PipelineBug
from deploy.plans import gravest_first, loses_data
from deploy.target import Target
from deploy.terraform import Change

CERTIFICATES_STAY = "CertificatesStay"  # the statement of terraform/storage.tf by which nobody deletes certificates


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
    s3 = target.clients("s3")
    held = {
        name: count
        for role in ("ingest", "warehouse", "results")
        if (name := buckets.get(role)) and (count := count_versions(s3, name))
    }
    if held:
        buckets_text = ", ".join(
            f"s3://{name} holds {count:,}{'+' if count >= 1000 else ''}" for name, count in held.items()
        )
        closed = [name for name in held if CERTIFICATES_STAY in policy_of(s3, name)]
        first = "".join(
            f", aws s3api delete-bucket-policy --bucket {name} (nobody empties it before)" for name in closed
        )
        raise PipelineBug(
            f"destroy {target.environment}",
            "its data",
            f"they still exist: {buckets_text} (objects and old versions)",
            f"If they may really go: keep a copy{first}, Empty each bucket in the S3 console, then run this again",
        )


def refuse_to_lose_anchors(target: Target, addresses: Iterable[str]) -> None:
    """Raises ``PipelineBug`` where what would go includes the anchors' bucket and S3 would not let it go.

    Terraform would take its policy and its lock for new objects away, then everything that has no part in it, and fail
    at the bucket each time.
    """
    if not any(address.startswith("aws_s3_bucket.anchors") for address in addresses):
        return
    s3, name = target.clients("s3"), anchors_bucket(target.project, target.environment, target.account.id)
    if (written := last_written(s3, name)) is None or target.may_lose_data:
        return
    days = locked_days(s3, name)
    locked = f", and nobody can delete the last before {written + timedelta(days):%Y-%m-%d}" if days else ""
    raise PipelineBug(
        f"change {target.environment}",
        f"s3://{name}",
        f"would be deleted and holds signed anchors{locked}",
        "Leave it where it is: docs/proof.md says how Terraform forgets it (Switch it off, or destroy it all)",
    )
