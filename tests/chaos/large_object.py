"""One object of 200 MB with a bad line in every hundred: each line is accounted for, in bounded memory."""

from __future__ import annotations

import json
import multiprocessing
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.chaos.run import Options, Result
from tests.support.disk_objects import DiskObjects
from tests.support.lake import MemoryLake, line_of, order, shipped_contracts

from core.landing.ingest_objects import TableObject
from core.landing.zone import landing_of
from processing.events import ObjectEvent
from processing.process import process_objects
from processing.records.receipts import read_receipt

MEGABYTES = 200
ONE_IN = 100
KEY = TableObject("sales", "sales_order", 1).key
# Above the start: the star rows of the object and their Parquet, a block of lines, rejected lines. Measured: 321.
LIMIT_MB = 512


def lines(bytes_wanted: int, seed: int) -> Iterator[tuple[bytes, bool]]:
    """Lines of orders, and whether each is good, until there are so many bytes."""
    chance, size, number = random.Random(seed), 0, 0
    while size < bytes_wanted:
        number += 1
        line, good = _good(number, chance), True
        if chance.randrange(ONE_IN) == 0:
            line, good = _bad(line, chance), False
        size += len(line)
        yield line, good


def _good(number: int, chance: random.Random) -> bytes:
    at = f"2026-{chance.randrange(1, 12):02d}-{chance.randrange(1, 29):02d}T{chance.randrange(24):02d}:00:00.123"
    return line_of(order(number, at, created_at=at, units_sold=chance.randrange(1, 9999)))


def _bad(line: bytes, chance: random.Random) -> bytes:
    """The same order, with one of the things that happen to lines."""
    return chance.choice(
        [
            line[: len(line) // 2] + b"\n",
            line.replace(b'"design_id": 1', b'"design_id": "one"'),
            line.replace(b'"units_sold": ', b'"units_sold": ' + b"9" * 100),
            line.replace(b'"unit_price": 1.1', b'"unit_price": NaN'),
            line.replace(b"2026-11-21", b"2026-\xff\xfe-21"),
            line.replace(b'"staff_id": 1', b'"staff_id": null'),
            line.replace(b'"agreed_payment_date": "2026-11-22"', b'"agreed_payment_date": "soon"'),
            b"<html>429</html>\n",
        ]
    )


def write_lines(file: Path, megabytes: int, seed: int) -> tuple[int, int]:
    """How many good and bad lines were written; uncompressed, so that the object is as large as is said."""
    counts = [0, 0]
    with file.open("wb") as sink:
        for line, good in lines(megabytes * 1_000_000, seed):
            counts[not good] += 1
            sink.write(line)
    return counts[0], counts[1]


def _process(folder: Path, megabytes: int, seed: int) -> dict[str, Any]:
    """In a process of its own, so that its peak is that of this object."""
    objects = DiskObjects(folder)
    good, bad = objects.write_file(KEY, lambda file: write_lines(file, megabytes, seed))
    [stored] = objects.list(KEY)
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    memory = MemoryLake(shipped_contracts())
    errors = process_objects([ObjectEvent("", KEY)], replace(memory.services, ingest=objects, threads=True))
    peak = _resident("VmHWM") - before
    landing = landing_of(KEY)
    assert landing is not None
    return {
        "written": (stored.size, good, bad),
        "errors": [str(error) for error in errors.values()],
        "receipt": read_receipt(memory.records, landing),
        "quarantined": len(memory.quarantined(KEY)),
        "rows": memory.table("fact_sales_order").num_rows if not errors else 0,
        "peak_mb": round(peak / (1 << 20)),
    }


def _resident(which: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{which}:"))


def large_object(options: Options) -> Result:
    """``--runs`` is the object's size in megabytes."""
    megabytes = options.amount(MEGABYTES)
    fresh = multiprocessing.get_context("forkserver")  # a copy of this process might hold a lock of one of its threads
    with ProcessPoolExecutor(1, mp_context=fresh) as processes:
        answer = processes.submit(_process, options.scratch, megabytes, options.seed).result()
    size, good, bad = answer["written"]
    options.progress(f"{size:,} bytes with {good + bad:,} lines are processed", now=True)
    receipt = answer["receipt"] or {}
    figures = {name: receipt.get(name) for name in ("outcome", "lines_in", "accepted", "rejected", "rows_out")}
    faults = list(answer["errors"])
    expected = {"outcome": "committed", "lines_in": good + bad, "accepted": good, "rejected": bad, "rows_out": good}
    if figures != expected:
        faults.append(f"the receipt says {json.dumps(figures)}, expected {json.dumps(expected)}")
    if answer["quarantined"] != bad or answer["rows"] != good:
        faults.append(f"{answer['quarantined']} lines in quarantine, {answer['rows']} rows in the table")
    if answer["peak_mb"] > LIMIT_MB:
        faults.append(f"{answer['peak_mb']} MB at the peak, at most {LIMIT_MB} are allowed")
    figures = {
        "megabytes": megabytes,
        "lines": good + bad,
        "bad": bad,
        "accounted": (receipt.get("accepted") or 0) + (receipt.get("rejected") or 0),
        "peak_mb": answer["peak_mb"],
        "processing_ms": receipt.get("milliseconds"),
        "stages_ms": receipt.get("stages"),
    }
    return Result(figures, [f"{fault} (seed {options.seed})" for fault in faults])


RUNS: dict[str, Callable[[Options], Result]] = {"large_object": large_object}
