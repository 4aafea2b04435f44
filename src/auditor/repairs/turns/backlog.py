"""Backlog of repairs: queues that no run comes to the end of, for longer than the contract allows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auditor.repairs.causes import NAMED, Cause, listed
from auditor.repairs.turns.queues import Place, Places, is_step
from auditor.windows import DAY, HOUR
from core.audit.findings import CLEARED
from core.time import iso

BACKLOG = "repair_backlog"
POINTS = "missing_point"  # each of them is overdue for itself
UPKEEP = ("outdated_partition", "unfilled_row", *CLEARED)  # what is only completed or cleared away, run after run
UPKEEP_WITHIN = 30 * DAY
SETTINGS = {
    **dict.fromkeys(("unprocessed_object", "lost_object", "missing_object"), "objects"),
    **dict.fromkeys(
        ("broken_object", "outdated_partition", "stale_derived", "broken_rule", "disputed_value"), "partitions"
    ),
    "unreferenced_object": "partitions",
}


def waiting_since(places: Places, before: Places, *, now: int) -> dict[str, Place]:
    """The places with the time since when something of each queue has waited in every run."""
    return {
        name: replace(place, since=(before[name].since if name in before else 0) or now)
        for name, place in places.items()
    }


def causes_of_backlog(
    dataset: str, waiting: Places, counts: Mapping[str, int], *, patience: int, now: int
) -> tuple[Cause, ...]:
    """The cause of the queues of which something has waited for longer than the contract's ``patience`` (seconds).

    Not each item waits as long: they take turns. But more is amiss than the runs of that time could repair. ``counts``
    are how many are deferred of each queue.
    """
    late = [
        name
        for name, place in sorted(waiting.items())
        if not is_step(name)
        and (kind := name.partition(" ")[0]) != POINTS
        and place.since + _allowed(kind, patience) < now
    ]
    if not late:
        return ()
    details = [_line_of(name, counts, waiting[name].since) for name in late]
    count = sum(counts.get(name, 0) for name in late)
    return (Cause(BACKLOG, dataset, max(count, len(late)), details=listed(details, NAMED)),)


def _allowed(kind: str, patience: int) -> int:
    return max(patience, UPKEEP_WITHIN) if kind in UPKEEP else max(patience, HOUR)


def _line_of(name: str, counts: Mapping[str, int], since: int) -> str:
    kind, _, place = name.partition(" ")
    setting = SETTINGS.get(kind, "rows")
    count = f"{counts[name]:,} " if counts.get(name) else ""
    return f"{place}: {count}{kind} over audit_limits.budget.{setting} since {iso(since)}"
