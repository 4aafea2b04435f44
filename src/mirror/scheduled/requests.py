"""Requests to mirror a table: one message a table, in a group of its own, so that a table has one committer at a time.

Of a FIFO queue's group Lambda is given the next messages when it is done with those before (SQS Developer Guide,
"FIFO queue delivery logic"). Nothing rests on it but that no run is for nothing: of two that commit, one wins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.contract.model import Contracts, Table
from core.errors import StarmendError, TransientFailure
from core.landing.ingest_objects import EPOCH
from core.metrics import MIRROR_LAG
from core.mirroring.current import read_current
from core.mirroring.lag import lag_of, mirrored_files
from core.mirroring.views import ViewCatalog
from core.ports import Log, Metrics, Queue
from mirror.certified.step import Uncertified, certify_dataset
from mirror.commit import Mirrored, Waits, mirror_table
from mirror.reading import MirrorServices

TABLE, TIME = "table", "time"
MOST_PROVEN = 500  # objects, of a few megabytes: what one invocation reads within its time


@dataclass(frozen=True, slots=True)
class MirrorRuntime:
    """What the function works with; ``finish`` ends an invocation. ``views`` are those of what is certified."""

    contracts: Contracts
    services: MirrorServices
    queue: Queue
    metrics: Callable[[str], Metrics]
    log: Log
    finish: Callable[[], None]
    views: ViewCatalog | None = None

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """What becomes of an event: of a schedule's the number of tables asked for, of the queue's the failed messages.

        A command names a ``table`` itself and gets its version.
        """
        try:
            if "Records" in event:
                bodies = {record["messageId"]: record["body"] for record in event["Records"]}
                return {"batchItemFailures": [{"itemIdentifier": message} for message in mirror_messages(bodies, self)]}
            if TABLE in event:
                return {"version": mirror_one(self.contracts.table(str(event[TABLE])), self).version}
            return {"asked": ask_for_all(self, time=str(event[TIME]))}
        finally:
            self.finish()


def ask_for_all(runtime: MirrorRuntime, *, time: str) -> int:
    """Send a message for each table; ``time`` makes those of two schedules differ, and those of a retry the same.

    Raises ``TransientFailure`` where the queue did not take them all: the schedule tries again.
    """
    messages = [{TABLE: table.name, TIME: time} for table in runtime.contracts.tables()]
    refused = runtime.queue.send(messages)
    if refused:
        names = ", ".join(messages[index][TABLE] for index in refused)
        raise TransientFailure("ask for mirrors", names, "the queue did not take the messages", "It is tried again")
    return len(messages)


def mirror_messages(bodies: Mapping[str, str], runtime: MirrorRuntime) -> list[str]:
    """Mirror the tables that messages (id -> body) name, each once; the ids of those to be delivered again.

    A table that fails stops no other. A later message of it in the batch fails with it, so that its group stays in
    order. Then the tags of their datasets follow the certificates.
    """
    outcomes: dict[str, bool] = {}
    datasets: dict[str, None] = {}
    failed = []
    for message, body in bodies.items():
        table = _table_of(body, runtime)
        if table is None:
            continue
        if table.name not in outcomes:
            outcomes[table.name] = _is_mirrored(table, runtime)
            datasets[table.dataset] = None
        if not outcomes[table.name]:
            failed.append(message)
    for dataset in datasets:
        certify(dataset, runtime, most=max(1, MOST_PROVEN // len(datasets)))
    return failed


def certify(dataset: str, runtime: MirrorRuntime, *, most: int) -> None:
    """Move the tags of a dataset as far as its certificates hold. A failure is logged: the next run does the same.

    At most so many objects are read, or one of each table.
    """
    try:
        outcome = certify_dataset(runtime.contracts, dataset, runtime.services, views=runtime.views, most=most)
    except StarmendError as error:
        runtime.log.error("dataset not certified", dataset=dataset, reason=str(error))
        return
    if isinstance(outcome, Uncertified):
        runtime.log.info("dataset not certified yet", dataset=dataset, reason=outcome.problem)
    elif outcome.problems:
        runtime.log.info("tables not certified as far as others", dataset=dataset, **_listed(outcome.problems.items()))


def _table_of(body: str, runtime: MirrorRuntime) -> Table | None:
    """The table of a message; None where it names none that is promised now, for no retry brings it back."""
    try:
        name = json.loads(body)[TABLE]
        return runtime.contracts.table(name)
    except (ValueError, KeyError, TypeError) as error:
        runtime.log.warning("message names no table, passed over", message=body[:200], reason=repr(error))
        return None


def _is_mirrored(table: Table, runtime: MirrorRuntime) -> bool:
    try:
        mirror_one(table, runtime)
    except StarmendError as error:
        runtime.log.error("table not mirrored", table=table.name, reason=str(error))
        return False
    return True


def mirror_one(table: Table, runtime: MirrorRuntime) -> Mirrored | Waits:
    """Mirror a table, and count how far it is behind then, also where it failed."""
    outcome = None
    try:
        outcome = mirror_table(table, runtime.services)
    finally:
        is_whole = isinstance(outcome, Mirrored) and not outcome.problems
        runtime.metrics(table.dataset).add(MIRROR_LAG, 0.0 if is_whole else _seconds_behind(table, runtime))
    problems = outcome.problems if isinstance(outcome, Mirrored) else outcome.partitions
    if problems:
        runtime.log.warning("partitions not mirrored", table=table.name, **_listed(problems.items()))
    runtime.log.info("mirrored", table=table.name, version=outcome.version, changed=getattr(outcome, "changed", 0))
    return outcome


def _listed(problems: Iterable[tuple[str, str]]) -> dict[str, Any]:
    listed = [f"{path}: {problem}" for path, problem in problems]
    return {"partitions": len(listed), "problems": listed[:10]}


def _seconds_behind(table: Table, runtime: MirrorRuntime) -> float:
    """The age of the first commit that the mirror lacks; 0 where it lacks none."""
    services = runtime.services
    known = mirrored_files(read_current(services.objects, table.name), table)
    lag = lag_of(services.objects, table, known, late=EPOCH)
    return max(services.now() - lag.since, timedelta()).total_seconds() if lag else 0.0
