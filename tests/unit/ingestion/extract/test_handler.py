"""The Lambda as AWS calls it: settings from the environment, clients over (simulated) AWS, a real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from tests.support.extraction import LEDGER, LEDGER_SQL, ScratchDatabase, contract_of, scratch_database, source_table

from aws.clients import Clients
from core.contract.codec import FORMAT, to_data
from core.contract.model import Contract, Contracts
from ingestion.extract import runtime
from ingestion.extract.flow import TablesFailed
from ingestion.extract.handler import handle

pytestmark = pytest.mark.database
LOST = source_table("lost", key=["id"], id="int", last_updated="timestamp")


@dataclass
class Context:
    """What of Lambda's context is asked."""

    milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ScratchDatabase, Clients]]:
    contracts = [contract_of(LEDGER), Contract("half", contract_of(LEDGER, LOST).source, ())]
    rendered = tmp_path / "contracts.json"
    rendered.write_text(json.dumps({"format": FORMAT, "model": to_data(Contracts(tuple(contracts)))}))
    environment = {
        "STARMEND_PROJECT": "starmend",
        "STARMEND_ENV": "test",
        "STARMEND_INGEST_BUCKET": "ingest",
        "STARMEND_WAREHOUSE_BUCKET": "warehouse",
        "STARMEND_CONTRACTS": str(rendered),
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws(), scratch_database(LEDGER_SQL) as database:
        clients = Clients()
        clients("s3").create_bucket(Bucket="ingest", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        clients("secretsmanager").create_secret(Name="starmend/test/shop-db", SecretString=database.secret())
        for what, value in (("timestamp", "1970-01-01T00:00:00.000000Z"), ("sequential_id", "0")):
            clients("ssm").put_parameter(Name=f"/starmend/test/shop/ledger/{what}", Value=value, Type="String")
        runtime.build_runtime.cache_clear()
        runtime.build_extraction.cache_clear()
        yield database, clients
        runtime.build_runtime.cache_clear()
        runtime.build_extraction.cache_clear()


def call(event: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
    return handle(event, context or Context())


def test_an_event_is_a_pass_and_answers_what_was_done(deployed: tuple[ScratchDatabase, Clients]) -> None:
    database, clients = deployed
    database.run("INSERT INTO ledger (note, last_updated) VALUES ('x', '2026-11-20')")
    answer = call({"dataset": "shop"})
    assert answer["tables"] == {"ledger": {"outcome": "extracted", "objects": 1, "rows": 1, "number": 1}}
    head = clients("s3").head_object(Bucket="ingest", Key="tables/shop/ledger/000000000001.jsonl.gz")
    assert head["Metadata"]["starmend-rows"] == "1"
    assert head["ContentType"] == "application/gzip"
    stored = clients("ssm").get_parameter(Name="/starmend/test/shop/ledger/sequential_id")["Parameter"]["Value"]
    assert stored == "1"
    assert call({"dataset": "shop", "tables": ["ledger"]})["tables"]["ledger"]["outcome"] == "unchanged"


def test_a_table_that_failed_makes_the_invocation_fail(deployed: tuple[ScratchDatabase, Clients]) -> None:
    _, clients = deployed
    with pytest.raises(TablesFailed, match="lost"):
        call({"dataset": "half"})
    with pytest.raises(KeyError):
        call({"dataset": "nothing"})
    reported = call({"dataset": "half", "report": True})["tables"]
    assert [name for name, table in reported.items() if table["outcome"] == "failed"] == ["lost"]
    assert "lost" in reported["lost"]["error"]
    listed = clients("s3").list_objects_v2(Bucket="ingest").get("Contents", [])
    assert [stored["Key"] for stored in listed if not stored["Key"].startswith("lists/")] == []


def test_a_function_without_time_begins_nothing(deployed: tuple[ScratchDatabase, Clients]) -> None:
    database, _ = deployed
    database.run("INSERT INTO ledger (note, last_updated) VALUES ('x', '2026-11-20')")
    answer = call({"dataset": "shop"}, Context(0))
    assert answer["tables"]["ledger"]["outcome"] == "out of time"


def test_an_event_may_ask_for_rows_again(deployed: tuple[ScratchDatabase, Clients]) -> None:
    database, clients = deployed
    database.run("INSERT INTO ledger (id, note, last_updated) VALUES (7, 'x', '2026-11-20')")
    asked = {"table": "ledger", "name": "job", "checked_at": "2026-11-20T15:00:00Z", "keys": [[7], [8]]}
    answer = call({"dataset": "shop", "repair": asked})
    assert (answer["rows"], answer["absent"]) == (1, [[8]])
    assert clients("s3").head_object(Bucket="ingest", Key=answer["objects"][0])["Metadata"]["starmend-rows"] == "1"


def test_a_pass_ends_before_the_function_does() -> None:
    assert runtime.budget_of(Context(600_000)).left == pytest.approx(580, abs=1)
    assert runtime.budget_of(Context(4_000)).left == pytest.approx(3, abs=0.5)
