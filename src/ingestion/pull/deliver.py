"""Lines into the stream: in the largest calls it takes, and again only what it did not take."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from core.errors import TransientFailure
from core.ports import Log, Stream, StreamRecord
from ingestion.pull.pace import Clock

MAX_RECORDS = 500  # PutRecords' limits
MAX_BYTES = 5 * 1024 * 1024
ATTEMPTS = 6
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0


def deliver(stream: Stream, records: Sequence[StreamRecord], *, clock: Clock, log: Log, until: float) -> frozenset[int]:
    """Offer every record until it is taken, a bounded number of times; returns the indexes of those that were not.

    A record may be taken twice (a lost answer); rows are unique by their key, so that is harmless. ``until`` is
    monotonic: no pause goes beyond it.
    """
    waiting = list(range(len(records)))
    for attempt in range(ATTEMPTS):
        waiting = [index for batch in _batches(records, waiting) for index in _offer(stream, records, batch, log)]
        if not waiting:
            break
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt) * random.uniform(0.5, 1.5)
        if attempt == ATTEMPTS - 1 or clock.monotonic() + pause > until:
            log.error("the stream does not take records", lost=len(waiting), offered=len(records), tries=attempt + 1)
            break
        clock.sleep(pause)
    return frozenset(waiting)


def _offer(stream: Stream, records: Sequence[StreamRecord], batch: list[int], log: Log) -> list[int]:
    """The indexes of the batch that were not taken; all of them if the stream did not answer."""
    try:
        return [batch[position] for position in stream.put([records[index] for index in batch])]
    except TransientFailure as error:
        log.warning("the stream does not answer", error=str(error), records=len(batch))
        return batch


def _batches(records: Sequence[StreamRecord], indexes: list[int]) -> Iterator[list[int]]:
    batch: list[int] = []
    size = 0
    for index in indexes:
        length = len(records[index].data) + len(records[index].key.encode())
        if batch and (len(batch) == MAX_RECORDS or size + length > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(index)
        size += length
    if batch:
        yield batch
