"""Writers in processes of their own that race for one partition, and readers that watch them: by pointer, by Athena.

Every writer commits its batches in order, so whoever reads a whole commit sees of each writer a run of numbers from its
first one on. A key that is missing from such a run, that comes twice, or that was there before and no longer is, is a
fault.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from typing import Any

from tests.support.tables import COUNTS, counts

from aws.athena import Athena
from aws.clients import Clients
from aws.pointers import S3PartitionStore
from core.contract.types import ColumnType
from core.ports import PartitionStore
from core.warehouse.partition_objects import open_object
from processing.partitions.commit import CommitContext, Committed, SourceRef, commit_rows, read_partition

BUCKET = "warehouse-bucket"
DATABASE, WORKGROUP = "race", "race"
ROWS = 20  # a batch
LONGEST_SECONDS = 900
LAST_LOOK_SECONDS = 120  # within which a reader ends when the writers are done
PAUSE = 0.05  # seconds between a reader's looks
Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Race:
    """What happened. ``seconds`` is from the moment all writers were ready to the last one's end; ``looks`` counts what
    each reader saw."""

    seconds: float
    tries: int
    commits: int
    looks: dict[str, int]
    faults: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Commits a second."""
        return self.commits / self.seconds


def open_store() -> PartitionStore:
    """The store that the environment points to."""
    return S3PartitionStore(Clients()("s3"), BUCKET)


def prepare() -> None:
    """The bucket, and a catalog in which the partition is a table, as Terraform declares one."""
    clients = Clients()
    clients("s3").create_bucket(Bucket=BUCKET)
    glue = clients("glue")
    glue.create_database(DatabaseInput={"Name": DATABASE})
    glue.create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": COUNTS.name,
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": {
                "Columns": [{"Name": column.name, "Type": _catalog_type(column.type)} for column in COUNTS.columns],
                "Location": f"s3://{BUCKET}/warehouse/{COUNTS.name}/",
                "InputFormat": "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
            },
        },
    )
    where = {"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/results"}}
    clients("athena").create_work_group(Name=WORKGROUP, Configuration={"EnforceWorkGroupConfiguration": True, **where})


def _catalog_type(kind: ColumnType) -> str:
    return str(kind)


def race(*, writers: int, batches: int, seed: int = 1, progress: Progress = lambda _: None) -> Race:
    """``writers`` processes commit ``batches`` each, of rows that no other writes, while two readers watch."""
    fork = multiprocessing.get_context("forkserver")  # a copy of this process might hold a lock of one of its threads
    fork.set_forkserver_preload([__name__])
    ready, done = fork.Barrier(writers + 1), fork.Event()
    answers, seen = fork.Queue(), fork.Queue()
    looking = [_start(fork, _watch, look, batches, done, seen) for look in (_by_pointer, _by_athena)]
    racing = [_start(fork, _write, number, batches, seed, ready, answers) for number in range(writers)]
    ready.wait(LONGEST_SECONDS)
    started = time.monotonic()
    tries = 0
    for finished in range(writers):
        tries += answers.get(timeout=LONGEST_SECONDS)
        progress(finished + 1)
    seconds = time.monotonic() - started
    done.set()
    reports = [seen.get(timeout=LAST_LOOK_SECONDS) for _ in looking]
    for process in (*racing, *looking):
        process.join(60)
    looks = {name: number for name, number, _ in reports}
    return Race(seconds, tries, writers * batches, looks, [fault for _, _, faults in reports for fault in faults])


def _start(fork: ForkServerContext, target: Callable[..., None], *arguments: Any) -> Any:
    process = fork.Process(target=_run, args=(dict(os.environ), target, *arguments), daemon=True)
    process.start()
    return process


def _run(environment: dict[str, str], target: Callable[..., None], *arguments: Any) -> None:
    """In this process's environment: the server that it is copied from has that of the first race."""
    os.environ.clear()
    os.environ.update(environment)
    target(*arguments)


def _write(writer: int, batches: int, seed: int, ready: Any, answers: Any) -> None:
    source = random.Random(seed * 1000 + writer)
    context = CommitContext("c", random=source, max_tries=1000)
    store = open_store()
    tries = 0
    ready.wait(LONGEST_SECONDS)
    for batch in range(batches):
        first = (writer * batches + batch) * ROWS
        rows, name = counts(list(range(first, first + ROWS))), SourceRef(f"{writer}-{batch}", "e")
        outcome = commit_rows(store, COUNTS, "", rows, sources=[name], context=context)
        tries += outcome.tries if isinstance(outcome, Committed) else 0
    answers.put(tries)


# ---------------------------------------------------------------- readers

Run = tuple[int, int, int, int]  # writer, rows, distinct keys, the greatest key


def _watch(look: Callable[[int], Iterable[Run]], batches: int, done: Any, seen: Any) -> None:
    """Look again and again until the writers are done, and once more. The pause between two looks leaves the writers
    the cores: a reader that spins takes a third of the emulator."""
    name, share = look.__name__.removeprefix("_"), batches * ROWS
    looks, faults, before = 0, [], {}
    finished = False
    while not finished:
        finished = done.wait(PAUSE)
        now = {}
        try:
            for writer, rows, keys, last in look(share):
                now[writer] = keys
                if rows != keys:
                    faults.append(f"{name}: {rows - keys} rows of writer {writer} are there twice")
                if keys != last - writer * share + 1:
                    faults.append(f"{name}: of writer {writer} {keys} keys up to {last}: one is missing")
        except Exception as error:  # noqa: BLE001 - a reader may not fail at all
            faults.append(f"{name}: {type(error).__name__}: {error}")
        fewer = [writer for writer, keys in before.items() if now.get(writer, 0) < keys]
        faults += [f"{name}: fewer keys of writer {writer} than before" for writer in fewer]
        before = now
        looks += 1
    seen.put((name, looks, faults[:20]))


def _by_pointer(share: int, store: list[PartitionStore] = []) -> list[Run]:  # noqa: B006 - one connection per process
    if not store:
        store.append(open_store())
    snapshot = read_partition(store[0], COUNTS, "")
    numbers: dict[int, list[int]] = {}
    for number in snapshot.table["number"].to_pylist() if snapshot else ():
        numbers.setdefault(number // share, []).append(number)
    return [(writer, len(keys), len(set(keys)), max(keys)) for writer, keys in numbers.items()]


def _by_athena(share: int) -> list[Run]:
    frame = Athena(WORKGROUP, DATABASE).query(
        f"select number / {share} as writer, count(*) as n, count(distinct number) as keys, max(number) as last"
        f" from {COUNTS.name} group by 1"
    )
    return [(int(row.writer), int(row.n), int(row.keys), int(row.last)) for row in frame.itertuples()]


def chain(store: PartitionStore) -> list[int]:
    """The versions from the current one back to the first, by their footers' parents."""
    snapshot = read_partition(store, COUNTS, "")
    versions = []
    parent = snapshot.key if snapshot else ""
    while parent:
        stored = store.read_object(parent)
        if stored is None:
            raise AssertionError(f"{parent} is missing")
        footer = open_object(stored.key, stored.body).footer
        versions.append(footer.version)
        parent = footer.parent
    return versions
