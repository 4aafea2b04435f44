"""Calls of AWS per operation: on a lake that has just begun, and on one with three years of history."""

from __future__ import annotations

from collections.abc import Callable

from bench.options import Options
from bench.record import Record

YOUNG_DAYS, OLD_DAYS = 130, 3 * 365


def calls_per_operation(options: Options) -> Record:
    """Ours is an hour's audit of the old lake, all steps of it; the details have every operation at each age."""
    from bench.calls.feed_lake import FeedLake, age_with_sweep
    from bench.calls.operations import AUDIT, LAST_HOUR, calls_of_feed, grown

    ages = {"empty": 0, "young": age_with_sweep(YOUNG_DAYS, LAST_HOUR)}
    if not options.quick:
        ages["old"] = age_with_sweep(OLD_DAYS, LAST_HOUR)
    calls = {name: calls_of_feed(FeedLake(options.scratch / name, days=days)) for name, days in ages.items()}
    oldest = list(calls.values())[-1]
    for operation in oldest:
        counts = ", ".join(f"{name} {sum(of[operation].values())}" for name, of in calls.items())
        options.say(f"{operation}: {counts} calls")
    hour = sum(sum(oldest[step].values()) for step in AUDIT)
    details = {"days": ages, "calls": calls, "grows": grown(oldest, calls["young"])}
    return Record.of_times("calls_per_operation", hour, unit="calls of an audited hour", details=details)


def database_calls_per_operation(options: Options) -> Record:
    """The same of a database, whose tables are compared: an hour's audit."""
    from bench.calls.database_lake import DatabaseLake
    from bench.calls.operations import AUDIT, calls_of_database, grown

    ages = {"empty": 0, "young": YOUNG_DAYS} | ({} if options.quick else {"old": OLD_DAYS})
    calls = {
        name: calls_of_database(DatabaseLake(options.scratch / f"database-{name}", days=days))
        for name, days in ages.items()
    }
    oldest = list(calls.values())[-1]
    for operation in oldest:
        counts = ", ".join(f"{name} {sum(of[operation].values())}" for name, of in calls.items())
        options.say(f"{operation}: {counts} calls")
    hour = sum(sum(oldest[step].values()) for step in AUDIT if step in oldest)
    details = {"days": ages, "calls": calls, "grows": grown(oldest, calls["young"])}
    return Record.of_times("database_calls_per_operation", hour, unit="calls of an audited hour", details=details)


MEASURES: dict[str, Callable[[Options], Record]] = {
    "calls_per_operation": calls_per_operation,
    "database_calls_per_operation": database_calls_per_operation,
}
