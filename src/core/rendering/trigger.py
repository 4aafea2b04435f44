"""Settings of the process function's trigger, by which no partition gets more swaps than S3 bears. Pure.

An invocation swaps each of its partitions' pointers once, however many objects it takes. So a partition gets at most
``concurrency`` swaps in the time of the shortest invocation that takes a full batch, and ``concurrency`` in each window
where batches are not full, for a poller waits for the window before it hands over what it has
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from core.contract.model import Contract, Contracts, Database, Feed, Table

SWAPS = 5  # a second and partition, a third of what S3 gave others in 2026
MOST_IN_A_BATCH = 10_000  # SQS' triggers: standard queues
CONCURRENCIES = (2, 1_000)  # what such a trigger takes
LONGEST_WINDOW = 5  # seconds; SQS allows 300, and a longer wait is a later warehouse

# Seconds: requests by S3's latencies (docs/scale.md), processors as docs/decisions/memory-of-the-process-function.md.
INVOCATION = 0.050  # objects are read side by side, receipts written so
COMMITS, AT_ONCE = 0.165, 16  # so many commits side by side
OBJECT, ROW, COMMIT = 0.008, 0.0000065, 0.016  # of a processor
LARGEST_OBJECT = 4.0  # 8 MB of lines, compressed
AVAILABLE = 96.0  # of the function's time, which is 120 by default
OBJECTS_A_MESSAGE = 4  # that replays and repairs name: a full batch of such messages is a hundred objects
FEWEST = 10  # objects in a batch, where nothing asks for more
CATCH_UP = 13  # times what arrives is borne, so that an outage of two hours is made up within ten minutes
BUFFER_SECONDS, BUFFER_BYTES, LINE_BYTES = 60, 5 << 20, 250  # of Firehose, before it compresses


@dataclass(frozen=True, slots=True)
class Trigger:
    """How many objects an invocation takes, how long a poller gathers them (seconds), and how many run at once."""

    batch_size: int
    batching_window_seconds: int
    concurrency: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The ingest objects of a source: so many a second, of so many rows at least, for so many partitions.

    ``slowest`` are the seconds of a processor that the largest of them takes.
    """

    a_second: float
    rows: int
    partitions: int
    slowest: float

    @property
    def object_seconds(self) -> float:
        """Of a processor, for each of them."""
        return OBJECT + self.rows * ROW

    @property
    def shortest(self) -> float:
        """What an invocation takes at least beside its objects: S3 alone, in rounds of commits side by side."""
        return INVOCATION + ceil(self.partitions / AT_ONCE) * COMMITS

    def work(self, batch: int) -> float:
        """Functions that are busy with what arrives, in batches of so many."""
        commits = max(self.shortest, self.partitions * COMMIT)
        return self.a_second * (self.object_seconds + commits / batch)


def trigger_of(contracts: Contracts) -> Trigger:
    """The trigger by which every partition of these contracts gets at most ``SWAPS`` a second, and outages are made up.

    Where both cannot be, swaps are bounded. SQS takes no concurrency below two, so that batches are as large as two
    functions need, and never larger than the function's time allows.
    """
    arrivals = [each for contract in contracts for each in arrivals_of(contract)]
    if not arrivals:
        return Trigger(FEWEST, 1, CONCURRENCIES[0])
    largest = min(MOST_IN_A_BATCH, int(AVAILABLE / max(each.slowest for each in arrivals)))
    batch = min(FEWEST, largest)
    while batch < largest and _allowed(arrivals, batch) < _wanted(arrivals, batch):
        batch += 1
    concurrency = max(CONCURRENCIES[0], min(_allowed(arrivals, batch), _wanted(arrivals, batch)))
    return Trigger(batch, ceil(concurrency / SWAPS), concurrency)


def _wanted(arrivals: list[Arrivals], batch: int) -> int:
    """Functions that make an outage up."""
    return max(CONCURRENCIES[0], ceil(CATCH_UP * sum(each.work(batch) for each in arrivals)))


def _allowed(arrivals: list[Arrivals], batch: int) -> int:
    """Functions that together swap a pointer ``SWAPS`` times a second, in full batches and in windows."""
    shortest = min(each.shortest + batch * each.object_seconds for each in arrivals)
    return min(int(SWAPS * shortest), SWAPS * LONGEST_WINDOW, CONCURRENCIES[1])


def arrivals_of(contract: Contract) -> Iterator[Arrivals]:
    """What arrives of a dataset: of a feed what Firehose delivers, of a database a table's object a pass."""
    source = contract.source
    if isinstance(source, Database):
        count = len(source.tables)
        yield Arrivals(count / source.every, 1, 1, LARGEST_OBJECT)
    elif isinstance(source, Feed):
        lines = len(source.entities) / source.every  # a second
        a_second = max(1 / BUFFER_SECONDS, lines * LINE_BYTES / BUFFER_BYTES)
        partitions = max([_touched(table, source) for table in contract.tables if table.kind == "fact"], default=1)
        slowest = OBJECT + BUFFER_BYTES / LINE_BYTES * ROW  # a batch commits once, in what is left of the time
        yield Arrivals(a_second, max(1, int(lines / a_second)), partitions, slowest)


def _touched(table: Table, feed: Feed) -> int:
    """Partitions of a fact that the points of one time lie in."""
    count = 1
    for part in table.partition_by:
        if part.transform == "bucket":
            count *= min(part.buckets, len(feed.entities))
        elif part.transform == "value":
            count *= min(len(part.values), len(feed.entities)) or 1
    return max(1, count)
