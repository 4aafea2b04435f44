"""Reports of each object: its receipt, a log line and metrics, for success and for failure."""

from __future__ import annotations

from dataclasses import asdict

from core.metrics import (
    LINES_IN,
    LINES_REJECTED,
    NON_SEQUENTIAL_IDS,
    OBJECTS_FAILED,
    OBJECTS_GONE,
    OBJECTS_HALTED,
    OBJECTS_PROCESSED,
    PROCESSING_TIME,
    ROWS_OUT,
    UNKNOWN_COLUMNS,
)
from core.time import format_instant
from processing.ingest import Ingest
from processing.records.receipts import Receipt, outcome_of
from processing.services import Services


def receipt_of(ingest: Ingest, services: Services) -> Receipt:
    """The receipt of an object that is parsed and, unless halted, committed."""
    parsed, stat, halted = ingest.content, ingest.source, ingest.content.halted
    stages = {"read": parsed.read_ms, "shape": parsed.shape_ms, "commit": ingest.commit_ms, "derive": ingest.derive_ms}
    return Receipt(
        object=ingest.landing.key,
        etag=stat.etag,
        version_id=stat.version_id,
        dataset=ingest.landing.dataset,
        table=ingest.landing.table,
        sequential_id=ingest.landing.number,
        sequential=ingest.expected is None,
        size=stat.size,
        lines_in=parsed.lines_in,
        rows_out=0 if halted else parsed.rows_out,
        rejected=parsed.rejected_lines,
        accepted=parsed.accepted,
        unknown_columns=parsed.unknown,
        partitions=tuple(sorted(ingest.touched, key=lambda touched: (touched.table, touched.partition))),
        outcome=outcome_of(ingest.touched, halted=halted),
        reason=halted,
        milliseconds=round((services.timer() - ingest.started) * 1000, 3),
        stages={name: round(spent, 3) for name, spent in stages.items()},
        contract_hash=ingest.plan.contract.hash,
        code_version=services.code_version,
        processed_at=format_instant(services.now()),
        outside=parsed.outside_lines,
    )


def report(services: Services, ingest: Ingest, receipt: Receipt) -> None:
    """Log an object whose receipt is written, and count its metrics."""
    fields = {name: value for name, value in asdict(receipt).items() if name != "partitions"}
    fields["partitions"] = len(receipt.partitions)
    metrics = services.metrics(ingest.landing.dataset)
    if receipt.outcome == "halted":
        services.log.error("object halted: nothing of it is committed", **fields)
    elif receipt.rejected:
        services.log.warning("object processed, lines are in quarantine", **fields)
    else:
        services.log.info("object processed", **fields)
    if ingest.expected is not None:
        services.log.warning(
            "sequential ids are not in sequence",
            object=receipt.object,
            sequential_id=receipt.sequential_id,
            expected_id=ingest.expected,
        )
        metrics.add(NON_SEQUENTIAL_IDS, 1)
    metrics.add(OBJECTS_HALTED if receipt.outcome == "halted" else OBJECTS_PROCESSED, 1)
    metrics.add(LINES_IN, receipt.lines_in)
    metrics.add(ROWS_OUT, receipt.rows_out)
    metrics.add(LINES_REJECTED, receipt.rejected)
    metrics.add(UNKNOWN_COLUMNS, len(receipt.unknown_columns))
    metrics.add(PROCESSING_TIME, receipt.milliseconds)


def report_failure(services: Services, ingest: Ingest, error: Exception) -> None:
    """Log an object that failed: it has no receipt, so that the redelivery (or the auditor) processes it again."""
    services.log.error(
        "object failed",
        object=ingest.landing.key,
        dataset=ingest.landing.dataset,
        table=ingest.landing.table,
        outcome="failed",
        reason=f"{type(error).__name__}: {error}",
        milliseconds=round((services.timer() - ingest.started) * 1000, 3),
    )
    services.metrics(ingest.landing.dataset).add(OBJECTS_FAILED, 1)


def report_gone(services: Services, ingest: Ingest) -> None:
    """Warn of a named object that is not there: no retry brings it back, and the auditor looks for lost objects."""
    services.log.warning(
        "object is gone", object=ingest.landing.key, dataset=ingest.landing.dataset, table=ingest.landing.table
    )
    services.metrics(ingest.landing.dataset).add(OBJECTS_GONE, 1)
