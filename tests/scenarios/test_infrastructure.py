"""Rules that hold for everything that the real Terraform makes, read from its state on the emulator."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from tests.scenarios.conftest import Switch
from tests.support.state import Resource

from deploy.folders import ROOT
from local.stack import Stack

pytestmark = pytest.mark.stack
HOURS_OF_A_MONTH = 730

# AWS tags none of these.
UNTAGGED = {
    "aws_athena_named_query",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_log_stream",
    "aws_glue_catalog_table",
    "aws_iam_role_policy",
    "aws_kms_alias",
    "aws_lambda_function_event_invoke_config",
    "aws_lambda_layer_version",
    "aws_lambda_permission",
    "aws_s3_bucket_notification",
    "aws_s3_bucket_object_lock_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_scheduler_schedule",  # its group is
    "aws_sns_topic_policy",
    "aws_sns_topic_subscription",
    "aws_sqs_queue_redrive_policy",
    "terraform_data",  # Terraform's own
}
KEYS = ("aws_kms_key.alarms", "aws_kms_key.proof[0]")
ASKED_FOR = re.compile("notary|proof")  # the signed proof, which costs what the page says beside its table
# What AWS knows no resource for.
NO_RESOURCE = {"kms:*", "kms:Decrypt", "kms:GenerateDataKey"}
# What Athena's query editor lists before a workgroup is chosen; these actions know no resource.
LISTINGS = {"athena:ListEngineVersions", "athena:ListWorkGroups", "athena:ListDataCatalogs"}


def statements(resources: list[Resource]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy, with actions and resources as lists."""
    for resource in resources:
        for text in resource["values"].values():
            if isinstance(text, str) and text.startswith("{") and '"Statement"' in text:
                for statement in json.loads(text)["Statement"]:
                    yield resource["address"], {name: _listed(name, value) for name, value in statement.items()}


def _listed(name: str, value: Any) -> Any:
    return [value] if name in ("Action", "Resource") and isinstance(value, str) else value


def test_switching_the_schedules_on_changes_them_and_their_alarms_and_nothing_else(switched_on: Switch) -> None:
    switched = re.compile(
        r"module\.(databases|feeds|auditor|notary|mirror)\[0\]\.module\.(page_)?schedule(\[0\])?\.aws_scheduler_schedule\.this\[.+\]"
        r"|(module\.auditor\[0\]\.)?aws_cloudwatch_metric_alarm\.(schedule|audit)_silent\[.+\]"
        # Whoever runs the mirror promises something from now on: its silence is a fault, and audits hold it to that.
        r"|module\.mirror\[0\]\.aws_cloudwatch_metric_alarm\.late\[.+\]"
        r"|module\.auditor\[0\]\.module\.step\[\"(audit|verify)\"\]\.aws_lambda_function\.this"
        r"|aws_cloudwatch_composite_alarm\.unhealthy|terraform_data\.watched|aws_cloudwatch_dashboard\.this|aws_s3_object\.description"
    )
    assert [change for change in switched_on.changes if not switched.fullmatch(change.address)] == []
    schedules = [resource for resource in switched_on.resources if resource["type"] == "aws_scheduler_schedule"]
    assert {schedule["values"]["state"] for schedule in schedules} == {"ENABLED"}
    assert {change.address for change in switched_on.changes if change.actions == ("update",)} >= {
        schedule["address"] for schedule in schedules
    }
    # CloudWatch deletes no alarm that another's rule names, and Terraform deletes before it updates: so what watches
    # them all is not updated but replaced, and gone before any of them has to go.
    [light] = [change for change in switched_on.changes if change.address == "aws_cloudwatch_composite_alarm.unhealthy"]
    assert light.actions == ("delete", "create")


@pytest.mark.long
def test_an_alarm_that_is_no_longer_asked_for_can_be_removed_although_another_watches_it(stack: Stack) -> None:
    terraform, variables = stack.terraform()
    for changed in ({"health_page": {"enabled": False}}, {}):
        plan = terraform.plan(variables | changed)
        assert any("aws_cloudwatch_metric_alarm" in change.address for change in plan.changes)
        terraform.apply(plan)
    assert terraform.plan(variables).changes == ()


def test_everything_that_can_be_tagged_says_whose_it_is(resources: list[Resource]) -> None:
    untagged = {
        resource["address"]
        for resource in resources
        if resource["type"] not in UNTAGGED
        and set(resource["values"].get("tags_all") or ()) - {"repair"}
        != {"project", "environment", "component", "purpose"}
    }
    assert untagged == set()
    assert {resource["type"] for resource in resources if resource["values"].get("tags_all")} & UNTAGGED == set()


def test_what_repairs_cost_can_be_told_from_what_the_pipeline_costs(resources: list[Resource]) -> None:
    purposes: dict[str, set[str]] = {}
    for resource in resources:
        if tags := resource["values"].get("tags_all"):
            purposes.setdefault(tags["component"], set()).add(tags["purpose"])
    assert purposes.pop("auditor") == {"repair"}
    assert set().union(*purposes.values()) == {"base"}
    assert {"storage", "ingestion", "processing", "analytics", "alarms"} <= set(purposes)


def test_what_one_idea_of_repair_alone_uses_says_which(resources: list[Resource]) -> None:
    ideas = {
        resource["values"]["function_name"].rsplit("-", 1)[-1]: resource["values"]["tags_all"].get("repair")
        for resource in resources
        if resource["type"] == "aws_lambda_function"
    }
    tagged = {function: idea for function, idea in ideas.items() if idea}
    assert tagged == {"repair": "history", "check": "re-extract", "restate": "restate", "queue": "replay"}


def test_no_grant_has_a_wildcard_for_an_action(resources: list[Resource]) -> None:
    wild = {
        (address, action)
        for address, statement in statements(resources)
        for action in statement["Action"]
        if statement["Effect"] == "Allow" and "*" in action
    }
    assert wild == {(key, "kms:*") for key in KEYS}  # KMS refuses a policy without it


def test_every_grant_names_its_resources(resources: list[Resource]) -> None:
    wild = {
        (address, action)
        for address, statement in statements(resources)
        if statement["Effect"] == "Allow"
        for resource in statement.get("Resource", [])
        for action in statement["Action"]
        if resource == "*" or resource.split(":", 5)[-1] in ("*", "/*")
    }
    assert {action for address, action in wild if address != "aws_iam_policy.analyst"} <= NO_RESOURCE
    assert {action for address, action in wild if address == "aws_iam_policy.analyst"} <= LISTINGS
    assert {address for address, _ in wild} <= {*KEYS, "aws_iam_policy.analyst"}


def test_every_function_has_a_role_of_its_own(resources: list[Resource]) -> None:
    roles = [resource["values"]["role"] for resource in resources if resource["type"] == "aws_lambda_function"]
    assert len(roles) == len(set(roles)) > 4


def test_no_secret_is_in_the_state(stack: Stack, resources: list[Resource]) -> None:
    assert not [
        resource["address"] for resource in resources if resource["type"] == "aws_secretsmanager_secret_version"
    ]
    assert stack.market.token not in json.dumps(resources)


def test_the_page_of_costs_counts_what_is_paid_for_whatever_happens(switched_on: Switch) -> None:
    """Of the stack without the proof, and without the mirror too: a deployment has to ask for either."""
    scenarios = yaml.safe_load((ROOT / "docs/cost/scenarios.yaml").read_text(encoding="utf-8"))["scenarios"]
    mirrored = [resource for resource in switched_on.resources if not ASKED_FOR.search(resource["address"])]
    without = [resource for resource in mirrored if "mirror" not in resource["address"]]
    for name, resources in {"with a mirror": mirrored, "default contracts": without}.items():
        counts = Counter(resource["type"] for resource in resources)
        assert paid_for(counts).items() <= scenarios[name]["standing"].items(), name


def paid_for(counts: Mapping[str, int]) -> dict[str, int]:
    """What is paid for whatever happens, by the names of the page of costs, of so many resources by type."""
    return {
        "cloudwatch_alarm": counts["aws_cloudwatch_metric_alarm"],
        "cloudwatch_composite": counts["aws_cloudwatch_composite_alarm"],
        "cloudwatch_dashboard": counts["aws_cloudwatch_dashboard"],
        "kinesis_shard_hour": counts["aws_kinesis_stream"] * HOURS_OF_A_MONTH,
        "kms_key": counts["aws_kms_key"],
        "secret_month": counts["aws_secretsmanager_secret"],
    }
