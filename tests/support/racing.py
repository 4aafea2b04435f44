"""Writers in processes of their own that race for one partition, and a reader that watches them."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from dataclasses import dataclass, field

from tests.support.tables import COUNTS, counts

from aws.clients import Clients
from aws.pointers import S3PartitionStore
from core.ports import PartitionStore
from processing.commit import CommitContext, Committed, SourceRef, commit_rows, read_partition
from processing.parquet import open_object

BUCKET = "warehouse-bucket"
ROWS = 20  # a batch


@dataclass(frozen=True, slots=True)
class Race:
    """What happened. ``seconds`` is from the first process's start to the last one's end."""

    seconds: float
    tries: int
    commits: int
    glimpses: int
    faults: list[str] = field(default_factory=list)


def open_store() -> PartitionStore:
    """The store that the environment points to."""
    return S3PartitionStore(Clients()("s3"), BUCKET)


def race(*, writers: int, batches: int, seed: int = 1) -> Race:
    """``writers`` processes commit ``batches`` each, of rows that no other writes; a reader watches them."""
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    done = threading.Event()
    store = open_store()
    reader = _Reader(store, done)
    processes = [fork.Process(target=_write, args=(number, batches, seed, answers)) for number in range(writers)]
    started = time.monotonic()
    for process in processes:
        process.start()
    reader.start()
    tries = [answers.get() for _ in processes]
    for process in processes:
        process.join(60)
    seconds = time.monotonic() - started
    done.set()
    reader.join(60)
    return Race(seconds, sum(tries), writers * batches, reader.glimpses, reader.faults)


def _write(writer: int, batches: int, seed: int, answers) -> None:  # type: ignore[no-untyped-def]
    source = random.Random(seed * 1000 + writer)
    context = CommitContext("c", random=source, max_tries=1000)
    store = open_store()
    tries = 0
    for batch in range(batches):
        first = (writer * batches + batch) * ROWS
        name = SourceRef(f"{writer}-{batch}", "e")
        outcome = commit_rows(
            store, COUNTS, "", counts(list(range(first, first + ROWS))), sources=[name], context=context
        )
        tries += outcome.tries if isinstance(outcome, Committed) else 0
    answers.put(tries)


class _Reader(threading.Thread):
    """Looks at the partition again and again: never a key fewer than before, never one twice."""

    def __init__(self, store: PartitionStore, done: threading.Event) -> None:
        super().__init__()
        self.glimpses = 0
        self.faults: list[str] = []
        self._store = store
        self._done = done

    def run(self) -> None:
        before: set[int] = set()
        while not self._done.is_set():
            snapshot = read_partition(self._store, COUNTS, "")
            if snapshot is None:
                continue
            numbers = snapshot.table["number"].to_pylist()
            now = set(numbers)
            if len(now) < len(numbers):
                self.faults.append(f"version {snapshot.version}: a key twice")
            if before - now:
                self.faults.append(f"version {snapshot.version}: {len(before - now)} keys gone")
            before = now
            self.glimpses += 1


def chain(store: PartitionStore) -> list[int]:
    """The versions from the current one back to the first, by their footers' parents."""
    snapshot = read_partition(store, COUNTS, "")
    versions = []
    parent = snapshot.key if snapshot else ""
    while parent:
        found = store.read_object(parent)
        if found is None:
            raise AssertionError(f"{parent} is missing")
        footer = open_object(found.key, found.body).footer
        versions.append(footer.version)
        parent = footer.parent
    return versions
