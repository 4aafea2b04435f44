from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.folders import MODULE
from deploy.plans import HOLDS_DATA, as_data, counts, kind_of, loses_data, summary, uploaded_packages
from deploy.terraform import Change

CHANGES = (
    Change('aws_ssm_parameter.state["sales/staff/timestamp"]', ("create",)),
    Change("module.process.aws_lambda_function.this", ("update",), ("environment",)),
    Change('aws_s3_bucket.this["ingest"]', ("delete", "create")),
    Change("aws_sns_topic.alarms", ("delete",)),
)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("aws_sns_topic.alarms", "aws_sns_topic"),
        ('aws_s3_bucket.this["ingest"]', "aws_s3_bucket"),
        ("module.process.aws_lambda_function.this", "aws_lambda_function"),
        ("module.extract[0].aws_iam_role.this", "aws_iam_role"),
        ('module.queue["a.aws_sns_topic.b"].aws_sqs_queue.this[0]', "aws_sqs_queue"),
    ],
)
def test_an_address_tells_its_kind(address: str, kind: str) -> None:
    assert kind_of(address) == kind


def test_a_plan_is_counted_the_gravest_first() -> None:
    assert list(counts(CHANGES).items()) == [("delete", 1), ("replace", 1), ("update", 1), ("create", 1)]
    assert summary(CHANGES) == "delete 1, replace 1, update 1, create 1"
    assert summary(()) == "nothing changes"


# What applying once more makes as it was: settings, grants, code, schedules, alarms, the catalog. Logs expire.
MADE_AGAIN = {
    *("aws_athena_named_query", "aws_athena_workgroup", "aws_glue_catalog_database", "aws_glue_catalog_table"),
    *("aws_cloudwatch_composite_alarm", "aws_cloudwatch_dashboard", "aws_cloudwatch_metric_alarm"),
    *("aws_cloudwatch_log_group", "aws_cloudwatch_log_stream", "aws_emrserverless_application", "aws_glue_job"),
    *("aws_iam_policy", "aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment"),
    *("aws_kinesis_firehose_delivery_stream", "aws_kms_alias", "aws_sfn_state_machine"),
    *("aws_lambda_event_source_mapping", "aws_lambda_function", "aws_lambda_function_event_invoke_config"),
    *("aws_lambda_layer_version", "aws_lambda_permission", "aws_scheduler_schedule", "aws_scheduler_schedule_group"),
    *("aws_s3_bucket_lifecycle_configuration", "aws_s3_bucket_logging", "aws_s3_bucket_notification"),
    *("aws_s3_bucket_object_lock_configuration", "aws_s3_bucket_ownership_controls", "aws_s3_bucket_policy"),
    *("aws_s3_bucket_public_access_block", "aws_s3_bucket_server_side_encryption_configuration"),
    *("aws_s3_bucket_versioning", "aws_s3_object", "aws_security_group", "aws_vpc_endpoint"),
    *("aws_sns_topic", "aws_sns_topic_policy", "aws_sns_topic_subscription", "aws_sqs_queue_redrive_policy"),
    *("aws_vpc_security_group_ingress_rule", "terraform_data"),
}


def test_of_each_kind_of_resource_it_is_known_whether_applying_again_brings_it_back() -> None:
    """The keys that sign were in neither set: a plan that scheduled one for deletion was carried out unasked."""
    kinds = {
        kind
        for file in MODULE.rglob("*.tf")
        for kind in re.findall(r'^resource "(\w+)"', file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert kinds == MADE_AGAIN | HOLDS_DATA
    assert not MADE_AGAIN & HOLDS_DATA
    assert "aws_kms_key" in HOLDS_DATA


def test_what_holds_data_and_goes_is_told_apart() -> None:
    assert [change.address for change in CHANGES if loses_data(change)] == ['aws_s3_bucket.this["ingest"]']


def test_a_plan_as_data_names_every_address_and_where_the_whole_text_is() -> None:
    data = as_data(CHANGES, Path("build/dev/plan.txt"))
    assert [one["address"] for one in data["changes"]] == [change.address for change in CHANGES]
    assert data["text"] == "build/dev/plan.txt"


def test_zips_are_read_of_the_packages_that_are_made_and_of_no_other() -> None:
    changes = (
        Change('aws_s3_object.package["base"]', ("delete", "create")),
        Change('aws_s3_object.package["code"]', ("create",)),
        Change('aws_s3_object.package["athena"]', ("delete",)),
        Change('aws_lambda_layer_version.this["athena"]', ("create",)),
    )
    assert uploaded_packages(changes) == {"base", "code"}
    assert uploaded_packages(()) == set()
