"""Rows of the table ``currency`` in the landing zone and the warehouse, for the commands that process them."""

from __future__ import annotations

from tests.unit.cli.conftest import Account

CURRENCY = "tables/sales/currency/{:012d}.jsonl.gz"
AT = "2026-11-20T10:00:00.000"


def currency(number: int, code: str = "GBP", updated: str = AT) -> dict[str, object]:
    return {"currency_id": number, "currency_code": code, "created_at": AT, "last_updated": updated}


def rows_of(account: Account, table: str) -> list[dict[str, object]]:
    """The rows that the table's pointer leads to."""
    from aws.pointers import S3PartitionStore
    from processing.partitions.commit import read_partition

    store = S3PartitionStore(account.client_of("s3"), account.deployment.warehouse_bucket)
    found = read_partition(store, account.deployment.contracts.table(table), "")
    assert found is not None
    return found.table.to_pylist()
