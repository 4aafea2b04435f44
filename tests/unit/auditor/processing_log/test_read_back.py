"""The processing log as Athena finds it: on S3, under the partitions that the catalog projects, with its columns."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from moto import mock_aws
from tests.unit.processing.records.test_receipts import RECEIPT

from auditor.processing_log.compaction import compact_log
from auditor.services import Services
from aws.objects import S3ObjectStore
from core.landing.records import LOG_DAYS
from core.landing.zone import PROCESSING_LOG, landing_of
from core.rendering.catalog import catalog_tables
from core.time import format_instant
from local.emulator.patches.athena.hive_types import duckdb_type
from local.emulator.patches.athena.partition_projection import locate
from processing.records.receipts import Receipt, write_receipt

BUCKET = "a-warehouse"


@pytest.fixture
def store(aws_credentials: None) -> Iterator[S3ObjectStore]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield S3ObjectStore(client, BUCKET)


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def receipt(key: str, at: datetime) -> Receipt:
    landing = landing_of(key)
    assert landing
    return replace(
        RECEIPT, object=key, dataset=landing.dataset, table=landing.table, processed_at=format_instant(at), lines_in=7
    )


def rows(services: Services, store: S3ObjectStore, folder: Path) -> list[dict[str, Any]]:
    """Every row of the catalog's table, with its partition's keys."""
    table = catalog_tables(services.contracts)["processing_log"]
    root = "s3://warehouse/" + table["location"]
    definition = {
        "StorageDescriptor": {"Location": root},
        "PartitionKeys": [{"Name": key["name"], "Type": key["type"]} for key in table["partition_keys"]],
        "Parameters": table["projection"] | {"storage.location.template": root + table["template"]},
    }
    [(_, values)] = locate(definition, [])
    columns = ", ".join(f"'{column['name']}': '{duckdb_type(column['type'])}'" for column in table["columns"])
    shown: list[dict[str, Any]] = []
    for number, info in enumerate(store.list(PROCESSING_LOG)):
        partition = values(f"s3://warehouse/{info.key}")
        if partition is None:
            continue
        stored = store.read(info.key)
        assert stored
        path = folder / str(number)
        path.write_bytes(gzip.decompress(stored.body))
        found = duckdb.sql(f"select * from read_json('{path}', format='newline_delimited', columns={{{columns}}})")
        shown += [
            dict(zip(found.columns, row, strict=True), day=partition[0], table=partition[1]) for row in found.fetchall()
        ]
    return shown


def test_athena_finds_every_receipt_once_with_all_its_columns(
    services: Services, store: S3ObjectStore, tmp_path: Path
) -> None:
    now = datetime.now(UTC)  # S3's own clock and the projection's NOW; what is asserted on does not depend on it
    services = replace(services, records=store, now=lambda: now)
    keys = [f"tables/sales/staff/{number:012d}.jsonl.gz" for number in range(1, 6)]
    keys.append("feeds/quotes/2026/11/20/14/points.gz")
    for key in keys:
        write_receipt(store, landing_of(key), receipt(key, now - timedelta(days=1)))  # type: ignore[arg-type]
    for dataset in ("sales", "quotes"):
        compact_log(services, dataset, "run")
    write_receipt(store, landing_of(keys[0]), receipt(keys[0], now))  # type: ignore[arg-type]
    compact_log(services, "sales", "run")
    shown = rows(services, store, tmp_path)
    assert sorted(row["object"] for row in shown) == sorted(keys)
    [again] = [row for row in shown if row["object"] == keys[0]]
    assert (again["day"], again["table"], again["dataset"]) == (f"{now:%Y-%m-%d}", "staff", "sales")
    assert (again["lines_in"], again["outcome"], again["etag"]) == (7, RECEIPT.outcome, RECEIPT.etag)
    assert [touched["partition"] for touched in again["partitions"]] == [
        touched.partition for touched in RECEIPT.partitions
    ]


def test_the_table_projects_no_day_that_may_have_expired(services: Services) -> None:
    table = catalog_tables(services.contracts)["processing_log"]
    assert table["projection"]["projection.day.range"] == f"NOW-{LOG_DAYS}DAYS,NOW+1DAYS"
    assert table["expire_days"] > LOG_DAYS
