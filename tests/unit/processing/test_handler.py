"""The Lambda over a simulated AWS: an event in, objects and parameters out."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path

import pytest
from tests.support.lake import NOW, landing, line_of, order, shipped_contracts
from tests.support.simulated_aws import ClientOf
from tests.support.simulated_aws import client_of as client_of

from aws.settings import Settings
from processing import handler
from processing.runtime import build_services

KEY = "tables/sales/sales_order/000000000001.jsonl.gz"
PARAMETER = "/starmend/test/sales/sales_order/latest_object"


@pytest.fixture
def client(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> ClientOf:
    s3 = client_of("s3")
    for bucket in ("ingest-bucket", "warehouse-bucket"):
        s3.create_bucket(Bucket=bucket)
    client_of("ssm").put_parameter(Name=PARAMETER, Value="0", Type="String")

    class Shipped(Settings):
        contracts = shipped_contracts()  # type: ignore[assignment]

    settings = Shipped("starmend", "test", "ingest-bucket", "warehouse-bucket", Path("unused"))
    lake, finish = build_services(settings, client_of)  # type: ignore[arg-type]
    lake = dataclasses.replace(lake, now=lambda: NOW)
    monkeypatch.setattr(handler, "build_runtime", lambda: (lake, finish))
    return client_of


def queue_event(*keys: str) -> dict[str, object]:
    records = []
    for number, key in enumerate(keys):
        s3 = {"bucket": {"name": "ingest-bucket"}, "object": {"key": key}}
        body = json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": s3}]})
        records.append({"messageId": f"message-{number}", "body": body})
    return {"Records": records}


def test_an_object_becomes_a_partition_a_receipt_and_the_latest_object(client: ClientOf) -> None:
    s3 = client("s3")
    body = gzip.compress(line_of(order(1)) + b"bad\n")
    s3.put_object(Bucket="ingest-bucket", Key=KEY, Body=body)
    unknown = "tables/unknown/staff/000000000001.jsonl.gz"
    answer = handler.handle(queue_event(KEY, unknown), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    pointer = s3.get_object(Bucket="warehouse-bucket", Key="warehouse/fact_sales_order/month=2026-11/symlink.txt")
    assert pointer["Body"].read().startswith(b"s3://warehouse-bucket/warehouse/_data/fact_sales_order/month=2026-11/v0")
    receipt = json.loads(s3.get_object(Bucket="warehouse-bucket", Key=landing(KEY).receipt_key)["Body"].read())
    assert (receipt["outcome"], receipt["lines_in"], receipt["rejected"]) == ("committed", 2, 1)
    lines = s3.get_object(Bucket="warehouse-bucket", Key=landing(KEY).quarantine_key)["Body"].read().splitlines()
    assert [json.loads(line)["line"] for line in lines] == [2]
    assert client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"] == "1"


def test_metrics_and_a_log_line_are_written_for_success_and_failure(
    client: ClientOf, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    client("s3").put_object(Bucket="ingest-bucket", Key=KEY, Body=gzip.compress(line_of(order(1))))
    handler.handle(queue_event(KEY, "tables/unknown/staff/000000000001.jsonl.gz"), None)
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    metrics = {line["dataset"]: line for line in written if {"project", "environment", "dataset"} <= line.keys()}
    assert metrics["sales"]["ObjectsProcessed"] == [1.0]
    assert "_aws" in metrics["sales"]
    assert metrics["unknown"]["ObjectsFailed"] == 1.0
    assert "_aws" not in metrics["unknown"]  # no alarm reads it: a field of the log's line
    lines = {record.message: vars(record) for record in caplog.records}
    assert lines["object processed"]["rows_out"] == 1
    assert lines["object processed"]["milliseconds"] > 0
    assert "no contract for dataset" in lines["object failed"]["reason"]


def test_a_bare_event_is_what_the_command_hands_in(client: ClientOf) -> None:
    client("s3").put_object(Bucket="ingest-bucket", Key=KEY, Body=gzip.compress(line_of(order(1))))
    assert handler.handle({"objects": [KEY]}, None) == {"batchItemFailures": []}
    assert client("s3").head_object(Bucket="warehouse-bucket", Key=landing(KEY).receipt_key)
