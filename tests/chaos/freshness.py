"""From quote and committed row to queryable, from gap to certificate: what the local stack takes, S3's time and all."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.run import Options, Result
from tests.support import freshness
from tests.support.computed_pages import DOCS, estimate_of

from local.stack import Stack

ENTITIES = 1_000
MINUTES, PASSES, ORDERS = 5, 4, 250
PROMISED = {"quote": 3 * 60, "row": 7 * 60, "gap": 75 * 60}  # seconds, at the 99th percentile
WITHIN = 0.3  # of what docs/scale.md computes


def run(options: Options) -> Result:
    """``--runs`` is the number of minutes that are quoted."""
    minutes = options.amount(MINUTES)
    plan = freshness.plan_of(options.scratch / "contracts", ENTITIES)
    with Stack.up(options.scratch, plan, say=options.progress) as stack:
        quotes = freshness.quotes(stack, minutes, options.progress)
        rows = freshness.rows(stack, PASSES, ORDERS, options.progress)
        gaps, audited = freshness.heal(stack, ENTITIES, options.progress)
        with_schedule = freshness.with_schedule(rows, freshness.database_of(stack))
        minute = freshness.audit_minute(stack)
    roads = {
        name: freshness.percentiles(each) for name, each in (("quote", quotes), ("row", with_schedule), ("gap", gaps))
    }
    estimate = estimate_of("scale")
    given = estimate.load(DOCS / "scale" / "scenarios.yaml")
    given = {**given["entities"], **given["freshness"]}
    computed = {name: float(p99) for name, p99 in estimate.roads(given, ENTITIES, emulated=True).items()}
    faults = [
        f"{name}: {road['p99_s']} s at the 99th percentile, {PROMISED[name]} are promised"
        for name, road in roads.items()
        if road["p99_s"] > PROMISED[name]
    ]
    faults += [
        f"{name}: {road['p99_s']} s, where {computed[name]:.0f} are computed"
        for name, road in roads.items()
        if abs(road["p99_s"] - computed[name]) > WITHIN * computed[name]
    ]
    figures = {"entities": ENTITIES, "quotes": len(quotes), "rows": len(rows), "gaps": len(gaps), **roads}
    figures |= {
        "row_without_schedule": freshness.percentiles(rows),
        "audit_s": round(audited, 1),
        "audit_minute": minute,
    }
    return Result({**figures, "computed_p99_s": computed}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"freshness": run}
