"""More at once than any schedule sends, on a stack of its own: nothing lost, every queue drained, nothing that grows.

Two thousand ingest objects at once; two hundred messages at once of objects that are done; an hour of trading without
a pause; a backlog of a day, feed and database, behind a trigger that was off; and ten minutes in which objects and rows
keep coming while memory, open files and threads of every process of a function are watched.
"""

from __future__ import annotations

import datetime as dt
import gzip
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psutil
from tests.chaos.run import Options, Result
from tests.support import deployed
from tests.support.lake import quote
from tests.support.waiting import eventually

from aws.objects import S3ObjectStore
from core.time import at_epoch, iso
from local.database.changes import Changes
from local.demo import SALES, await_horizon, compare
from local.invoking import await_receipts, invoke, query_rows
from local.processes import processes_below
from local.provisioning import Plan
from local.stack import Stack
from local.trading import HOUR, QUOTES, await_points, feed_of, last_session_hour, points_per_symbol_and_hour, trade

OBJECTS = 2_000
MESSAGES = 200
BACKLOG_MINUTES = 390  # of a session of XNYS
BACKLOG_ORDERS = 1_500
SOAK_SECONDS = 600
LEAST_SOAK = 90.0  # fewer samples tell no growth
SAMPLE_SECONDS = 5
WRITERS = 16
WITHIN = 1_800.0
STEADY_BYTES = 0.10  # what a function's memory may grow by between the second fifth of a soak and its last
STEADY_COUNT = 2  # likewise open files and threads


@dataclass
class Loaded:
    """A stack under load: which minutes of past sessions are still free, and how many points each phase sent."""

    stack: Stack
    minutes: Iterator[int]
    points: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def symbols(self) -> Sequence[str]:
        feed, _ = feed_of(self.stack)
        return [entity.name for entity in feed.entities]

    def objects(self, count: int) -> dict[str, bytes]:
        """So many ingest objects of the feed, a minute of every symbol in each, with their bodies by their keys."""
        made = {}
        for minute in (next(self.minutes) for _ in range(count)):
            lines = [quote(symbol, iso(minute), f"{number}.25") for number, symbol in enumerate(self.symbols, 1)]
            at = at_epoch(minute)
            made[f"feeds/{QUOTES}/{at:%Y/%m/%d/%H}/load-{minute}.gz"] = gzip.compress(b"".join(lines), mtime=0)
        self.points += len(made) * len(self.symbols)
        return made

    def land(self, objects: dict[str, bytes]) -> None:
        """Put them all, as many at once as there are writers."""
        ingest = S3ObjectStore(self.stack.deployment.clients("s3"), self.stack.deployment.ingest_bucket)
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(lambda item: ingest.write(*item), objects.items()))

    def await_all(self) -> None:
        """Wait until every object has its receipt and no message waits or is in work."""
        for prefix in ("feeds/", "tables/"):
            await_receipts(self.stack.deployment, prefix, within=WITHIN)
        eventually(lambda: deployed.is_quiet(self.stack.deployment, "arrivals"), within=WITHIN)

    def check(self, phase: str, seconds: float, *, done: int, unit: str, **more: Any) -> None:
        """Note the phase's throughput, and what was lost or refused in it."""
        rows = query_rows(self.stack.deployment, "select count(*) as n from fact_quote")[0]["n"]
        if int(rows) != self.points:
            self.faults.append(f"{phase}: fact_quote has {rows} rows of {self.points} that were sent")
        refused = self._dead_letters()
        if refused:
            self.faults.append(f"{phase}: dead letters {refused}")
        rate = round(done / seconds, 1)
        self.figures[phase] = {"seconds": round(seconds, 1), unit: done, f"{unit}_a_second": rate} | more

    def _dead_letters(self) -> dict[str, int]:
        sqs, name = self.stack.deployment.clients("sqs"), "ApproximateNumberOfMessages"
        counts = {
            queue: int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
            for queue, url in self.stack.deployment.dead_letter_queues.items()
        }
        return {queue: count for queue, count in counts.items() if count}


def free_minutes(stack: Stack, before: dt.datetime) -> Iterator[int]:
    """Minutes of sessions before an instant, the newest session first."""
    _, calendar = feed_of(stack)
    for opens, closes in reversed(calendar.segments):
        if closes <= before.timestamp():
            yield from range(opens, closes, 60)


# ---------------------------------------------------------------- phases


def objects_at_once(loaded: Loaded, options: Options) -> None:
    objects = loaded.objects(options.amount(OBJECTS))
    began = time.monotonic()
    loaded.land(objects)
    landed = time.monotonic() - began
    options.progress(f"{len(objects)} objects landed in {landed:.1f} s", now=True)
    loaded.await_all()
    seconds = time.monotonic() - began
    loaded.check("objects_at_once", seconds, done=len(objects), unit="objects", landed_seconds=round(landed, 1))


def messages_at_once(loaded: Loaded, options: Options) -> None:
    """Of objects that are done: each is told again at the same moment as all others, and changes nothing."""
    deployment = loaded.stack.deployment
    keys = deployed.ingest_keys(deployment, f"feeds/{QUOTES}/")
    told = [keys[number % len(keys)] for number in range(min(MESSAGES, options.amount(MESSAGES)))]
    before, began = deployed.pointers(deployment), time.monotonic()
    with ThreadPoolExecutor(WRITERS) as senders:
        list(senders.map(lambda key: deployed.tell(deployment, key), told))
    loaded.await_all()
    seconds = time.monotonic() - began
    changed = sorted(key for key, body in deployed.pointers(deployment).items() if before.get(key) != body)
    if changed:
        loaded.faults.append(f"messages_at_once: pointers moved without anything new: {changed[:3]}")
    loaded.check("messages_at_once", seconds, done=len(told), unit="messages")


def compressed_hour(loaded: Loaded, first: dt.datetime, options: Options) -> None:
    began = time.monotonic()
    traded = trade(loaded.stack, first, on_minute=lambda minute: options.progress(f"minute {minute} of 60"))
    await_points(loaded.stack, traded.asked, within=WITHIN)
    loaded.await_all()
    seconds = time.monotonic() - began
    loaded.points += traded.asked
    left_out = Counter(symbol for symbol, _ in traded.left_out)
    for row in points_per_symbol_and_hour(loaded.stack, traded):
        if int(row["points"]) != (owed := HOUR // 60 - left_out[row["symbol"]]):
            loaded.faults.append(f"compressed_hour: {row['symbol']} has {row['points']} points of {owed}")
    loaded.stack.market.clock.real()
    loaded.check("compressed_hour", seconds, done=traded.asked, unit="points", faster_than_life=round(3600 / seconds))


def backlog(loaded: Loaded, options: Options) -> None:
    """A day's objects of the feed and changes of the database while nothing is processed, then all of it at once."""
    deployment, changes = loaded.stack.deployment, Changes(loaded.stack.database.connect, seed=options.seed)
    scale = min(1.0, options.amount(OBJECTS) / OBJECTS)
    objects, orders = loaded.objects(int(BACKLOG_MINUTES * scale)), int(BACKLOG_ORDERS * scale)
    try:
        with deployed.switched_off(deployment, "process"):
            loaded.land(objects)
            for _ in range(3):
                changes.insert_orders(orders // 3)
                changes.update_orders(orders // 3)
                await_horizon(loaded.stack, deployment.contracts.dataset(SALES))
                invoke(deployment, "extract", {"dataset": SALES})
            waiting = len(deployed.ingest_keys(deployment))
        began = time.monotonic()
        loaded.await_all()
        seconds = time.monotonic() - began
    finally:
        changes.close()
    differing = [each.table for each in compare(loaded.stack, deployment.contracts.dataset(SALES)) if each.differences]
    if differing:
        loaded.faults.append(f"backlog: {', '.join(differing)} differ from the database")
    loaded.check("backlog", seconds, done=len(objects), unit="objects", orders=orders * 2, objects_of_all=waiting)


# ---------------------------------------------------------------- soak


@dataclass(frozen=True)
class Sample:
    """A process of a function at one moment."""

    rss: int
    files: int
    threads: int


class Watch:
    """Samples every process of a function, until it is ended."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: dict[int, list[Sample]] = {}

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            for process in functions_of(self._stack):
                try:
                    with process.oneshot():
                        sample = Sample(process.memory_info().rss, process.num_fds(), process.num_threads())
                except psutil.Error:
                    continue  # it has ended since
                self.samples.setdefault(process.pid, []).append(sample)

    def growth(self) -> dict[int, dict[str, tuple[float, float]]]:
        """By process: the median of each measure in the second fifth of its samples, and in the last."""
        of = {}
        for pid, samples in self.samples.items():
            fifth = len(samples) // 5
            if fifth >= 2:
                early, late = samples[fifth : 2 * fifth], samples[-fifth:]
                of[pid] = {
                    name: (
                        statistics.median(getattr(sample, name) for sample in early),
                        statistics.median(getattr(sample, name) for sample in late),
                    )
                    for name in ("rss", "files", "threads")
                }
        return of


def functions_of(stack: Stack) -> list[psutil.Process]:
    """The execution environments of functions: children of the emulator."""
    running = processes_below(stack.folder)
    emulators = {process.pid for process in running if "local.emulator.launch" in process.cmdline()}
    return [process for process in running if process.ppid() in emulators]


def growing(growth: dict[int, dict[str, tuple[float, float]]]) -> list[str]:
    """What grew by more than is steady."""
    faults = []
    for pid, measures in growth.items():
        for name, (early, late) in measures.items():
            most = early * (1 + STEADY_BYTES) if name == "rss" else early + STEADY_COUNT
            if late > most:
                faults.append(f"soak: {name} of process {pid} grew from {early:.0f} to {late:.0f}")
    return faults


def soak(loaded: Loaded, options: Options) -> None:
    deployment = loaded.stack.deployment
    changes = Changes(loaded.stack.database.connect, seed=options.seed + 1)
    seconds = max(LEAST_SOAK, SOAK_SECONDS * min(1.0, options.amount(OBJECTS) / OBJECTS))
    began, sent, passes = time.monotonic(), 0, 0
    try:
        with Watch(loaded.stack) as watch:
            while (at := time.monotonic() - began) < seconds:
                loaded.land(loaded.objects(1))
                sent += 1
                if at >= passes * 10:
                    passes += 1
                    changes.update_orders(20)
                    invoke(deployment, "extract", {"dataset": SALES})
                options.progress(f"{at:.0f} of {seconds:.0f} s, {sent} objects")
                threading.Event().wait(max(0.0, began + sent - time.monotonic()))  # one a second, by the clock
        loaded.await_all()
    finally:
        changes.close()
    growth = watch.growth()
    loaded.faults += growing(growth)
    worst = {
        name: round(max((late / early for early, late in (each[name] for each in growth.values())), default=0), 3)
        for name in ("rss", "files", "threads")
    }
    most = max((late for each in growth.values() for _, late in [each["rss"]]), default=0)
    more = {"processes": len(growth), "growth_at_most": worst, "largest_mb": round(most / 1e6), "passes": passes}
    if not growth:
        loaded.faults.append("soak: no process of a function lived long enough to be judged")
    loaded.check("soak", time.monotonic() - began, done=sent, unit="objects", **more)


# ---------------------------------------------------------------- all of it


def load(options: Options) -> Result:
    """``--runs`` is the number of objects at once; fewer than 2,000 shorten backlog and soak by as much."""
    began = time.monotonic()
    with Stack.up(options.scratch, Plan(firehose_scale=0.01), say=lambda _: None) as stack:
        options.progress(f"the stack is up after {time.monotonic() - began:.0f} s", now=True)
        _, calendar = feed_of(stack)
        hour = last_session_hour(calendar, now=dt.datetime.now(dt.UTC))
        loaded = Loaded(stack, free_minutes(stack, hour - dt.timedelta(days=1)))
        phases: dict[str, Callable[[], None]] = {
            "objects_at_once": lambda: objects_at_once(loaded, options),
            "messages_at_once": lambda: messages_at_once(loaded, options),
            "compressed_hour": lambda: compressed_hour(loaded, hour, options),
            "backlog": lambda: backlog(loaded, options),
            "soak": lambda: soak(loaded, options),
        }
        for name, phase in phases.items():
            options.progress(name, now=True)
            phase()
            options.progress(f"{name}: {loaded.figures.get(name)}", now=True)
    return Result(
        loaded.figures | {"points": loaded.points}, [f"{each} (seed {options.seed})" for each in loaded.faults]
    )


RUNS: dict[str, Callable[[Options], Result]] = {"load": load}
