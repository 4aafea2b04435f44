from __future__ import annotations

from pathlib import Path

import pytest

from deploy.plans import as_data, counts, kind_of, loses_data, summary, uploaded_packages
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
