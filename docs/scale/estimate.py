"""How long big work takes, what it costs and which limit is hit first: ``make scale`` writes it into scale.md.

Computed from ``scenarios.yaml`` and the prices of ``docs/cost``; nothing of it was run on AWS.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "scale.md"
COST = FOLDER.parent / "cost" / "estimate.py"


def load(file: Path) -> dict[str, Any]:
    """A file of figures, which are exact decimals."""
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def seconds_of(step: Mapping[str, Any], at_once: str) -> Decimal:
    """How long a step takes: whole rounds of as many pieces as are done at once."""
    rounds = -(-int(step["pieces"]) // int(step[at_once]))
    return Decimal(str(step["seconds"])) * rounds


def usd_of(step: Mapping[str, Any], prices: Mapping[str, Any]) -> Decimal:
    """What AWS charges for a step, however many pieces are done at once."""
    used = {name: Decimal(str(amount)) for name, amount in step.get("usd", {}).items()}
    if "memory_mb" in step:
        used["lambda_gb_second"] = Decimal(str(step["seconds"])) * Decimal(step["memory_mb"]) / 1024
    each = sum((amount * prices[name]["usd"] / prices[name]["per"] for name, amount in used.items()), Decimal())
    return each * int(step["pieces"])


def table(scenarios: Mapping[str, Any], prices: Mapping[str, Any]) -> Iterator[str]:
    """Of each scenario its slowest step, before and after its setting is raised, and all of its cost."""
    yield "| work | by default | the first limit | raised | takes | then | USD |"
    yield "|---|---:|---|---:|---:|---|---:|"
    for name, scenario in scenarios.items():
        steps = scenario["steps"]
        first = max(steps, key=lambda step: seconds_of(step, "at_once"))
        then = max(steps, key=lambda step: seconds_of(step, "to"))
        usd = sum((usd_of(step, prices) for step in steps), Decimal())
        limit = f"{first['step']}: `{first['setting']}` = {first['at_once']}"
        cells = [name, _time(seconds_of(first, "at_once")), limit, f"{first['to']:,}"]
        cells += [_time(seconds_of(then, "to")), then["step"], f"{usd:,.2f}"]
        yield f"| {' | '.join(cells)} |"


def _time(seconds: Decimal) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"


# ---------------------------------------------------------------- a rebuild by jobs


def job_seconds(facts: Mapping[str, Any]) -> Decimal:
    """A job of a rebuild: its function starts, reads each object once and makes one partition after the other."""
    read = facts["objects_a_job"] * Decimal(str(facts["object"]))
    return Decimal(str(facts["start"])) + read + facts["partitions_a_job"] * Decimal(str(facts["version"]))


def rebuilds(facts: Mapping[str, Any]) -> Iterator[str]:
    """Of each number of partitions how long a rebuild takes one by one, and by sixteen and a thousand functions."""
    yield "| partitions | jobs | one by one | 16 functions | 1,000 functions |"
    yield "|---:|---:|---:|---:|---:|"
    alone = facts["objects_a_job"] * Decimal(str(facts["object"])) + Decimal(str(facts["version"]))
    for count in facts["counts"]:
        jobs = -(-count // int(facts["partitions_a_job"]))
        by_map = (_time(job_seconds(facts) * -(-jobs // at_once)) for at_once in (16, 1000))
        yield f"| {count:,} | {jobs:,} | {_time(alone * count)} | {' | '.join(by_map)} |"


# ---------------------------------------------------------------- which engine rebuilds a table


def engines(facts: Mapping[str, Any], sizes: Sequence[Any], prices: Mapping[str, Any]) -> Iterator[str]:
    """Of each size of ingest objects how long a rebuild takes by each engine, what it costs, and its limit."""
    yield "| ingest objects | here | 16 functions | 1,000 | 1,000, objects mixed | Spark | USD: functions, Spark |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for size in sizes:
        read = Decimal(size) * 1000 / Decimal(str(facts["megabytes_a_second"]))  # seconds of a core, of gigabytes
        jobs = max(1, -(-int(size * 1000) // int(facts["megabytes_a_job"])))
        mixed = "no: a job reads all" if read > facts["function_seconds"] else _time(read * -(-jobs // 1000))
        cores = int(facts["workers"]) * int(facts["cores"])
        holds = Decimal(facts["workers"]) * facts["disk_gb"] / Decimal(str(facts["shuffled"]))
        spark = Decimal(facts["start_seconds"]) + read / cores
        usd = read * Decimal(str(facts["memory_mb"])) / 1024 * prices["lambda_gb_second"]["usd"]
        dpu = (facts["workers"] + 1) * spark / 3600 * prices["glue_dpu_hour"]["usd"]
        by_spark = (
            _time(spark) if size <= holds else f"{_time(spark)}, `disk_gb` x `most_workers` {ceil(size / holds)} times"
        )
        cells = [
            _amount(size),
            _time(read),
            _time(read / min(16, jobs)),
            _time(read / min(1000, jobs)),
            mixed,
            by_spark,
        ]
        yield f"| {' | '.join([*cells, f'{usd:,.2f}, {dpu:,.2f}'])} |"


def _amount(gigabytes: int) -> str:
    return f"{gigabytes:,} GB" if gigabytes < 1000 else f"{gigabytes // 1000:,} TB"


# ---------------------------------------------------------------- how many entities a feed may have


def entities(facts: Mapping[str, Any], counts: Sequence[int]) -> Iterator[str]:
    """Of each number of entities, a point a minute: what a minute asks for, and the limit that it meets first."""
    yield "| entities | calls at once | shards | partitions a minute | rows of each | commits a minute | what to do |"
    yield "|---:|---:|---:|---:|---:|---:|---|"
    for count in counts:
        rows, buckets = count * int(facts["minutes_a_day"]), buckets_of(facts, count)
        calls = ceil(count * Decimal(str(facts["call_seconds"])) / 60)
        shards = ceil(Decimal(count) / 60 / facts["records_a_shard"])
        partitions = buckets or count
        of_each = rows // buckets if buckets else int(facts["minutes_a_month"])
        seconds = partitions * Decimal(str(facts["commit_seconds"])) / facts["commits_at_once"]
        advice = next(text for most, text in facts["advice"] if count <= most)
        cells = [f"{count:,}", f"{calls:,}", str(shards), f"{partitions:,}", f"{of_each:,}", f"{seconds:.1f} s", advice]
        yield f"| {' | '.join(cells)} |"


# ---------------------------------------------------------------- how soon a value can be queried


def buckets_of(facts: Mapping[str, Any], count: int) -> int:
    """Buckets of a day's partition, a power of two, so that none has too many rows; 0 where none is needed."""
    if count <= facts["most_unbucketed"]:
        return 0
    return 1 << ceil(Decimal(count * int(facts["minutes_a_day"])) / facts["most_rows"] - 1).bit_length()


def roads(facts: Mapping[str, Any], count: int, *, emulated: bool = False) -> dict[str, Decimal]:
    """Seconds at the 99th percentile from quote and from committed row to queryable, from gap to certificate.

    ``emulated``: as on the local stack, whose provider and events take no time, and at the minute of its one feed.
    """
    given = {name: Decimal(str(amount)) for name, amount in facts["seconds"].items()}
    given |= {name: Decimal(str(amount)) for name, amount in (facts["emulated"] if emulated else {}).items()}
    partitions = buckets_of(facts, count) or count
    commits = max(-(-partitions // int(facts["commits_at_once"])) * given["commit"], partitions * given["commit_cpu"])
    arrived = given["event"] + given["window"]
    gaps = Decimal(count * 60) / facts["points_a_gap"]
    calls = gaps * (given["repair"] + given["call"]) / min(at_once(facts, count), int(facts["jobs_at_once"]))
    scans = given["audit"] + given["audit_of_1000"] * count / 1000
    share = Decimal("0.99")
    return {
        "quote": given["call"] + given["buffer"] + arrived + given["invocation"] + count * given["row"] + commits,
        "row": share * given["every"] + given["margin"] + given["pass"] + count * given["pass_row"] + arrived,
        "gap": share * 3600 + 60 * given["audit_minute"] + scans + calls + given["wait"],
    }


def at_once(facts: Mapping[str, Any], count: int) -> int:
    """Pull functions at once, with sixteen calls each: as many as ask for all within the minute."""
    return max(2, ceil(Decimal(str(facts["seconds"]["call"])) * count / 60 / int(facts["calls_at_once"])))


def monthly_usd(facts: Mapping[str, Any], count: int, prices: Mapping[str, Any]) -> Decimal:
    """A month of a feed with so many entities, by what a minute asks for; page and people apart."""
    given = {name: Decimal(str(amount)) for name, amount in facts["seconds"].items()}
    partitions = buckets_of(facts, count) or count
    commits = max(-(-partitions // int(facts["commits_at_once"])) * given["commit"], partitions * given["commit_cpu"])
    turns = Decimal(count) / 10  # batches of the pull function, each of which takes its turns at the provider
    minute = {
        "lambda_gb_second": (given["call"] * turns + count * given["request"]) / 2
        + (given["invocation"] + count * given["row"] + commits) * Decimal(facts["memory_mb"]) / 1024,
        "lambda_request": turns + 2,
        "sqs_request": Decimal("0.302") * count,
        "kinesis_put_unit": Decimal(count),
        "firehose_gb": Decimal(count) * 5 / 1024 / 1024,
        "s3_get": 2 * partitions + turns + 1,
        "s3_put": 2 * partitions + turns + 2,
        "log_gb": Decimal(count) * Decimal("0.00000015"),
        "scheduler_invocation": Decimal(1),
    }
    shards = ceil(Decimal(count) / 60 / int(facts["records_a_shard"]))
    hour = {
        "kinesis_shard_hour": Decimal(shards),
        "lambda_gb_second": (given["audit"] + given["audit_of_1000"] * count / 1000)
        * Decimal(facts["memory_mb"])
        / 1024,
        "s3_get": 4 * partitions + Decimal(count * 60) / facts["points_a_gap"] * 10,
        "s3_put": Decimal(count * 60) / facts["points_a_gap"] * 4 + 70,
        "step_transition": Decimal(60) + Decimal(count * 60) / facts["points_a_gap"],
    }
    used = {name: amount * int(facts["minutes_a_month"]) for name, amount in minute.items()}
    for name, amount in hour.items():
        used[name] = used.get(name, Decimal()) + amount * 730
    return sum((amount * prices[name]["usd"] / prices[name]["per"] for name, amount in used.items()), Decimal())


def freshness(facts: Mapping[str, Any], prices: Mapping[str, Any]) -> Iterator[str]:
    """Of each number of entities how soon, what it costs, and which settings it asks for."""
    yield "| entities | quote to queryable | committed row to queryable | gap to certificate | USD a month | settings |"
    yield "|---:|---:|---:|---:|---:|---|"
    for count in facts["counts"]:
        soon = roads(facts, count)
        calls = ceil(Decimal(count * 60) / facts["points_a_gap"])
        settings = f"`bucket(symbol, {buckets_of(facts, count)})`, `pull_concurrency` {at_once(facts, count)}"
        gap = _time(soon["gap"])
        if calls > facts["jobs_of_an_audit"] * facts["calls_of_a_job"]:
            gap = f"no: {calls:,} gaps an hour, {facts['jobs_of_an_audit']:,} jobs an audit"
        elif calls > facts["calls_of_an_audit"]:
            settings += f", `audit_limits.budget.calls` {calls:,}"
        cells = [f"{count:,}", *(_time(soon[name]) for name in ("quote", "row")), gap]
        yield f"| {' | '.join([*cells, f'{monthly_usd(facts, count, prices):,.0f}', settings])} |"


# ---------------------------------------------------------------- the page


def written(page: str) -> str:
    """The page with its tables made anew, each between ``<!-- its name -->`` and ``<!-- end -->``."""
    spec = importlib.util.spec_from_file_location("cost_estimate", COST)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{COST} cannot be read")
    cost = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cost)
    given, prices = load(FOLDER / "scenarios.yaml"), cost.load("prices")["prices"]
    tables = {
        "work": table(given["scenarios"], prices),
        "rebuilds": rebuilds(given["rebuild"]),
        "engines": engines(given["engines"], given["engines"]["gigabytes"], prices),
        "entities": entities(given["entities"], given["entities"]["counts"]),
        "freshness": freshness({**given["entities"], **given["freshness"]}, prices),
    }
    for name, rows in tables.items():
        head, _, rest = page.partition(f"<!-- {name} -->\n")
        text = "\n".join(rows)
        page = f"{head}<!-- {name} -->\n{text}\n{rest[rest.index('<!-- end -->') :]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} says what {FOLDER.name}/ says\n")
