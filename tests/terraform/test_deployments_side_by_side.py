"""Two deployments of one account: nothing that one of them is called, keeps or counts is also the other's."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from tests.support.planning import ACCOUNT, Change, managed
from tests.terraform.conftest import ENVIRONMENT, PROJECT, SUFFIX

from aws.deployment import DESCRIPTION, Deployment
from core.metrics import DIMENSIONS, NAMESPACE

# What names a resource, in an account or within a parent that is named itself.
NAMING = (
    "alarm_name",
    "bucket",
    "dashboard_name",
    "database_name",
    "function_name",
    "group_name",
    "key",
    "layer_name",
    "log_group_name",
    "name",
    "workgroup",
)
# Known by an id that AWS makes up, or by the id of what they belong to.
NAMELESS = {
    "aws_iam_role_policy_attachment",
    "aws_kms_key",
    "aws_lambda_event_source_mapping",
    "aws_sns_topic_policy",
    "aws_sns_topic_subscription",
    "aws_sqs_queue_redrive_policy",
    "terraform_data",
}
OF_A_PARENT = {"aws_iam_role_policy"}  # called "grants" in every role


@pytest.fixture(scope="module")
def first(changes: list[Change]) -> list[Change]:
    return [change for change in changes if change["change"]["after"]]


@pytest.fixture(scope="module")
def second_region(longest: dict[str, Any]) -> list[Change]:
    """Another project, and a suffix: either alone has to be in every name, however long the name would be."""
    return [change for change in managed(longest) if change["change"]["after"]]


def names(changes: list[Change]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Type and name of every resource that has one; those within a parent whose id no plan knows are left out."""
    for change in changes:
        values, unknown = change["change"]["after"], change["change"]["after_unknown"]
        if change["type"] in OF_A_PARENT or any(unknown.get(part) for part in NAMING):
            continue
        if name := tuple(str(values[part]) for part in NAMING if values.get(part)):
            yield change["type"], name


def test_every_kind_of_resource_is_known_by_a_name_or_has_none(first: list[Change]) -> None:
    named = {kind for kind, _ in names(first)}
    assert {change["type"] for change in first} - named <= NAMELESS | OF_A_PARENT


def test_nothing_has_the_name_of_a_second_deployment(first: list[Change], second_region: list[Change]) -> None:
    assert len(set(names(first))) == len(list(names(first))) > 100
    assert set(names(first)) & set(names(second_region)) == set()


@pytest.mark.parametrize("part", [PROJECT, SUFFIX])
def test_project_and_suffix_are_each_in_every_name(second_region: list[Change], part: str) -> None:
    """So either alone keeps two deployments apart."""
    without = {
        (kind, name)
        for kind, name in names(second_region)
        if not any(f"-{part}-" in re.sub("[/_:]", "-", f"-{words}-") for words in name)
    }
    assert without == set()


def test_no_alarm_looks_at_what_another_deployment_counts(first: list[Change], second_region: list[Change]) -> None:
    assert set(watched(first)) & set(watched(second_region)) == set()
    own = [dict(dimensions) for namespace, _, dimensions in watched(first) if namespace == NAMESPACE]
    assert {tuple(dimensions) for dimensions in own} == {tuple(sorted(DIMENSIONS))}
    assert {(dimensions["project"], dimensions["environment"]) for dimensions in own} == {("starmend", "test")}
    others = [dict(dimensions) for namespace, _, dimensions in watched(second_region) if namespace == NAMESPACE]
    assert {(dimensions["project"], dimensions["environment"]) for dimensions in others} == {
        (PROJECT, f"{ENVIRONMENT}-{SUFFIX}")
    }


def watched(changes: list[Change]) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Namespace, metric and dimensions of every alarm on a metric; an ARN that no plan knows is left out."""
    for change in changes:
        values: dict[str, Any] = change["change"]["after"]
        if change["type"] == "aws_cloudwatch_metric_alarm" and values.get("dimensions"):
            yield values["namespace"], values["metric_name"], tuple(sorted(values["dimensions"].items()))


def test_the_audits_of_an_hour_start_at_minutes_of_their_own(first: list[Change]) -> None:
    """Whatever computes the minute: the SHA-256 of the dataset's name, past the minutes in which points settle.

    A feed's is within the first ten, for the hour before is certified then: a gap of its first minute within 75.
    """
    schedules = {
        change["index"]: change["change"]["after"]["schedule_expression"]
        for change in first
        if change["address"].startswith("module.auditor[0].module.schedule.aws_scheduler_schedule.")
    }
    feeds = {"canary", "quotes"}
    digests = {name: int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) for name in schedules}
    minutes = {name: 5 + digest % (6 if name in feeds else 55) for name, digest in digests.items()}
    assert schedules == {name: f"cron({minute} * * * ? *)" for name, minute in minutes.items()}
    assert len(set(minutes.values())) == len(minutes) > 1


def test_the_bucket_of_the_code_is_where_the_command_looks_for_it(
    first: list[Change], second_region: list[Change]
) -> None:
    for changes, prefix in ((first, "starmend-test"), (second_region, f"{PROJECT}-{ENVIRONMENT}-{SUFFIX}")):
        assert ("aws_s3_bucket", (f"{prefix}-code-{ACCOUNT}",)) in set(names(changes))


def test_the_description_says_all_that_the_command_reads(first: list[Change]) -> None:
    [description] = [change for change in first if change["address"] == "aws_s3_object.description"]
    written = json.loads(description["change"]["after"]["content"])
    needed = {field.name for field in fields(Deployment)} - {"aws_environment"}
    assert needed - written.keys() == set()
    assert {written[name] is None for name in needed} == {False}
    keys = {values["key"] for kind, values in objects(first) if kind == "aws_s3_object"}
    assert {DESCRIPTION, written["contracts_key"]} <= keys
    assert written["contracts_key"] == f"contracts/{written['contracts_sha256']}.json"


def objects(changes: list[Change]) -> Iterator[tuple[str, dict[str, Any]]]:
    for change in changes:
        yield change["type"], change["change"]["after"]
