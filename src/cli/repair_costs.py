"""Costs of repairs as the pipeline measured them: the outcomes of the lake's jobs at the list prices of ``docs/cost``.

Without a bill, and so on the emulator too. A replay's own work is that of processing: the receipts of its objects say
how long each took. What processing took for rows that were extracted again, its receipts' road tells.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

from core.audit.at_scale.jobs import find_repair
from core.audit.efforts import IDEAS, Effort, total
from core.audit.repair_jobs import (
    RepairJob,
    RepairOutcome,
    Reprocess,
    find_outcome,
    idea_of,
    job_of_outcome,
    outcomes_of_runs,
)
from core.landing.zone import landing_of
from core.ports import ObjectReader
from deploy.folders import ROOT
from processing.records.receipts import read_receipt

FOLDER = ROOT / "docs/cost"
PROCESS = "process"  # the function of all processing, in measured.yaml
WORKERS = 16
_EXACT = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Repaired:
    """A job that ended, with what came of it."""

    job: RepairJob
    outcome: RepairOutcome


@dataclass(frozen=True, slots=True)
class MeasuredCost:
    """All jobs of an idea. ``unmeasured`` of them say nothing of what they took: an earlier release did them."""

    repair: str
    jobs: int
    failed: int
    unmeasured: int
    effort: Effort
    processed: int
    usd: Decimal

    def to_data(self) -> dict[str, Any]:
        """A row of the report."""
        effort = {name: getattr(self.effort, name) for name in Effort.__dataclass_fields__}
        rounded = {name: round(effort[name], 3) for name in ("seconds", "gb_seconds")}
        return {
            "repair": self.repair,
            "jobs": self.jobs,
            "failed": self.failed,
            "unmeasured": self.unmeasured,
            **effort,
            **rounded,
            "processed": self.processed,
            "usd": self.usd,
        }


def measured_costs(records: ObjectReader, *, start: dt.datetime, end: dt.datetime) -> list[MeasuredCost]:
    """Costs of the repairs that ended in ``[start, end)``, a row for each idea of repair."""
    repaired = jobs_between(records, start=start, end=end)
    rows = []
    for idea in IDEAS.values():
        jobs = [entry for entry in repaired if idea_of(entry.job.repair) == idea]
        processing = processing_of(records, jobs)
        efforts = [entry.outcome.effort for entry in jobs if entry.outcome.effort]
        whole = total([*efforts, *processing])
        rows.append(
            MeasuredCost(
                idea,
                len(jobs),
                sum(entry.outcome.result != "done" for entry in jobs),
                len(jobs) - len(efforts),
                whole,
                len(processing),
                price_of(whole, requests=len(jobs) + len(processing)),
            )
        )
    return rows


def jobs_between(records: ObjectReader, *, start: dt.datetime, end: dt.datetime) -> list[Repaired]:
    """The jobs whose outcome was left in ``[start, end)``. One whose job is gone, or that only looked, is left out."""
    keys = [info.key for info in outcomes_of_runs(records) if start <= info.modified < end]

    def read(key: str) -> Repaired | None:
        name = job_of_outcome(key)
        job, outcome = find_repair(records, name), find_outcome(records, name)
        return Repaired(job, outcome) if job and outcome else None

    with ThreadPoolExecutor(WORKERS) as pool:
        return [entry for entry in pool.map(read, keys) if entry]


def processing_of(records: ObjectReader, jobs: Iterable[Repaired]) -> list[Effort]:
    """The work of processing for the objects that these jobs queued, one for each: as their receipts have it now."""
    objects = {key for entry in jobs if isinstance(entry.job.repair, Reprocess) for key in entry.job.repair.objects}
    landings = [landing for key in sorted(objects) if (landing := landing_of(key))]
    with ThreadPoolExecutor(WORKERS) as pool:
        receipts = list(pool.map(lambda landing: read_receipt(records, landing), landings))
    return [of_receipt(receipt) for receipt in receipts if receipt]


def of_receipt(receipt: Mapping[str, Any]) -> Effort:
    """The effort that a receipt tells of: the object and its partitions were read, versions and the receipt written."""
    seconds = (receipt.get("milliseconds") or 0) / 1000
    partitions = receipt.get("partitions") or ()
    versions = sum(partition["outcome"] == "committed" for partition in partitions)
    return Effort(
        seconds,
        seconds * process_memory_mb() / 1024,
        rows=receipt.get("rows_out") or 0,
        reads=1 + len(partitions),
        writes=1 + 2 * versions,
    )


def price_of(effort: Effort, *, requests: int) -> Decimal:
    """USD at list prices: a function's seconds and requests, reads and writes of S3. A provider's price is its own."""
    used = {
        "lambda_gb_second": effort.gb_seconds,
        "lambda_request": requests,
        "s3_get": effort.reads,
        "s3_put": effort.writes,
    }
    usd = sum((Decimal(str(amount)) * unit_price(name) for name, amount in used.items()), Decimal())
    return usd.quantize(_EXACT)


def unit_price(name: str) -> Decimal:
    """USD for one unit, as ``docs/cost/prices.yaml`` has it."""
    price = _read("prices.yaml")["prices"][name]
    return Decimal(str(price["usd"])) / Decimal(str(price["per"]))


@cache
def process_memory_mb() -> int:
    """The memory of the process function that ``docs/cost`` computes with."""
    units = _read("measured.yaml")["units"].values()
    [memory] = {entry["memory_mb"] for unit in units for entry in unit["functions"] if entry["name"] == PROCESS}
    return int(memory)


def repair_pace() -> dict[str, Any]:
    """What a piece of a repair takes, as ``docs/cost/measured.yaml`` has it."""
    return dict(_read("measured.yaml")["repairs"])


@cache
def _read(name: str) -> dict[str, Any]:
    import yaml  # so that help does without

    return dict(yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")))


def with_processing(costs: Sequence[MeasuredCost], shares: Iterable[Mapping[str, Any]]) -> list[MeasuredCost]:
    """The rows with processing's work for extracted rows, which its receipts tell by the road that these came."""
    by_road = {share["strategy"]: share for share in shares}
    return [_with_share(cost, by_road.get(cost.repair)) for cost in costs]


def _with_share(cost: MeasuredCost, share: Mapping[str, Any] | None) -> MeasuredCost:
    if share is None:
        return cost
    seconds = share["milliseconds"] / 1000
    effort = Effort(seconds, seconds * process_memory_mb() / 1024, reads=share["objects"])
    usd = cost.usd + price_of(effort, requests=share["objects"])
    return replace(cost, effort=cost.effort + effort, processed=cost.processed + share["objects"], usd=usd)
