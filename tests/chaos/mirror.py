"""The Iceberg mirror: engines against pointers while writers go on, and what a snapshot of many partitions costs."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.chaos.run import Options, Result
from tests.support.contracts import changed
from tests.support.engines import ENGINES, Engines, engines, text_rows
from tests.support.mirrored import Shop, rows_of_objects

from core.mirroring.names import metadata_key
from mirror.reading import read_mirror

SALES = "fact_sale"
MOMENTS = 1_000
HISTORY = 50  # moments of a lake of its own
LEVELS = ("day(created_at)", "month(created_at)", "hour(created_at)", ["bucket(sale_id, 3)", "month(created_at)"])


def mirror_engines(options: Options) -> Result:
    """Snapshots made while writers go on, the last and an older one, read by every engine. ``--runs``: moments.

    In the midst of each history the contract gets a column and a wider type; older snapshots are from before and after.
    """
    moments, faults, read = options.amount(MOMENTS), [], 0
    draw = random.Random(options.seed)
    each = max(min(HISTORY, moments // len(LEVELS)), 1)
    with engines() as readers:
        for number in range(moments // each):
            contract = changed("warehouse/fact_sale/partition_by", LEVELS[number % len(LEVELS)])
            shop = Shop(options.scratch / str(number), contract, seed=str(number))
            with _writers(shop, options.seed + number) as lock:
                for moment in range(each):
                    options.progress(f"moment {read + 1} of {moments}")
                    if moment == each // 2:
                        with lock:
                            shop.deployed(_with_more(contract))
                    faults += [f"{fault} (history {number})" for fault in _moment(shop, readers, draw)]
                    read += 1
    return Result({"moments": read, "engines": len(ENGINES), "differences": len(faults)}, faults)


def _with_more(contract: dict[str, Any]) -> dict[str, Any]:
    """A column more, and a wider one."""
    wider = changed("source/tables/sale/columns/person_id", "bigint", contract=contract)
    wider = changed("warehouse/fact_sale/columns/person_id/type", "bigint", contract=wider)
    return changed("warehouse/fact_sale/columns/note", "string", contract=wider)


def _moment(shop: Shop, readers: Engines, draw: random.Random) -> Iterator[str]:
    shop.mirror(SALES)
    mirror = read_mirror(SALES, shop.objects)
    assert mirror.metadata is not None
    metadata = str(shop.objects.folder / metadata_key(SALES, mirror.version))
    if mirror.metadata.current_snapshot() is None:
        return
    wanted = text_rows(rows_of_objects(shop, SALES, mirror.state.files.values()))
    for engine in ENGINES:
        if readers.rows(engine, metadata) != wanted:
            yield f"{engine} reads other rows at version {mirror.version}"
    older = draw.choice(mirror.metadata.snapshots).snapshot_id
    first, *others = [readers.rows(engine, metadata, snapshot=older) for engine in ENGINES]
    if any(rows != first for rows in others):
        yield f"engines differ on snapshot {older} at version {mirror.version}"


@contextmanager
def _writers(shop: Shop, seed: int) -> Iterator[threading.Lock]:
    """Two threads that go on selling, a batch at a time, until the block ends; each holds the lock while it does."""
    ended, lock = threading.Event(), threading.Lock()

    def sell(number: int) -> None:
        draw = random.Random(f"{seed}-{number}")
        while not ended.wait(0.02):
            day = f"2026-{draw.randint(9, 11):02d}-{draw.randint(1, 9):02d}"
            with lock:
                shop.sell(draw.randint(1, 4), created=f"{day}T0{number}:00:00")

    threads = [threading.Thread(target=sell, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield lock
    finally:
        ended.set()
        for thread in threads:
            thread.join()


RUNS: dict[str, Callable[[Options], Result]] = {"mirror_engines": mirror_engines}
