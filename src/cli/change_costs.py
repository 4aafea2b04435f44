"""Rows, calls, minutes and money that a change of contracts will take of a deployed lake, for each class of changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cli.repair_costs import price_of, repair_pace
from core.audit.efforts import Effort

if TYPE_CHECKING:
    from auditor.changes.estimate import Lake, Work
    from aws.deployment import Deployment
    from core.contract.model import Contracts
    from core.evolution.changes import Change
    from deploy.target import Target


@dataclass(frozen=True, slots=True)
class ChangeCost:
    """The work of one class. ``minutes`` until all is made; ``usd`` at list prices, the provider's apart."""

    grade: str
    work: tuple[Work, ...]
    minutes: float
    usd: Decimal

    def total(self, name: str) -> int:
        """The sum of one count."""
        return sum(getattr(each, name) for each in self.work)

    def to_data(self) -> dict[str, Any]:
        """A row of the report."""
        return {
            "class": self.grade,
            "tables": [each.subject for each in self.work],
            "partitions": self.total("partitions"),
            "rows": self.total("rows"),
            "fetched_rows": self.total("fetched"),
            "points": self.total("points"),
            "calls": self.total("calls"),
            "minutes": round(self.minutes, 1),
            "usd": self.usd,
        }

    def __str__(self) -> str:
        parts = [
            f"{self.total('partitions'):,} partitions with {self.total('rows'):,} rows are made again",
            f"{self.total('fetched'):,} rows are asked of the database",
            f"{self.total('points'):,} points of the provider in {self.total('calls'):,} calls",
        ]
        counts = [self.total(name) for name in ("partitions", "fetched", "points")]
        words = ", ".join(part for part, count in zip(parts, counts, strict=True) if count)
        minutes = f"{self.minutes:.0f} min" if self.minutes >= 1 else "a minute"
        who = "deployment" if self.grade == "rebuild" else "audits"
        return f"{self.grade}: {words}; about {minutes} of the {who}, {self.usd:.2f} USD"


def costs_of(lake: Lake, before: Contracts, after: Contracts, changes: Sequence[Change]) -> list[ChangeCost]:
    """The cost of each class that asks for any work, the gravest first."""
    from auditor.changes.estimate import by_grade, estimate_work

    return [cost_of(grade, work) for grade, work in by_grade(estimate_work(lake, before, after, changes)).items()]


def cost_of(grade: str, work: Sequence[Work]) -> ChangeCost:
    """The cost of the work of one class, told before it is done or counted behind it."""
    from auditor.changes.estimate import minutes_of

    seconds = sum(map(seconds_of, work))
    of_functions = 0.0 if grade == "rebuild" else seconds  # new generations are built by whoever deploys
    effort = Effort(
        seconds,
        of_functions * repair_pace()["memory_mb"] / 1024,
        reads=sum(each.reads for each in work),
        writes=sum(each.writes for each in work),
    )
    price = price_of(effort, requests=sum(each.jobs for each in work))
    return ChangeCost(grade, tuple(work), minutes_of(work, seconds), price)


def seconds_of(work: Work) -> float:
    """What its jobs take of the functions together, at the measured pace."""
    pieces = {
        "job": work.jobs,
        "object": work.reads,
        "row": work.parsed,
        "version": work.writes / 2,
        "fetched_row": work.fetched,
        "call": work.calls,
    }
    pace = repair_pace()["milliseconds"]
    return float(sum(pace[name] * count for name, count in pieces.items()) / 1000)


def costs_in(deployed: Deployment, after: Contracts, changes: Sequence[Change]) -> list[ChangeCost]:
    """The costs in a deployment's lake. Reads its two buckets."""
    from auditor.changes.estimate import Lake
    from aws.objects import S3ObjectStore
    from aws.pointers import S3PartitionStore

    if not changes:
        return []
    s3 = deployed.clients("s3")
    lake = Lake(
        S3ObjectStore(s3, deployed.ingest_bucket),
        S3ObjectStore(s3, deployed.warehouse_bucket),
        S3PartitionStore(s3, deployed.warehouse_bucket),
        now=int(dt.datetime.now(dt.UTC).timestamp()),
    )
    return costs_of(lake, deployed.contracts, after, changes)


def costs_to_apply(target: Target, wanted: Contracts, changes: Sequence[Change]) -> list[ChangeCost]:
    """The costs of what a deployment of the wanted contracts changes; none where nothing is deployed."""
    return costs_in(target.deployment(), wanted, changes) if changes else []
