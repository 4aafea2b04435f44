"""Policies of a whole plan, each request decided as AWS would decide it: who may, and above all who may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document
from tests.support.planning import ACCOUNT, BOUNDARY, Change
from tests.support.state import Resource

PREFIX = "starmend-test"
REGION = "us-east-1"
BUCKETS = {name: f"arn:aws:s3:::{PREFIX}-{name}-{ACCOUNT}" for name in ("ingest", "warehouse", "results", "code")}
GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
ATHENA = f"arn:aws:athena:{REGION}:{ACCOUNT}"
OPEN = ("dim_staff", "fact_quote", "fact_sales_order")
SHUT = ("current_staff", "raw_quotes", "raw_staff", "quarantine")
POLICY_LIMIT = 6144  # characters of a managed policy: IAM User Guide, "IAM and AWS STS quotas"

Policies = dict[str, list[dict[str, Any]]]  # by role's name


@pytest.fixture(scope="module")
def resources(changes: list[Change]) -> list[Resource]:
    """Every resource as it will be."""
    return [
        {"type": change["type"], "values": change["change"]["after"]} for change in changes if change["change"]["after"]
    ]


@pytest.fixture(scope="module")
def documents(resources: list[Resource]) -> Policies:
    """Each role's policies, inline ones and those of ours that are attached to it."""
    policies: Policies = {}
    arns: dict[str, str] = {}
    for resource in resources:
        values = resource["values"]
        if resource["type"] == "aws_iam_role_policy" and values.get("policy"):  # a new function's is not known yet
            policies.setdefault(values["role"], []).append(json.loads(values["policy"]))
        if resource["type"] == "aws_iam_policy":
            arns[values["name"]] = values["policy"]
    policies[f"{PREFIX}-analyst"] = [json.loads(text) for name, text in sorted(arns.items()) if "-analyst" in name]
    return policies


def may(documents: Policies, role: str, action: str, resource: str, **context: str) -> bool:
    asked = EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{PREFIX}-{role}/any", principal_type="AssumedRole",
        principal_account=ACCOUNT, action=action, resource_arn=resource, region=REGION, secure_transport=True,
        service_context={name.replace("_", ":"): value for name, value in context.items()},
    )  # fmt: skip
    policies = [parsed for document in documents[f"{PREFIX}-{role}"] for parsed in [parse_policy_document(document)]]
    return bool(evaluate(asked, policies).decision == "Allow")


# ---------------------------------------------------------------- analysts


@pytest.mark.parametrize("table", OPEN)
def test_an_analyst_reads_every_table_of_the_star_by_its_pointers_and_its_objects(
    documents: Policies, table: str
) -> None:
    for folder in (f"warehouse/{table}/", f"warehouse/_data/{table}/"):
        assert may(documents, "analyst", "s3:GetObject", f"{BUCKETS['warehouse']}/{folder}month=2026-11/file")
        assert may(documents, "analyst", "s3:ListBucket", BUCKETS["warehouse"], s3_prefix=folder)
    for action in ("glue:GetTable", "glue:GetPartitions"):
        assert may(documents, "analyst", action, f"{GLUE}:table/starmend_test/{table}")


def test_an_analyst_reads_the_log_of_what_was_processed(documents: Policies) -> None:
    assert may(
        documents,
        "analyst",
        "s3:GetObject",
        f"{BUCKETS['warehouse']}/processing_log/day=2026-11-20/source_table=staff/a.gz",
    )
    assert may(documents, "analyst", "glue:GetTable", f"{GLUE}:table/starmend_test/processing_log")
    assert may(documents, "analyst", "glue:GetTable", f"{GLUE}:table/starmend_test/fact_sales_order_now")


@pytest.mark.parametrize("root", ["warehouse/_certificates/", "warehouse/_contracts/"])
def test_an_analyst_reads_the_certificates_and_which_contract_held_when(documents: Policies, root: str) -> None:
    assert may(documents, "analyst", "s3:GetObject", f"{BUCKETS['warehouse']}/{root}quotes/000000000001.json")
    assert may(documents, "analyst", "s3:ListBucket", BUCKETS["warehouse"], s3_prefix=f"{root}quotes/")
    assert not may(documents, "analyst", "s3:PutObject", f"{BUCKETS['warehouse']}/{root}quotes/000000000001.json")


@pytest.mark.parametrize(
    "key",
    [
        "warehouse/_current/staff/symlink.txt",
        "warehouse/_data/_current/staff/v000000000001-0.parquet",
        "warehouse/_data/",
        "warehouse/_proofs/quotes/000000000001.json",
        "warehouse/fact_quote_of_others/symlink.txt",
        "warehouse/_data/dim_staff_private/v000000000001-0.parquet",
        "quarantine/tables/sales/staff/000000000001.jsonl",
        "audit/runs/1/findings.json",
        "audit/absent/quotes.json",
        "anything",
    ],
)
def test_an_analyst_opens_nothing_else_of_the_warehouse(documents: Policies, key: str) -> None:
    assert not may(documents, "analyst", "s3:GetObject", f"{BUCKETS['warehouse']}/{key}")
    assert not may(documents, "analyst", "s3:GetObjectVersion", f"{BUCKETS['warehouse']}/{key}")
    assert not may(documents, "analyst", "s3:ListBucket", BUCKETS["warehouse"], s3_prefix=key)


@pytest.mark.parametrize(
    "prefix", ["", "warehouse/", "warehouse/_data/", "warehouse/_current/", "quarantine/", "audit/"]
)
def test_an_analyst_lists_nothing_above_a_table(documents: Policies, prefix: str) -> None:
    assert not may(documents, "analyst", "s3:ListBucket", BUCKETS["warehouse"], s3_prefix=prefix)
    assert not may(documents, "analyst", "s3:ListBucket", BUCKETS["warehouse"])


def test_an_analyst_opens_no_other_bucket_but_the_analysts_results(documents: Policies) -> None:
    for bucket in ("ingest", "code"):
        for action in ("s3:GetObject", "s3:PutObject"):
            assert not may(documents, "analyst", action, f"{BUCKETS[bucket]}/tables/sales/staff/000000000001.jsonl.gz")
        assert not may(documents, "analyst", "s3:ListBucket", BUCKETS[bucket], s3_prefix="tables/")
    assert may(documents, "analyst", "s3:GetObject", f"{BUCKETS['results']}/analysts/1.csv")
    assert not may(documents, "analyst", "s3:GetObject", f"{BUCKETS['results']}/auditor/1.csv")
    assert not may(documents, "analyst", "s3:ListBucket", BUCKETS["results"], s3_prefix="auditor/")


@pytest.mark.parametrize("table", SHUT)
def test_no_table_that_is_not_open_can_be_asked_about(documents: Policies, table: str) -> None:
    for action in ("glue:GetTable", "glue:GetPartition", "glue:GetPartitions"):
        assert not may(documents, "analyst", action, f"{GLUE}:table/starmend_test/{table}")


def test_an_analyst_asks_in_one_workgroup_and_changes_nothing(documents: Policies) -> None:
    start = "athena:StartQueryExecution"
    assert may(documents, "analyst", start, f"{ATHENA}:workgroup/{PREFIX}-analysts")
    for other in ("primary", f"{PREFIX}-auditor"):
        for action in (start, "athena:GetQueryResults", "athena:GetQueryExecution"):
            assert not may(documents, "analyst", action, f"{ATHENA}:workgroup/{other}")
    for action in ("glue:UpdateTable", "glue:DeleteTable", "glue:CreateTable"):
        assert not may(documents, "analyst", action, f"{GLUE}:table/starmend_test/dim_staff")
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert not may(documents, "analyst", action, f"{BUCKETS['warehouse']}/warehouse/dim_staff/symlink.txt")


def test_the_query_editor_can_list_what_it_shows(documents: Policies) -> None:
    for action in ("athena:ListWorkGroups", "athena:ListDataCatalogs", "athena:ListEngineVersions"):
        assert may(documents, "analyst", action, "*")
    for action in ("athena:GetDataCatalog", "athena:ListDatabases", "athena:ListTableMetadata"):
        assert may(documents, "analyst", action, f"{ATHENA}:datacatalog/AwsDataCatalog")
    assert may(documents, "analyst", "glue:GetDatabases", f"{GLUE}:database/starmend_test")
    assert may(documents, "analyst", "glue:GetTables", f"{GLUE}:table/starmend_test/*")


@pytest.mark.parametrize("role", ["analyst", "audit", "verify"])
def test_whoever_asks_athena_may_look_into_the_default_database(documents: Policies, role: str) -> None:
    for action in ("glue:GetDatabase", "glue:GetDatabases"):
        for resource in (f"{GLUE}:catalog", f"{GLUE}:database/default"):
            assert may(documents, role, action, resource)


# ---------------------------------------------------------------- missing is not forbidden


def readers(documents: Policies) -> Iterator[tuple[str, str, str]]:
    """Role, bucket and a key that the role's function may read, one for each grant of s3:GetObject."""
    for role, policies in documents.items():
        if role.endswith(("-analyst", "-deliver-quotes")):
            continue  # services and people, who take no answer for an absence
        for statement in (statement for document in policies for statement in document["Statement"]):
            if statement["Effect"] == "Allow" and "s3:GetObject" in as_list(statement["Action"]):
                for resource in as_list(statement["Resource"]):
                    bucket, _, key = resource.partition("/")
                    yield role.removeprefix(f"{PREFIX}-"), bucket, key.replace("*", "a/key")


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_a_missing_object_is_404_for_every_function_that_reads_it(documents: Policies) -> None:
    """S3 answers 404 only to whoever may list the bucket, asked without a prefix; else 403, which is no absence."""
    found = list(readers(documents))
    assert {role for role, _, _ in found} >= {"process", "extract", "check", "restate", "audit", "verify", "repair"}
    refused = [
        (role, bucket, key) for role, bucket, key in found if not may(documents, role, "s3:ListBucket", bucket)
        and not bucket.startswith(BUCKETS["results"])  # Athena's
    ]  # fmt: skip
    assert refused == []


def test_no_function_lists_beyond_what_it_reads(documents: Policies) -> None:
    """A listing always names its prefix, if only an empty one."""
    for role in {role for role, _, _ in readers(documents)}:
        for bucket in BUCKETS.values():
            for prefix in ("", "w", "feeds-errors/"):
                assert not may(documents, role, "s3:ListBucket", bucket, s3_prefix=prefix), (role, bucket, prefix)


# ---------------------------------------------------------------- roles


def test_firehose_takes_its_role_for_this_account_alone(resources: list[Resource]) -> None:
    trusts = [
        json.loads(resource["values"]["assume_role_policy"])["Statement"]
        for resource in resources
        if resource["type"] == "aws_iam_role" and "-deliver-" in resource["values"]["name"]
    ]
    assert trusts
    for statements in trusts:
        [statement] = statements if isinstance(statements, list) else [statements]
        assert statement["Principal"] == {"Service": "firehose.amazonaws.com"}
        assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": ACCOUNT}}


def test_firehose_may_do_what_its_guide_lists(documents: Policies) -> None:
    for action in ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"):
        assert may(documents, "deliver-quotes", action, f"{BUCKETS['ingest']}/feeds/quotes/2026/11/20/14/object")
    for action in ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"):
        assert may(documents, "deliver-quotes", action, BUCKETS["ingest"])


def test_every_role_has_the_boundary_that_the_company_prescribes(resources: list[Resource]) -> None:
    roles = [resource["values"] for resource in resources if resource["type"] == "aws_iam_role"]
    assert len(roles) > 15
    assert {
        role["name"]: role["permissions_boundary"] for role in roles if role["permissions_boundary"] != BOUNDARY
    } == {}


def test_no_policy_is_longer_than_aws_takes(resources: list[Resource]) -> None:
    sizes = {
        resource["values"]["name"]: len(json.dumps(json.loads(resource["values"]["policy"]), separators=(",", ":")))
        for resource in resources
        if resource["type"] == "aws_iam_policy"
    }
    assert {name: size for name, size in sizes.items() if size > POLICY_LIMIT} == {}
    assert len(sizes) >= 2
