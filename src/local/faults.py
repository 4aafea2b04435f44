"""Harm that no extraction can see, done to the sales pipeline on purpose, and what the auditor made of it.

Four kinds: rows that were committed late with the stamps of long before; ingest objects of which S3's event was lost;
rows that the source deleted; facts whose dimension row came with an old stamp.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from auditor.evidence.results import AuditResult
from auditor.run_files import read_run_file
from aws.deployment import Deployment
from aws.objects import S3ObjectStore
from core.audit.findings import DeletedRows, Finding, MissingRows, OrphanKeys, UnprocessedObject
from core.landing.zone import landing_of
from local.database.changes import Changes, Touched
from local.invoking import ingest_objects, invoke

LATE, LOST, DELETED, ORPHAN = "late commit", "lost event", "deleted row", "orphan key"
SALES = "sales"
A_DAY, TWO_DAYS = dt.timedelta(days=1), dt.timedelta(days=2)

# Where the rows of a source table show, and under which column: what the application inserts with an order.
SHOWN_IN = {
    "sales_order": ("fact_sales_order", "sales_order_id"),
    "payment": ("fact_payment", "payment_id"),
    "transaction": ("dim_transaction", "transaction_id"),
}


@dataclass
class Harm:
    """What was done: keys by source table, and keys of ingest objects. ``parents`` are the designs that came late."""

    parents: list[int] = field(default_factory=list)
    late: Touched = field(default_factory=dict)
    deleted: Touched = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How much there is to be found of each kind; an orphan counts by its missing parent."""
        return {
            LATE: sum(map(len, self.late.values())),
            LOST: len(self.lost),
            DELETED: sum(map(len, self.deleted.values())),
            ORPHAN: len(self.parents),
        }


@dataclass(frozen=True, slots=True)
class Mended:
    """Of one kind: how many were made, found by the first look, and are as they should be in the warehouse now."""

    made: int
    found: int
    healed: int


def harm_rows(changes: Changes, harm: Harm, *, late: int, deleted: int) -> None:
    """What no later pass sees: missing designs come, orders are committed late, payments are deleted.

    The orders that miss a design (``Changes.insert_orphans``) and a newer design have been extracted before.
    """
    now = dt.datetime.now(dt.UTC)
    harm.parents = changes.adopt(at=now - TWO_DAYS)["design"]
    with changes.late_commit(late, at=now - A_DAY) as open_transaction:
        harm.late = open_transaction.commit()
    harm.deleted = changes.delete_rows("payment", deleted)


def extract_unheard(deployment: Deployment, harm: Harm) -> None:
    """A pass whose objects nobody is told of."""
    before = set(ingest_objects(deployment, f"tables/{SALES}/"))
    with events_lost(deployment):
        invoke(deployment, "extract", {"dataset": SALES})
    harm.lost = sorted(set(ingest_objects(deployment, f"tables/{SALES}/")) - before)


def await_settled(deployment: Deployment, harm: Harm, settle: int) -> None:
    """Wait until the objects that nobody was told of have waited for so many seconds."""
    ingest = S3ObjectStore(deployment.clients("s3"), deployment.ingest_bucket)
    made = max(found.modified for key in harm.lost if (found := ingest.stat(key)))
    until = made + dt.timedelta(seconds=settle + 1)  # S3 tells whole seconds
    while (left := (until - dt.datetime.now(dt.UTC)).total_seconds()) > 0:
        time.sleep(left)


@contextmanager
def events_lost(deployment: Deployment) -> Iterator[None]:
    """S3 tells nobody of the objects that are made meanwhile."""
    s3, bucket = deployment.clients("s3"), deployment.ingest_bucket
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    queues = {"QueueConfigurations": told["QueueConfigurations"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=queues)


# ---------------------------------------------------------------- what came of it


def mended(deployment: Deployment, harm: Harm, run: str) -> dict[str, Mended]:
    """What the audit ``run`` made of the harm, by kind: what it found, and what the warehouse shows now."""
    records = S3ObjectStore(deployment.clients("s3"), deployment.warehouse_bucket)
    findings = AuditResult.from_data(read_run_file(records, run, "audit-0")).findings
    found, healed = _found(findings, harm), _healed(deployment, records, harm)
    return {kind: Mended(count, found[kind], healed[kind]) for kind, count in harm.counts().items()}


def _found(findings: Sequence[Finding], harm: Harm) -> dict[str, int]:
    missing = {
        (finding.table, key) for finding in findings if isinstance(finding, MissingRows) for (key,) in finding.keys
    }
    gone = {(finding.table, key) for finding in findings if isinstance(finding, DeletedRows) for (key,) in finding.keys}
    unheard = {finding.key for finding in findings if isinstance(finding, UnprocessedObject)}
    orphaned = {str(key) for finding in findings if isinstance(finding, OrphanKeys) for key in finding.keys}
    return {
        LATE: len(missing & _pairs(harm.late)),
        LOST: len(unheard & set(harm.lost)),
        DELETED: len(gone & _pairs(harm.deleted)),
        ORPHAN: len(orphaned & set(map(str, harm.parents))),
    }


def _healed(deployment: Deployment, records: S3ObjectStore, harm: Harm) -> dict[str, int]:
    receipts = [landing.receipt_key for key in harm.lost if (landing := landing_of(key))]
    return {
        LATE: sum(_rows(deployment, *SHOWN_IN[table], keys) for table, keys in harm.late.items()),
        LOST: sum(records.stat(key) is not None for key in receipts),
        DELETED: sum(
            _rows(deployment, *SHOWN_IN[table], keys, "deleted_at is not null") for table, keys in harm.deleted.items()
        ),
        ORPHAN: _rows(deployment, "dim_design", "design_id", harm.parents),
    }


def _pairs(touched: Mapping[str, Sequence[int]]) -> set[tuple[str, Any]]:
    return {(table, key) for table, keys in touched.items() for key in keys}


def _rows(deployment: Deployment, table: str, column: str, keys: Sequence[int], condition: str = "true") -> int:
    """How many of the keys the table shows."""
    wanted = ", ".join(map(str, keys)) or "null"
    sql = f"select count(distinct {column}) as n from {table} where {column} in ({wanted}) and {condition}"
    return int(deployment.athena.query(sql)["n"][0])
