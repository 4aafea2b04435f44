"""The calls of each operation on the newest hour of a lake, and the budget that is written for them.

``budget.yaml`` says what each operation may ask of AWS. What is in it is measured: a test holds every operation to it,
and old lakes to the same figures as young ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.calls import database_lake
from bench.calls.database_lake import DatabaseLake
from bench.calls.feed_lake import DATASET, FeedLake
from bench.calls.simulated import counted

Calls = dict[str, int]  # "s3 GetObject" -> how many
BUDGET = Path(__file__).with_name("budget.yaml")
TOLERANCE = 0.05
AUDIT = ("audit", "certify", "restate rollups", "conclude")  # the steps of the state machine in a quiet hour
LAST_HOUR = 2  # the hours before it are lived through, so that what only the first runs do is done


def budget() -> Mapping[str, Mapping[str, Calls]]:
    """The written budget: by lake, operation and call."""
    return dict(yaml.safe_load(BUDGET.read_text(encoding="utf-8")))


def calls_of_feed(lake: FeedLake) -> dict[str, Calls]:
    """What each operation asks for in the last of three hours of trading; nothing is missing and nothing broken."""
    functions = lake.functions
    for hour in range(LAST_HOUR + 1):
        calls = _Operations(functions.aws)
        lake.live(hour)
        calls.count("process", functions.process, lake.last_object)
        audited = calls.count("audit", functions.audit, DATASET, lake.go_to_audit(hour))
        certified = calls.count("certify", functions.certify, audited)
        calls.count("restate rollups", functions.restate_rollups, certified)
        calls.count("conclude", functions.conclude, certified)
        calls.count("sign", functions.sign, DATASET)
    calls.count("report", functions.report)
    return calls.counts


def calls_of_database(lake: DatabaseLake) -> dict[str, Calls]:
    """What each operation asks for in the last of three hours: four of eleven tables change, and nothing breaks.

    ``sweep`` is an audit of one month of history, as each hour's audit takes a share of it.
    """
    functions = lake.functions
    for hour in range(LAST_HOUR + 1):
        calls = _Operations(functions.aws)
        lake.change(hour)
        calls.count("extract", functions.extract)
        *others, order = lake.arrived()
        functions.process(*others)
        calls.count("process", functions.process, order)
        audited = calls.count("audit", functions.audit, database_lake.DATASET, lake.go_to_audit(hour))
        certified = calls.count("certify", functions.certify, audited)
        calls.count("conclude", functions.conclude, certified)
    calls.count("sweep", lake.sweep)
    calls.count("page", functions.page)
    return calls.counts


class _Operations:
    def __init__(self, aws: Any) -> None:
        self._aws = aws
        self.counts: dict[str, Calls] = {}

    def count(self, operation: str, work: Callable[..., Any], *given: Any) -> Any:
        """Do the work; its calls are the operation's."""
        answers: list[Any] = []
        made = counted(self._aws, lambda: answers.append(work(*given)))
        self.counts[operation] = {" ".join(call): count for call, count in sorted(made.items())}
        return answers[0]


def differences(calls: Mapping[str, Calls], others: Mapping[str, Calls]) -> list[str]:
    """The operations that ask a service for more or less than others do, by more than the tolerance."""
    compared = _compared(calls, others)
    return [text for text, count, other in compared if abs(count - other) > TOLERANCE * other]


def grown(calls: Mapping[str, Calls], others: Mapping[str, Calls]) -> list[str]:
    """The operations that ask a service for more than others do, by more than the tolerance."""
    return [text for text, count, other in _compared(calls, others) if count - other > TOLERANCE * other]


def _compared(calls: Mapping[str, Calls], others: Mapping[str, Calls]) -> Iterator[tuple[str, int, int]]:
    for operation in sorted({*calls, *others}):
        ours, theirs = _by_service(calls.get(operation, {})), _by_service(others.get(operation, {}))
        for service in sorted({*ours, *theirs}):
            count, other = ours.get(service, 0), theirs.get(service, 0)
            yield f"{operation}: {count} calls of {service}, not {other}", count, other


def _by_service(calls: Calls) -> Calls:
    services: Calls = {}
    for call, count in calls.items():
        service = call.partition(" ")[0]
        services[service] = services.get(service, 0) + count
    return services
