"""What is said of each object: its receipt, a log line and metrics, for success and for failure."""

from __future__ import annotations

from dataclasses import asdict

from core.time import format_instant
from processing.ingest import Ingest
from processing.records.receipts import Receipt, outcome_of
from processing.services import World


def receipt_of(one: Ingest, world: World) -> Receipt:
    """The receipt of an object that is done."""
    assert one.stat is not None
    assert one.taken is not None
    taken, halted = one.taken, one.taken.halted
    stages = {"read": taken.read_ms, "shape": taken.shape_ms, "commit": one.commit_ms, "derive": one.derive_ms}
    return Receipt(
        object=one.landing.key,
        etag=one.stat.etag,
        version_id=one.stat.version_id,
        dataset=one.landing.dataset,
        table=one.landing.table,
        sequential_id=one.landing.number,
        sequential=one.expected is None,
        size=one.stat.size,
        lines_in=taken.lines_in,
        rows_out=0 if halted else taken.rows_out,
        rejected=taken.rejected_lines,
        accepted=0 if halted else taken.accepted,
        unknown_columns=taken.unknown,
        partitions=tuple(sorted(one.touched, key=lambda touched: (touched.table, touched.partition))),
        outcome=outcome_of(one.touched, halted=halted),
        reason=halted,
        milliseconds=round((world.timer() - one.started) * 1000, 3),
        stages={name: round(spent, 3) for name, spent in stages.items()},
        contract_hash=one.plan.contract.hash,
        code_version=world.code_version,
        processed_at=format_instant(world.now()),
    )


def report(world: World, one: Ingest, receipt: Receipt) -> None:
    """A log line and the metrics of an object whose receipt is written."""
    fields = {name: value for name, value in asdict(receipt).items() if name != "partitions"}
    fields["partitions"] = len(receipt.partitions)
    metrics = world.metrics(one.landing.dataset)
    if receipt.outcome == "halted":
        world.log.error("object halted: nothing of it is committed", **fields)
    elif receipt.rejected:
        world.log.warning("object processed, lines are in quarantine", **fields)
    else:
        world.log.info("object processed", **fields)
    if one.expected is not None:
        world.log.warning(
            "sequential ids are not in sequence",
            object=receipt.object,
            sequential_id=receipt.sequential_id,
            expected_id=one.expected,
        )
        metrics.add("NonSequentialIds", 1)
    metrics.add("ObjectsHalted" if receipt.outcome == "halted" else "ObjectsProcessed", 1)
    metrics.add("LinesIn", receipt.lines_in)
    metrics.add("RowsOut", receipt.rows_out)
    metrics.add("LinesRejected", receipt.rejected)
    metrics.add("UnknownColumns", len(receipt.unknown_columns))
    metrics.add("ProcessingTime", receipt.milliseconds, unit="Milliseconds")


def report_failure(world: World, one: Ingest, error: Exception) -> None:
    """An object that failed: no receipt, so that the redelivery (or the auditor) does it again."""
    world.log.error(
        "object failed",
        object=one.landing.key,
        dataset=one.landing.dataset,
        table=one.landing.table,
        outcome="failed",
        reason=f"{type(error).__name__}: {error}",
        milliseconds=round((world.timer() - one.started) * 1000, 3),
    )
    world.metrics(one.landing.dataset).add("ObjectsFailed", 1)


def report_gone(world: World, one: Ingest) -> None:
    """An object that an event names and that is not there: nothing to retry, and the auditor looks for lost objects."""
    world.log.warning("object is gone", object=one.landing.key, dataset=one.landing.dataset, table=one.landing.table)
    world.metrics(one.landing.dataset).add("ObjectsGone", 1)
