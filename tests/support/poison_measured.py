"""``python -m tests.support.poison_measured SCALE KIND...``: batches with a poisoned object, measured in one process.

Each kind of poison is processed in a batch of its own, as the process function does it, beside nine good objects. One
JSON line for each says what became of it, the processor's seconds that it took, and the peak of the process so far: the
function has one processor, and what else the machine does is no part of it. ``SCALE`` divides the bounds of bombs, so
that some seconds are enough for all kinds; 1 is what runs on AWS.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.lake import MemoryLake
from tests.support.poison import (
    BODIES,
    BOMBS,
    METADATA,
    MIB,
    POISONED_LINES,
    TOO_LONG,
    WHOLE,
    good,
    longer_than,
    noted_contracts,
)

from processing import parse_object
from processing.lines import blocks
from processing.lines.memory import keep_freed_memory
from processing.plan import static_tables

OBJECTS = 10
KINDS = (*POISONED_LINES, *BODIES, *METADATA, *BOMBS)


def key_of(number: int) -> str:
    """The key of an object of the batch."""
    return f"tables/sales/sales_order/{number:012d}.jsonl.gz"


def peak_mb() -> int:
    """The peak of this process's memory; ``ru_maxrss`` would begin with that of the parent."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) >> 10


def poisoned_object(what: str) -> tuple[bytes, dict[str, str]]:
    """Content and metadata."""
    if what == TOO_LONG:
        return gzip.compress(good(1000) + longer_than(blocks.LONGEST_LINE_BYTES, 1)), {}
    if what in POISONED_LINES:
        return gzip.compress(good(1000) + POISONED_LINES[what](1)), {}
    if what in BOMBS:
        return BOMBS[what](blocks.LONGEST_LINE_BYTES, blocks.LARGEST_BYTES), {}
    return BODIES.get(what, gzip.compress(WHOLE)), dict(METADATA.get(what, {}))


def measured(what: str) -> dict[str, Any]:
    """What became of a batch with this poison in it."""
    lake = MemoryLake(noted_contracts())
    lake.services = dataclasses.replace(lake.services, threads=True)
    lake.services.ensured.update(table.name for table in static_tables(lake.services.contracts))
    poisoned = random.Random(what).randint(1, OBJECTS)
    for number in range(1, OBJECTS + 1):
        body, metadata = poisoned_object(what) if number == poisoned else (gzip.compress(good(number), 1), {})
        lake.ingest.write(key_of(number), body, metadata=metadata)
    began = time.process_time()
    errors = lake.process(*(key_of(number) for number in range(1, OBJECTS + 1)))
    seconds = time.process_time() - began
    others = [lake.receipt(key_of(number)) for number in range(1, OBJECTS + 1) if number != poisoned]
    receipt = lake.receipt(key_of(poisoned))
    quarantined = lake.quarantined(key_of(poisoned))
    return {
        "what": what,
        "errors": {key: str(error) for key, error in errors.items()},
        "committed": sum(other["outcome"] == "committed" and other["rows_out"] == 1 for other in others),
        "outcome": receipt["outcome"],
        "reason": receipt["reason"] or (quarantined[0]["reason"] if quarantined else ""),
        "seconds": round(seconds, 2),
        "peak_mb": peak_mb(),
    }


def main() -> None:
    """Measure the kinds that are named, in their order."""
    scale = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (8 << 30, 8 << 30))  # without a bound, it is this process that ends
    keep_freed_memory()
    blocks.LONGEST_LINE_BYTES = max(MIB, blocks.LONGEST_LINE_BYTES // scale)
    blocks.LARGEST_BYTES //= scale
    parse_object.MOST_ROWS_BYTES //= scale
    for what in sys.argv[2:] or KINDS:
        print(json.dumps(measured(what)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
