from __future__ import annotations

import boto3
import pytest
from tests.unit.local.emulator.patches.athena.lake import (
    BUCKET,
    DATABASE,
    PROJECTION,
    QUOTE_COLUMNS,
    WORKGROUP,
    commit_quotes,
    declare,
)


@pytest.fixture(scope="module")
def lake(session: boto3.Session) -> None:
    session.client("s3").create_bucket(Bucket=BUCKET)
    session.client("glue").create_database(DatabaseInput={"Name": DATABASE})
    session.client("athena").create_work_group(
        Name=WORKGROUP,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/results"},
        },
    )
    declare(session, "quotes", QUOTE_COLUMNS, keys=[("symbol", "string"), ("month", "string")], parameters=PROJECTION)
    for symbol, price in (("AAPL", "101.000001"), ("MSFT", "202.5"), ("NOTLISTED", "9")):
        commit_quotes(session, symbol, "2026-11", price)
    commit_quotes(session, "AAPL", "2027-01", "9")  # outside the projected range
