"""The two Lambdas as AWS calls them: events in, messages and records in (moto's) SQS and Kinesis."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.support.feeds import OPENING, ROOT, contracts_in

from core.rendering.render import render
from ingestion.pull import handler as pull
from ingestion.request import handler as request
from local.market import Market


class Context:
    """What Lambda gives beside the event."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def market() -> Iterator[Market]:
    with Market.start(seed=3) as market:
        market.clock.set(OPENING)
        yield market


@pytest.fixture
def queue(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A deployment: queue, stream, secret, and the environment that Terraform sets."""
    (tmp_path / "contracts.json").write_text(render(contracts_in()))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        url = boto3.client("sqs").create_queue(QueueName="requests")["QueueUrl"]
        boto3.client("kinesis").create_stream(StreamName="starmend-test-quotes", ShardCount=1)
        boto3.client("secretsmanager").create_secret(Name="starmend/test/finnhub-token", SecretString=market.token)
        for name, value in {
            "STARMEND_PROJECT": "starmend",
            "STARMEND_ENV": "test",
            "STARMEND_INGEST_BUCKET": "ingest",
            "STARMEND_WAREHOUSE_BUCKET": "warehouse",
            "STARMEND_CONTRACTS": str(tmp_path / "contracts.json"),
            "STARMEND_REQUEST_QUEUE_URL": url,
            "STARMEND_STREAM_NAME": "starmend-test-{dataset}",
            "STARMEND_PROVIDER_URLS": json.dumps({"quotes": market.api_url}),
        }.items():
            monkeypatch.setenv(name, value)
        for module in (request, pull):
            module.build_runtime.cache_clear()
        yield url
        for module in (request, pull):
            module.build_runtime.cache_clear()


def sqs_event(url: str) -> dict[str, Any]:
    """What SQS would hand to the pull Lambda."""
    client, records = boto3.client("sqs"), []
    while taken := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        records += taken
    sent = str(int(time.time() * 1000))
    return {
        "Records": [
            {"messageId": record["MessageId"], "body": record["Body"], "attributes": {"SentTimestamp": sent}}
            for record in records
        ]
    }


def stream_lines() -> list[dict[str, Any]]:
    client = boto3.client("kinesis")
    (shard,) = client.list_shards(StreamName="starmend-test-quotes")["Shards"]
    start = client.get_shard_iterator(
        StreamName="starmend-test-quotes", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    records = client.get_records(ShardIterator=start["ShardIterator"])["Records"]
    assert all(record["Data"].endswith(b"\n") for record in records)
    return [json.loads(record["Data"]) for record in records]


def metric_lines(captured: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in captured.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line or "PointsWritten" in line]


def test_a_minute_goes_from_the_schedule_to_the_stream(
    queue: str, market: Market, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = request.handle({"dataset": "quotes", "time": "2026-11-20T14:30:12Z"}, Context())
    assert answer == {"expected": 11, "messages": 11, "left_out": ""}
    answer = pull.handle(sqs_event(queue), Context())
    assert answer == {"batchItemFailures": [], "written": 11, "skipped": {}}
    lines = stream_lines()
    assert {(line["symbol"], line["minute"]) for line in lines} == {
        (entity.name, "2026-11-20T14:30:00Z") for entity in contracts_in().feed("quotes").entities
    }
    counted = {name: line[name] for line in metric_lines(capsys.readouterr().out) for name in line if name[0].isupper()}
    assert counted == {"PointsExpected": [11.0], "PointsWritten": 11.0, "TriggerDelaySeconds": 0.0}
    assert all(request.token_in == "header" for request in market.requests.all())


def test_the_fault_switch_is_an_environment_variable(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARMEND_DROP_ONE_ENTITY", "game day")
    answer = request.handle({"dataset": "quotes", "time": "2026-11-20T14:30:00Z"}, Context())
    assert answer["messages"] == 10
    assert answer["left_out"] in [entity.name for entity in contracts_in().feed("quotes").entities]


def test_an_empty_secret_writes_one_log_line_that_says_what_to_do(
    queue: str, market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    client = boto3.client("secretsmanager")
    client.delete_secret(SecretId="starmend/test/finnhub-token", ForceDeleteWithoutRecovery=True)
    client.create_secret(Name="starmend/test/finnhub-token")
    request.handle({"dataset": "quotes", "time": "2026-11-20T14:30:00Z"}, Context())
    answer = pull.handle(sqs_event(queue), Context())
    assert answer["batchItemFailures"] == []
    assert stream_lines() == []
    (record,) = [record for record in caplog.records if "starmend secret set finnhub-token" in record.getMessage()]
    assert (record.levelname, record.__dict__["why"], record.__dict__["points"]) == ("ERROR", "secret_missing", 11)
    assert market.requests.all() == []


def test_a_message_that_is_none_comes_back(queue: str) -> None:
    event = {"Records": [{"messageId": "m1", "body": base64.b64encode(b"x").decode(), "attributes": {}}]}
    assert pull.handle(event, Context())["batchItemFailures"] == [{"itemIdentifier": "m1"}]


@pytest.mark.parametrize("module", ["ingestion.request.handler", "ingestion.pull.handler"])
def test_a_cold_start_imports_no_data_frames(module: str) -> None:
    heavy = "'pandas', 'numpy', 'pyarrow', 'awswrangler', 'pydantic', 'yaml', 'exchange_calendars', 'boto3'"
    code = f"import sys, {module}; print([module for module in ({heavy}) if module in sys.modules])"
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"
