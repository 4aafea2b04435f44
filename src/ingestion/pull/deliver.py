"""Writes records to a stream: in the largest calls that it takes, and again only those that it did not take."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from core.errors import TransientFailure
from core.ports import Log, Stream, StreamRecord
from core.sending import send_until_taken
from ingestion.pull.pace import Clock

MAX_RECORDS = 500  # of PutRecords and PutRecordBatch
MAX_BYTES = 4_000_000  # PutRecordBatch takes 4 MiB (PutRecords 5), and each call has some of its own
ATTEMPTS = 6
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0


def deliver(stream: Stream, records: Sequence[StreamRecord], *, clock: Clock, log: Log, until: float) -> frozenset[int]:
    """Offer every record until it is taken, a bounded number of times; returns the indexes of those that were not.

    A record may be taken twice (a lost answer); rows are unique by their key, so that is harmless. ``until`` is
    monotonic: no pause goes beyond it.
    """

    def pause(attempt: int) -> bool:
        seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)) * random.uniform(0.5, 1.5)
        if clock.monotonic() + seconds > until:
            return False
        clock.sleep(seconds)
        return True

    def put(offered: Sequence[StreamRecord]) -> list[int]:
        return [index for batch in _batches(offered) for index in _put(stream, offered, batch, log)]

    sent = send_until_taken(put, records, attempts=ATTEMPTS, pause=pause)
    if sent.refused:
        log.error("the stream does not take records", lost=len(sent.refused), offered=len(records), tries=sent.attempts)
    return frozenset(sent.refused)


def _put(stream: Stream, records: Sequence[StreamRecord], batch: range, log: Log) -> list[int]:
    """The indexes of the batch that were not taken; all of them if the stream did not answer."""
    try:
        return [batch[index] for index in stream.put(records[batch.start : batch.stop])]
    except TransientFailure as error:
        log.warning("the stream does not answer", error=str(error), records=len(batch))
        return list(batch)


def _batches(records: Sequence[StreamRecord]) -> Iterator[range]:
    """Indexes of records, as many at once as one call may hold."""
    start = size = 0
    for index, record in enumerate(records):
        length = len(record.data) + len(record.key.encode())
        if index > start and (index - start == MAX_RECORDS or size + length > MAX_BYTES):
            yield range(start, index)
            start, size = index, 0
        size += length
    if records:
        yield range(start, len(records))
