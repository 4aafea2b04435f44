"""What Athena says is missing, asked through awswrangler by a role that may do no more than the auditor's steps."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import numpy as np
import pyarrow as pa
import pytest
from tests.support.feeds import contracts_in

from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import scan_partitions
from auditor.feeds.points import missing_points
from auditor.feeds.query import ask_missing
from auditor.windows import windows_between
from aws.athena import Athena
from aws.clients import Clients
from aws.pointers import S3PartitionStore
from core.contract.model import Contracts, Entity, Feed
from core.feeds.grid import expected_slots
from core.warehouse.arrow_types import stored_schema
from local.emulator import Emulator
from processing.partitions.commit import CommitContext, restate

pytestmark = pytest.mark.emulator

BUCKET, RESULTS, DATABASE, WORKGROUP = "lake", "results", "stars", "auditor"
START = int(dt.datetime(2026, 11, 25, 20, tzinfo=dt.UTC).timestamp())  # a holiday and a half day follow
END = START + 3 * 86_400
TERRAFORM = Path(__file__).parents[2] / "terraform/modules/auditor/steps.tf"


@dataclass(frozen=True)
class Lake:
    contracts: Contracts
    feed: Feed


def asks() -> list[str]:
    """The actions on Athena that Terraform grants."""
    return sorted(set(re.findall(r'"(athena:\w+)"', TERRAFORM.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Two symbols with gaps, one of which is delisted; the process's credentials are the role's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        with Emulator.start(tmp_path_factory.mktemp("lake"), as_on_aws=True) as emulator:
            for name, value in emulator.environment().items():
                patch.setenv(name, value)
            filled = fill()
            for name, value in credentials_of_the_role().items():
                patch.setenv(name, value)
            yield filled


def fill() -> Lake:
    contracts = contracts_in()
    entities = (Entity("AAPL"), Entity("ZM", valid_until="2026-11-27T15:30:00Z"))
    feed = replace(contracts.feed("quotes"), entities=entities)
    session = boto3.Session()
    for bucket in (BUCKET, RESULTS):
        session.client("s3").create_bucket(Bucket=bucket)
    table = contracts.table("fact_quote")
    session.client("glue").create_database(DatabaseInput={"Name": DATABASE})
    session.client("glue").create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": "fact_quote",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": "symbol", "Type": "string"}, {"Name": "month", "Type": "string"}],
            "Parameters": {
                "projection.enabled": "true", "projection.symbol.type": "enum", "projection.symbol.values": "AAPL,ZM",
                "projection.month.type": "enum", "projection.month.values": "2026-11,2026-12",
            },
            "StorageDescriptor": {
                "Columns": [{"Name": "minute", "Type": "timestamp"}],
                "Location": f"s3://{BUCKET}/warehouse/fact_quote/",
                "InputFormat": "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": {
                    "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
                },
            },
        },
    )  # fmt: skip
    store = S3PartitionStore(Clients()("s3"), BUCKET)
    slots = expected_slots(contracts.calendar("XNYS"), every=60, start=START, end=END)
    random = np.random.default_rng(5)
    for entity in entities:
        kept = slots[random.random(len(slots)) < 0.7]
        minutes = pa.array(kept * 1_000_000).cast(pa.timestamp("us"))
        schema = stored_schema(table)
        columns = {"minute": minutes, "price": pa.array(np.ones(len(kept))).cast(pa.decimal128(18, 6))}
        rows = pa.table([columns.get(field.name, pa.nulls(len(kept), field.type)) for field in schema], schema=schema)
        path = f"symbol={entity.name}/month=2026-11"
        restate(store, table, path, lambda rows=rows: (rows, ()), context=CommitContext("x"))
    return Lake(contracts, feed)


def credentials_of_the_role() -> dict[str, str]:
    session = boto3.Session()
    results = {"OutputLocation": f"s3://{RESULTS}/auditor/"}
    session.client("athena").create_work_group(
        Name=WORKGROUP, Configuration={"EnforceWorkGroupConfiguration": True, "ResultConfiguration": results}
    )
    account, region = session.client("sts").get_caller_identity()["Account"], "us-east-1"
    workgroup = f"arn:aws:athena:{region}:{account}:workgroup/{WORKGROUP}"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    grants = [
        {"Effect": "Allow", "Action": asks(), "Resource": workgroup},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/warehouse/*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{RESULTS}/auditor/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
    ]
    iam = session.client("iam")
    document = {"Version": "2012-10-17", "Statement": [trust]}
    role = iam.create_role(RoleName="looks", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": grants})
    iam.put_role_policy(RoleName="looks", PolicyName="grants", PolicyDocument=policy)
    keys = session.client("sts").assume_role(RoleArn=role, RoleSessionName="looks")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


@pytest.mark.parametrize("page", [50_000, 30])
def test_the_pointers_and_athena_tell_of_the_same_gaps(lake: Lake, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.feeds.query.PAGE", page)
    calendar, table = lake.contracts.calendar("XNYS"), lake.contracts.table("fact_quote")
    windows = windows_between(lake.feed, calendar, START, END)
    contract = replace(lake.contracts.dataset("quotes"), source=lake.feed)
    store = S3PartitionStore(Clients()("s3"), BUCKET)
    coverage = scan_partitions(contract, expect(lake.feed, calendar, windows), store).coverage
    read = missing_points("quotes", coverage)
    assert sum(len(missing.ranges) for missing in read) > 60
    assert ask_missing(Athena(WORKGROUP, DATABASE), "quotes", table, lake.feed, calendar, windows) == read
