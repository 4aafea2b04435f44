"""Ingest objects and receipts awaited on a simulated account."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pytest
from tests.support.simulated_aws import ClientOf, client_of

from aws.deployment import Deployment
from core.errors import OutOfReach
from core.landing.zone import landing_of
from local.invoking import await_receipts, ingest_objects, query_rows

__all__ = ["client_of"]
KEY = "tables/sales/staff/000000000001.jsonl.gz"


@pytest.fixture
def deployment(client_of: ClientOf) -> Deployment:
    for bucket in ("ingest", "warehouse"):
        client_of("s3").create_bucket(Bucket=bucket)
    for key in (KEY, "tables/sales/staff/notes.txt"):
        client_of("s3").put_object(Bucket="ingest", Key=key, Body=b"")
    return cast(Deployment, SimpleNamespace(clients=client_of, ingest_bucket="ingest", warehouse_bucket="warehouse"))


def test_objects_that_are_no_ingest_objects_are_passed_over(deployment: Deployment) -> None:
    assert list(ingest_objects(deployment, "tables/sales/")) == [KEY]


def test_the_wait_ends_with_the_last_receipt_or_at_its_deadline(deployment: Deployment, client_of: ClientOf) -> None:
    with pytest.raises(OutOfReach, match="1 of 1 are missing"):
        await_receipts(deployment, "tables/", within=0)
    landing = landing_of(KEY)
    assert landing is not None
    client_of("s3").put_object(Bucket="warehouse", Key=landing.receipt_key, Body=b"{}")
    assert await_receipts(deployment, "tables/", within=0) == 1


def test_rows_of_a_query_are_plain_values() -> None:
    frame = pd.DataFrame({"symbol": ["AAPL"], "price": [Decimal("0.10")], "n": [3]})
    asked = SimpleNamespace(athena=SimpleNamespace(query=lambda _sql: frame))
    (row,) = query_rows(cast(Deployment, asked), "select 1")
    assert row == {"symbol": "AAPL", "price": Decimal("0.10"), "n": 3}
