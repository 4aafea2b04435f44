"""What this configuration makes of a deployment that was there before it moved resources into modules.

``state_before_modules.json.gz`` is the state of one, applied to the emulator with the configuration from before: both
kinds of source, canaries, the analysts' role, schedules on. Nothing of it is read again (``-refresh=false``); what a
plan asks nevertheless is answered by ``tests.support.planning``.
"""

from __future__ import annotations

import re
from typing import Any

from tests.support.planning import Change
from tests.terraform.conftest import MODULE

# What cannot be made again by applying once more, or is known to others by its name: it stays where it is.
HOLDS_DATA = {
    "aws_athena_workgroup",
    "aws_glue_catalog_database",
    "aws_glue_catalog_table",
    "aws_kinesis_firehose_delivery_stream",
    "aws_kinesis_stream",
    "aws_kms_key",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
    "aws_sns_topic",
    "aws_sqs_queue",
    "aws_ssm_parameter",
}
# Addresses that a later change took away for good, each with its reason.
TAKEN_AWAY = {
    "aws_lambda_layer_version.own[0]",  # one layer beside AWS's became two that hold everything; a layer holds no data
    'aws_s3_object.package["layer"]',
}
# Saved queries with another text: the provider makes them again under their name; they hold nothing.
WORDED_ANEW = {
    f'aws_athena_named_query.saved["{name}"]' for name in ("processing-log", "halted-objects", "completeness")
}


def before(change: Change) -> str:
    """Where a resource stood before."""
    return str(change.get("previous_address", change["address"]))


def test_nothing_is_destroyed_or_replaced(changes: list[Change]) -> None:
    destroyed = {before(change) for change in changes if "delete" in change["change"]["actions"]}
    assert destroyed - TAKEN_AWAY - WORDED_ANEW == set()


def test_what_holds_data_keeps_its_address_and_its_name(state: dict[str, Any], changes: list[Change]) -> None:
    kept = [change for change in changes if change["type"] in HOLDS_DATA and change["change"]["before"]]
    assert {change["type"] for change in kept} == HOLDS_DATA
    assert len(kept) == sum(
        len(resource["instances"]) for resource in state["resources"] if resource["type"] in HOLDS_DATA
    )
    assert [change["address"] for change in kept if "previous_address" in change] == []
    assert [change["address"] for change in kept if names(change, "before") != names(change, "after")] == []


def names(change: Change, when: str) -> dict[str, Any]:
    return {name: change["change"][when].get(name) for name in ("id", "arn", "name", "bucket")}


def test_every_move_is_one_of_something_that_was_there(changes: list[Change]) -> None:
    moved = {before(change) for change in changes if "previous_address" in change}
    origins = re.findall(r"^  from = (.+)$", (MODULE / "moved.tf").read_text(encoding="utf-8"), re.MULTILINE)
    assert [origin for origin in origins if not any(address.startswith(origin) for address in moved)] == []
    assert len(origins) == len(set(origins)) > 20
