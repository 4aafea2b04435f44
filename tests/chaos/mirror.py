"""The Iceberg mirror: engines against pointers while writers go on, and what a snapshot of many partitions costs."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.chaos.run import Options, Result
from tests.chaos.writers import environment
from tests.fakes.partitions import MemoryPartitions
from tests.support import star_walk
from tests.support.contracts import changed
from tests.support.engines import ENGINES, Engines, engines, text_rows
from tests.support.iceberg_java import java_reader
from tests.support.mirror_walk import walked
from tests.support.mirrored import FolderObjects, Shop, rows_of_objects, write_through
from tests.support.rebuild_histories import with_table

from aws.clients import Clients
from aws.objects import S3ObjectStore
from aws.pointers import S3PartitionStore
from core.mirroring.names import metadata_key, metadata_prefix
from core.warehouse.pointer import object_name, partition_of
from local.emulator import Emulator
from mirror.certified.tags import Claim, certify_snapshot
from mirror.commit import Mirrored, mirror_table
from mirror.reading import MirrorServices, read_mirror

SALES = "fact_sale"
MOMENTS = 1_000
TAGGED = 0.2  # of the moments: their snapshots are certified too
HISTORY = 50  # moments of a lake of its own
SALES_A_MOMENT = 6  # batches that are sold while engines read
CHANGES = ("more", "another name", "other partitions")  # of the contract
Rows = list[list[str]]
LEVELS = ("day(created_at)", "month(created_at)", "hour(created_at)", ["bucket(sale_id, 3)", "month(created_at)"])


def mirror_engines(options: Options) -> Result:
    """Snapshots made while writers go on, the last and an older one, read by every engine. ``--runs``: moments.

    In the midst of each history the contract changes three times, in an order that is drawn: it gets a column and a
    wider type, a column gets another name, the table lies in other partitions. What is read of an older snapshot is
    held to what it was when it was made.
    """
    moments, faults, read = options.amount(MOMENTS), [], 0
    draw = random.Random(options.seed)
    each = max(min(HISTORY, moments // len(LEVELS)), 1)
    with engines() as readers:
        for number in range(moments // each):
            history = _History(options.scratch / str(number), number, draw)
            due = dict(zip((each // 4, each // 2, each * 3 // 4), draw.sample(CHANGES, len(CHANGES)), strict=True))
            with _writers(history.shop, options.seed + number) as (lock, turns):
                for moment in range(each):
                    options.progress(f"moment {read + 1} of {moments}")
                    turns.release(SALES_A_MOMENT)
                    if moment in due:
                        with lock:
                            history.change(due[moment])
                    faults += [f"{fault} (history {number})" for fault in _moment(history, readers, draw)]
                    read += 1
    return Result({"moments": read, "engines": len(ENGINES), "differences": len(faults)}, faults)


class _History:
    """A lake of its own, and what each of its snapshots was when it was made."""

    def __init__(self, folder: Path, number: int, draw: random.Random) -> None:
        self._levels, self._draw, self._generation = LEVELS[number % len(LEVELS)], draw, ""
        self._contract = changed("warehouse/fact_sale/partition_by", self._levels)
        self.shop = Shop(folder, self._contract, seed=str(number))
        self.made: dict[int, Rows] = {}

    def change(self, name: str) -> None:
        """Processing and the mirror go on with the contract changed so."""
        fact = "warehouse/fact_sale"
        if name == "more":
            wider = changed("source/tables/sale/columns/person_id", "bigint", contract=self._contract)
            wider = changed(f"{fact}/columns/person_id/type", "bigint", contract=wider)
            self._contract = changed(f"{fact}/columns/note", "string", contract=wider)
        elif name == "another name":
            cost = {"type": "decimal(10,2)", "from": "price", "check": "> 0"}
            without = changed(f"{fact}/columns/price", ..., contract=self._contract)
            self._contract = changed(f"{fact}/columns/cost", cost, contract=without)
        else:
            other = self._draw.choice([levels for levels in LEVELS if levels != self._levels])
            self._contract = changed(f"{fact}/partition_by", other, contract=self._contract)
            self._generation = "5c1d09e2"
        self.shop.deployed(self._contract)
        table = replace(self.shop.table(SALES), generation=self._generation)
        self.shop.lake.deployed(with_table(self.shop.lake.services.contracts, table))


def _as_wide(rows: Rows, as_these: Rows) -> Rows:
    """The rows without the columns that only partitions of before are of, which stand behind the contract's."""
    width = len(as_these[0]) if as_these else 0
    return sorted(row[:width] for row in rows) if width else rows


def _moment(history: _History, readers: Engines, draw: random.Random) -> Iterator[str]:
    shop = history.shop
    shop.mirror(SALES)
    mirror = read_mirror(SALES, shop.objects)
    assert mirror.metadata is not None
    metadata = str(shop.objects.folder / metadata_key(SALES, mirror.version))
    if (current := mirror.metadata.current_snapshot_id) is None:
        return
    wanted = text_rows(rows_of_objects(shop, SALES, mirror.state.files.values()))
    history.made[current] = wanted
    for engine in ENGINES:
        if _as_wide(readers.rows(engine, metadata), wanted) != wanted:
            yield f"{engine} reads other rows at version {mirror.version}"
    if draw.random() < TAGGED:
        twin = certify_snapshot(
            shop.table(SALES), mirror, Claim(int(shop.now.timestamp()), ("shop/1 -",), "-"), shop.services
        )
        metadata = str(shop.objects.folder / metadata_key(SALES, twin.version))
        history.made[twin.snapshot] = wanted
        for engine in ENGINES:
            if _as_wide(readers.rows(engine, metadata, snapshot=twin.snapshot), wanted) != wanted:
                yield f"{engine} reads other rows of the tag at version {twin.version}"
    older = draw.choice(mirror.metadata.snapshots).snapshot_id
    was = history.made[older]
    for engine in ENGINES:
        if _as_wide(readers.rows(engine, metadata, snapshot=older), was) != was:
            yield f"{engine} reads other rows of snapshot {older} than it had, at version {mirror.version}"


@contextmanager
def _writers(shop: Shop, seed: int) -> Iterator[tuple[threading.Lock, threading.Semaphore]]:
    """Two threads that go on selling until the block ends, a batch for each turn that they are given.

    Each holds the lock while it does. Left to themselves they would sell more than engines read, on a quiet machine.
    """
    ended, lock, turns = threading.Event(), threading.Lock(), threading.Semaphore(0)

    def sell(number: int) -> None:
        draw = random.Random(f"{seed}-{number}")
        while turns.acquire() and not ended.is_set():
            day = f"2026-{draw.randint(9, 11):02d}-{draw.randint(1, 9):02d}"
            with lock:
                shop.sell(draw.randint(1, 4), created=f"{day}T0{number}:00:00")

    threads = [threading.Thread(target=sell, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield lock, turns
    finally:
        ended.set()
        turns.release(len(threads))
        for thread in threads:
            thread.join()


WALKS, STEPS = 60, 60


def mirror_walks(options: Options) -> Result:
    """Walks at random: sales, killed runs, certificates, time, changed contracts, losses. ``--runs``: walks.

    As many again of a star whose tables lag, wait and fail while runs certify them.
    """
    faults: list[str] = []
    for number in range(walks := options.amount(WALKS)):
        options.progress(f"walk {number + 1} of {walks}")
        seed = options.seed + number
        faults += [f"seed {seed}: {fault}" for fault in walked(options.scratch / str(seed), seed, steps=STEPS)]
        of_star = star_walk.walked(options.scratch / f"star-{seed}", seed, steps=STEPS)
        faults += [f"star, seed {seed}: {fault}" for fault in of_star]
    return Result({"walks": 2 * walks, "steps": 2 * walks * STEPS}, faults)


READ_WALKS, READ_STEPS = 20, 40


def mirror_java(options: Options) -> Result:
    """Such walks, read by Iceberg's own Java library too, which checks what metadata say. ``--runs``: walks."""
    faults: list[str] = []
    with java_reader(options.scratch) as reader:
        for number in range(walks := options.amount(READ_WALKS)):
            options.progress(f"walk {number + 1} of {walks}")
            seed = options.seed + number
            wrong = walked(options.scratch / str(seed), seed, steps=READ_STEPS, reader=reader.rows)
            faults += [f"seed {seed}: {fault}" for fault in wrong]
    return Result({"walks": walks, "steps": walks * READ_STEPS}, faults)


# ---------------------------------------------------------------- what a snapshot costs


SIZES = (1_000, 10_000)
CHANGED = 11
MOST_SECONDS = {1_000: 2.0, 10_000: 5.0}
COMMITS = 20


def mirror_snapshots(options: Options) -> Result:
    """Snapshots of 11 changed partitions of 1,000 and of 10,000, over the emulator's S3. ``--runs``: snapshots of each.

    Two thirds of them change the same partitions as the last one, others those that lie in different manifests. A
    request is what goes over the wire.
    """
    figures: dict[str, Any] = {}
    faults: list[str] = []
    with Emulator.start(options.scratch / "emulator") as emulator, environment(emulator):
        for size in SIZES:
            options.progress(f"{size} partitions", now=True)
            many = _Many(options.scratch / str(size), size)
            costs = many.snapshots(options.amount(COMMITS), random.Random(options.seed))
            pages = -(-size // 1_000)
            least = min(cost.seconds for cost in costs)
            figures[f"partitions_{size}"] = {
                "changed": CHANGED,
                "seconds": round(statistics.median(cost.seconds for cost in costs), 2),
                "least_seconds": round(least, 2),
                "most_seconds": round(max(cost.seconds for cost in costs), 2),
                "cpu_seconds": round(statistics.median(cost.cpu for cost in costs), 2),
                "load": round(os.getloadavg()[0], 1),
                "state_bytes": many.state_bytes,
            }
            for what, most in (("same", 3 * CHANGED + 12), ("other", 3 * CHANGED + 11 + pages)):
                requests = [cost.requests for cost in costs if cost.what == what]
                figures[f"partitions_{size}"][f"most_requests_{what}"] = max(requests, default=0)
                if max(requests, default=0) > most:
                    faults.append(f"{max(requests)} requests for {what} {CHANGED} of {size}, promised are {most}")
            if least > MOST_SECONDS[size]:  # the least: others may be busy on the machine
                faults.append(f"{least:.1f} s for {size} partitions, promised are {MOST_SECONDS[size]}")
    return Result(figures, faults)


@dataclass(frozen=True)
class _Cost:
    """What a snapshot took; ``what`` partitions changed: the same as before, or others."""

    what: str
    seconds: float
    cpu: float
    requests: int


class _Many:
    """A table of many partitions, all with the same rows but for their names, in a bucket of the emulator's."""

    def __init__(self, folder: Path, size: int) -> None:
        self._requests = [0]
        client = Clients()("s3")
        client.meta.events.register("before-send.s3", self._count)
        self._bucket = f"warehouse-{size}"
        client.create_bucket(Bucket=self._bucket)
        self._objects: Any = S3ObjectStore(client, self._bucket)
        self._store: Any = S3PartitionStore(client, self._bucket)
        self._fill(folder, size, f"s3://{self._bucket}/", lambda: datetime.now(UTC))

    def _fill(self, folder: Path, size: int, root: str, now: Callable[[], datetime]) -> None:
        shop = Shop(folder, changed("warehouse/fact_sale/partition_by", ["bucket(sale_id, 100)", "day(created_at)"]))
        shop.sell(1, created="2026-11-01T00:00:00")
        (self._body,) = [body for key, body in shop.lake.partitions.objects.items() if key.endswith(".parquet")]
        self._table = shop.table(SALES)
        days = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(size // 100)]
        part = self._table.partition_by[0].name
        self._paths = [f"{part}={bucket}/day={day}" for bucket in range(100) for day in days]
        self._versions = dict.fromkeys(self._paths, 0)
        self._etags: dict[str, str] = {}  # of the pointers, which nobody else swaps: a third of the requests less
        self._commit(self._paths)
        self._services = MirrorServices(
            objects=self._objects,
            partitions=self._store,
            root=root,
            now=now,
            unique=lambda: uuid.uuid4().hex,
        )
        mirror_table(self._table, self._services)

    @property
    def state_bytes(self) -> int:
        stat = self._objects.stat(read_mirror(SALES, self._objects).state_key)
        return stat.size if stat else 0

    def snapshots(self, count: int, draw: random.Random) -> list[_Cost]:
        """What each of so many snapshots costs, behind a first of the partitions that go on to change."""
        costs, hot = [], draw.sample(self._paths, CHANGED)
        self._commit(hot)
        mirror_table(self._table, self._services)
        for number in range(count):
            what = "other" if number % 3 == 2 else "same"
            self._commit(hot if what == "same" else draw.sample(self._paths, CHANGED))
            self._requests[0] = 0
            began, used = time.perf_counter(), time.process_time()
            outcome = mirror_table(self._table, self._services)
            costs.append(_Cost(what, time.perf_counter() - began, time.process_time() - used, self._requests[0]))
            assert isinstance(outcome, Mirrored)
            assert outcome.changed == CHANGED, outcome
        return costs

    def _commit(self, paths: list[str]) -> None:
        def commit(path: str) -> None:
            partition = partition_of(self._table.folder, path)
            self._versions[path] += 1
            key = self._store.write_object(partition, object_name(self._versions[path], uuid.uuid4().hex), self._body)
            written = self._store.swap_pointer(partition, key, expected=self._etags.get(path))
            self._etags[path] = written.etag

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(commit, paths))

    def _count(self, **_: Any) -> None:
        self._requests[0] += 1


# ---------------------------------------------------------------- what a day leaves behind

MINUTES = 1_440
PARTITIONS = 200
GROWTH = 1.1  # of the second half of the day's hours over the first: what is bounded does not grow


class _Day(_Many):
    """The same in a folder, by a clock that goes a minute for each snapshot."""

    def __init__(self, folder: Path, size: int) -> None:
        self.at = datetime(2026, 11, 20, tzinfo=UTC)
        self.lake = FolderObjects(folder / "lake", lambda: self.at)
        self._objects, self._store = self.lake, MemoryPartitions(clock=lambda: self.at)
        write_through(self._store, self.lake)
        self._fill(folder, size, f"{folder / 'lake'}/", lambda: self.at)

    def minute(self, draw: random.Random) -> None:
        self.at += timedelta(minutes=1)
        self._commit(draw.sample(self._paths, CHANGED))
        mirror_table(self._table, self._services)

    def certify(self) -> None:
        claim = Claim(int(self.at.timestamp()), ("shop/1 -",), "-")
        certify_snapshot(self._table, read_mirror(SALES, self.lake), claim, self._services)

    def left(self) -> dict[str, int]:
        """What lies in the mirror's folder now."""
        listing = list(self.lake.list(metadata_prefix(SALES)))
        mirror = read_mirror(SALES, self.lake)
        metadata = self.lake.stat(metadata_key(SALES, mirror.version))
        return {
            "objects": len(listing),
            "bytes": sum(info.size for info in listing),
            "metadata_bytes": metadata.size if metadata else 0,
            "state_bytes": self.state_bytes,
            "snapshots": len(mirror.metadata.snapshots) if mirror.metadata else 0,
        }


def mirror_day(options: Options) -> Result:
    """A snapshot a minute of 11 of 200 partitions, and a tag an hour. ``--runs``: minutes.

    What is left in the mirror's folder is measured each hour, from six hours on, when the first snapshots go.
    """
    minutes, draw = options.amount(MINUTES), random.Random(options.seed)
    day, hours = _Day(options.scratch / "day", PARTITIONS), []
    used = time.process_time()
    for minute in range(1, minutes + 1):
        options.progress(f"minute {minute} of {minutes}")
        day.minute(draw)
        if minute % 60 == 0:
            day.certify()
            hours.append(day.left())
    seconds = time.process_time() - used
    steady = hours[7:]
    first, second = steady[: len(steady) // 2], steady[len(steady) // 2 :]
    faults = [
        f"{name} grew from {max(each[name] for each in first):,} to {max(each[name] for each in second):,}"
        for name in (steady[0] if first else ())
        if max(each[name] for each in second) > GROWTH * max(each[name] for each in first)
    ]
    last = hours[-1] if hours else day.left()
    return Result({"snapshots": minutes, "cpu_seconds": round(seconds, 1), "left": last}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {
    "mirror_engines": mirror_engines,
    "mirror_walks": mirror_walks,
    "mirror_java": mirror_java,
    "mirror_snapshots": mirror_snapshots,
    "mirror_day": mirror_day,
}
