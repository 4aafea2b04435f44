"""Faults that no extraction can see, planted in the sales pipeline, and counts of those that the auditor healed.

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

# The warehouse table and key column of each source table that the application writes with an order.
SHOWN_IN = {
    "sales_order": ("fact_sales_order", "sales_order_id"),
    "payment": ("fact_payment", "payment_id"),
    "transaction": ("dim_transaction", "transaction_id"),
}


@dataclass
class PlantedFaults:
    """Keys of rows (by source table) and ingest objects at fault; ``parents`` are the designs that came late."""

    parents: list[int] = field(default_factory=list)
    late: Touched = field(default_factory=dict)
    deleted: Touched = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """The number of faults of each kind; an orphan counts by its missing parent."""
        return {
            LATE: sum(map(len, self.late.values())),
            LOST: len(self.lost),
            DELETED: sum(map(len, self.deleted.values())),
            ORPHAN: len(self.parents),
        }


@dataclass(frozen=True, slots=True)
class FaultCounts:
    """Faults of one kind: planted, detected by the audit's first attempt, and healed in the warehouse by now."""

    planted: int
    detected: int
    healed: int

    @property
    def left(self) -> int:
        """Faults that were not detected, or not healed."""
        return self.planted - min(self.detected, self.healed)


def plant_row_faults(changes: Changes, faults: PlantedFaults, *, late: int, deleted: int) -> None:
    """Change rows in ways that no later pass sees: missing designs come, orders are committed late, payments deleted.

    The orders that miss a design (``Changes.insert_orphans``) and a newer design have been extracted before.
    """
    now = dt.datetime.now(dt.UTC)
    faults.parents = changes.adopt(at=now - TWO_DAYS)["design"]
    with changes.late_commit(late, at=now - A_DAY) as open_transaction:
        faults.late = open_transaction.commit()
    faults.deleted = changes.delete_rows("payment", deleted)


def extract_without_events(deployment: Deployment, faults: PlantedFaults) -> None:
    """Extract once while S3 sends no events, so that the pass's objects are not processed."""
    before = set(ingest_objects(deployment, f"tables/{SALES}/"))
    with events_lost(deployment):
        invoke(deployment, "extract", {"dataset": SALES})
    faults.lost = sorted(set(ingest_objects(deployment, f"tables/{SALES}/")) - before)


def await_settled(deployment: Deployment, faults: PlantedFaults, settle: int) -> None:
    """Wait until the objects without events are older than ``settle`` seconds: before, the auditor leaves them be."""
    ingest = S3ObjectStore(deployment.clients("s3"), deployment.ingest_bucket)
    newest = max(stat.modified for key in faults.lost if (stat := ingest.stat(key)))
    until = newest + dt.timedelta(seconds=settle + 1)  # S3 keeps whole seconds
    while (left := (until - dt.datetime.now(dt.UTC)).total_seconds()) > 0:
        time.sleep(left)


@contextmanager
def events_lost(deployment: Deployment) -> Iterator[None]:
    """Switch S3's events of the ingest bucket off within the block."""
    s3, bucket = deployment.clients("s3"), deployment.ingest_bucket
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    queues = {"QueueConfigurations": notifications["QueueConfigurations"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=queues)


# ---------------------------------------------------------------- detected and healed


def fault_counts(deployment: Deployment, faults: PlantedFaults, run: str) -> dict[str, FaultCounts]:
    """Counts by kind: planted, detected by the audit ``run``, and healed as the warehouse shows now."""
    records = S3ObjectStore(deployment.clients("s3"), deployment.warehouse_bucket)
    findings = AuditResult.from_data(read_run_file(records, run, "audit-0")).findings
    detected, healed = _detected(findings, faults), _healed(deployment, records, faults)
    return {kind: FaultCounts(count, detected[kind], healed[kind]) for kind, count in faults.counts().items()}


def _detected(findings: Sequence[Finding], faults: PlantedFaults) -> dict[str, int]:
    missing = {
        (finding.table, key) for finding in findings if isinstance(finding, MissingRows) for (key,) in finding.keys
    }
    gone = {(finding.table, key) for finding in findings if isinstance(finding, DeletedRows) for (key,) in finding.keys}
    unprocessed = {finding.key for finding in findings if isinstance(finding, UnprocessedObject)}
    orphaned = {str(key) for finding in findings if isinstance(finding, OrphanKeys) for key in finding.keys}
    return {
        LATE: len(missing & _pairs(faults.late)),
        LOST: len(unprocessed & set(faults.lost)),
        DELETED: len(gone & _pairs(faults.deleted)),
        ORPHAN: len(orphaned & set(map(str, faults.parents))),
    }


def _healed(deployment: Deployment, records: S3ObjectStore, faults: PlantedFaults) -> dict[str, int]:
    receipts = [landing.receipt_key for key in faults.lost if (landing := landing_of(key))]
    return {
        LATE: sum(_rows(deployment, *SHOWN_IN[table], keys) for table, keys in faults.late.items()),
        LOST: sum(records.stat(key) is not None for key in receipts),
        DELETED: sum(
            _rows(deployment, *SHOWN_IN[table], keys, "deleted_at is not null")
            for table, keys in faults.deleted.items()
        ),
        ORPHAN: _rows(deployment, "dim_design", "design_id", faults.parents),
    }


def _pairs(touched: Mapping[str, Sequence[int]]) -> set[tuple[str, Any]]:
    return {(table, key) for table, keys in touched.items() for key in keys}


def _rows(deployment: Deployment, table: str, column: str, keys: Sequence[int], condition: str = "true") -> int:
    """How many of the keys the table holds."""
    wanted = ", ".join(map(str, keys)) or "null"
    sql = f"select count(distinct {column}) as n from {table} where {column} in ({wanted}) and {condition}"
    return int(deployment.athena.query(sql)["n"][0])
