"""The analysts' policy, as deployed, on a role of its own: what it opens and what it leaves shut."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import sqlglot
from botocore.config import Config
from botocore.exceptions import ClientError
from sqlglot import exp

from aws.objects import S3ObjectStore
from core.errors import NotGranted
from core.rendering.catalog import catalog_tables
from core.rendering.views import catalog_views
from deploy.folders import ROOT
from local.invoking import await_receipts, invoke
from local.stack import Stack
from starmend_reader import connect
from starmend_reader.lake import s3_filesystem

pytestmark = pytest.mark.stack
QUERIES = ROOT / "terraform/queries"
ROLE = "an-analyst"

Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def keys(stack: Stack) -> Iterator[dict[str, str]]:
    """The credentials of somebody who has the policy and nothing else, over tables that hold rows."""
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    await_receipts(stack.deployment, "tables/sales/")
    iam, sts = stack.deployment.clients("iam"), stack.deployment.clients("sts")
    account = sts.get_caller_identity()["Account"]
    trust = {
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
    }  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    name = f"{stack.deployment.project}-{stack.deployment.environment}-analyst"
    ours = [
        policy["Arn"]
        for policy in iam.list_policies(Scope="Local")["Policies"]
        if policy["PolicyName"].startswith(name)
    ]
    for policy in ours:
        iam.attach_role_policy(RoleName=ROLE, PolicyArn=policy)
    yield sts.assume_role(RoleArn=role, RoleSessionName="reads")["Credentials"]
    for policy in ours:
        iam.detach_role_policy(RoleName=ROLE, PolicyArn=policy)
    iam.delete_role(RoleName=ROLE)


@pytest.fixture(scope="module")
def analyst(keys: dict[str, str]) -> Client:
    session = botocore.session.get_session()
    session.set_credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    config = Config(s3={"addressing_style": "path"})
    return lambda service: session.create_client(service, config=config)


def is_refused(call: Callable[..., Any], **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"):
            return True
        raise
    return False


def test_an_analyst_reads_the_warehouse_and_the_log_of_what_was_processed(stack: Stack, analyst: Client) -> None:
    s3, bucket = analyst("s3"), stack.deployment.warehouse_bucket
    s3.get_object(Bucket=bucket, Key="warehouse/dim_date/symlink.txt")
    assert s3.list_objects_v2(Bucket=bucket, Prefix="warehouse/dim_date/")["KeyCount"] > 0
    assert s3.list_objects_v2(Bucket=bucket, Prefix="processing_log/")["KeyCount"] >= 0


def test_an_analyst_reads_no_current_row_of_a_source(stack: Stack, analyst: Client) -> None:
    """They hold what the star leaves out: contacts of counterparties."""
    s3, bucket = analyst("s3"), stack.deployment.warehouse_bucket
    assert S3ObjectStore(stack.deployment.clients("s3"), bucket).stat("warehouse/_current/counterparty/symlink.txt")
    for root in ("warehouse/_current/", "warehouse/_data/_current/"):
        assert is_refused(s3.list_objects_v2, Bucket=bucket, Prefix=root)
        assert is_refused(s3.get_object, Bucket=bucket, Key=f"{root}counterparty/symlink.txt")
    place = {"DatabaseName": stack.deployment.database, "Name": "current_counterparty"}
    assert is_refused(analyst("glue").get_table, **place)
    assert analyst("glue").get_table(**place | {"Name": "dim_counterparty"})["Table"]["Name"] == "dim_counterparty"


def test_an_analyst_reads_no_ingest_object_no_quarantine_and_no_secret(stack: Stack, analyst: Client) -> None:
    s3, ours = analyst("s3"), stack.deployment
    assert is_refused(s3.list_objects_v2, Bucket=ours.ingest_bucket, Prefix="tables/")
    assert is_refused(s3.get_object, Bucket=ours.ingest_bucket, Key="tables/sales/payment/000000000001.jsonl.gz")
    assert is_refused(s3.list_objects_v2, Bucket=ours.warehouse_bucket, Prefix="quarantine/")
    secret = f"{ours.project}/{ours.environment}/sales-db"
    assert is_refused(analyst("secretsmanager").get_secret_value, SecretId=secret)


def test_an_analyst_reads_the_open_tables_without_athena(stack: Stack, keys: dict[str, str]) -> None:
    settings = stack.deployment.aws_environment | {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }
    lake = connect(
        stack.deployment.buckets["code"], filesystem=s3_filesystem(stack.deployment.buckets["code"], settings)
    )
    before = datetime.now(UTC)
    for name, relation in lake.relations.items():
        rows = lake.read(name)
        assert rows.arrow().schema == relation.columns
        if relation.table is not None:
            assert lake.read(name, as_of=before).arrow() == rows.arrow()
    with pytest.raises(NotGranted, match="Take the analyst's role"):
        lake.warehouse.read("warehouse/_current/counterparty/symlink.txt")
    for gone in ("warehouse/dim_staff/gone.txt", "warehouse/_data/dim_staff/v9.parquet", "warehouse/_certificates/x"):
        assert lake.warehouse.read(gone) is None, "gone, and not forbidden"


def test_an_analyst_changes_nothing(stack: Stack, analyst: Client) -> None:
    s3, ours = analyst("s3"), stack.deployment
    pointer = "warehouse/dim_date/symlink.txt"
    assert is_refused(s3.put_object, Bucket=ours.warehouse_bucket, Key=pointer, Body=b"elsewhere")
    assert is_refused(s3.delete_object, Bucket=ours.warehouse_bucket, Key=pointer)
    assert is_refused(analyst("lambda").invoke, FunctionName=ours.functions["process"], Payload=b"{}")
    assert is_refused(analyst("sqs").send_message, QueueUrl=ours.queues["arrivals"], MessageBody="{}")
    change = {"DatabaseName": ours.database, "TableInput": {"Name": "dim_date"}}
    assert is_refused(analyst("glue").update_table, **change)


def test_an_analyst_asks_in_the_analysts_workgroup_and_in_no_other(stack: Stack, analyst: Client) -> None:
    athena, sql = analyst("athena"), "select 1"
    context = {"Database": stack.deployment.database}
    started = athena.start_query_execution(
        QueryString=sql, WorkGroup=stack.deployment.workgroup, QueryExecutionContext=context
    )
    assert athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]["Query"] == sql
    assert is_refused(athena.start_query_execution, QueryString=sql, WorkGroup="primary", QueryExecutionContext=context)


def test_every_saved_query_is_there_for_the_analyst(stack: Stack, analyst: Client) -> None:
    ids = analyst("athena").list_named_queries(WorkGroup=stack.deployment.workgroup)["NamedQueryIds"]
    # The emulator does not know whose workgroup these are, so that the account's own key looks into them.
    queries = stack.deployment.clients("athena").batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    names = {query["Name"] for query in queries}
    assert {
        "completeness",
        "missing-points",
        "revenue-by-month",
        "hourly-prices",
        "processing-log",
        "quarantine",
    } <= names


def test_the_tables_of_every_saved_query_are_open_to_the_analyst_but_for_the_quarantine(
    stack: Stack, analyst: Client
) -> None:
    tables, views = catalog_tables(stack.deployment.contracts), catalog_views(stack.deployment.contracts)
    shut = set()
    for file in QUERIES.glob("*.sql"):
        asked = [view["sql"] if (view := views.get(name)) else f"select 1 from {name}" for name in read_by(file)]
        for table in {
            table.name for sql in asked for table in sqlglot.parse_one(sql, read="athena").find_all(exp.Table)
        }:
            place = {"Bucket": stack.deployment.buckets[tables[table]["bucket"]], "Prefix": tables[table]["location"]}
            if is_refused(analyst("s3").list_objects_v2, **place):
                shut.add((file.stem, table))
    assert shut == {("quarantine", "quarantine")}


def read_by(query: Path) -> set[str]:
    """The tables and views that a saved query names."""
    tree = sqlglot.parse_one(query.read_text(encoding="utf-8"), read="athena")
    return {table.name for table in tree.find_all(exp.Table)} - {table.alias for table in tree.find_all(exp.CTE)}
