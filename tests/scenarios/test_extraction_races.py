"""Several extractors of one table at once: each object is won by one of them, nothing comes twice, no hole."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.extraction import ExtractionSandbox, ScratchDatabase, ledger_sandbox, took

from core.ports import Refused, Written

pytestmark = pytest.mark.database


class Meeting(MemoryObjects):
    """A bucket whose first writes wait for each other, so that both extractors are past their listing."""

    def __init__(self, parties: int) -> None:
        super().__init__()
        self.barrier = threading.Barrier(parties)

    def write(
        self, key: str, body: bytes, *, metadata: Mapping[str, str] | None = None, **options: Any
    ) -> Written | Refused:
        if key.endswith("000000000001.jsonl.gz"):
            self.barrier.wait(60)
        return super().write(key, body, metadata=metadata, **options)


def in_threads(sandboxes: list[ExtractionSandbox], work: Any) -> list[Any]:
    results: list[Any] = [None] * len(sandboxes)

    def run(number: int) -> None:
        results[number] = work(sandboxes[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(sandboxes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_who_loses_an_object_stops_and_fails_nobody() -> None:
    with ledger_sandbox(rows_per_object=10) as (database, sandbox):
        database.run("INSERT INTO ledger (id, last_updated) SELECT n, '2026-11-20' FROM generate_series(1, 95) AS n")
        objects = Meeting(2)
        sandboxes = [sandbox.beside(objects=objects) for _ in range(2)]
        results = in_threads(sandboxes, lambda sandbox: sandbox.extract().tables[0])
        assert sorted(result.outcome for result in results) == ["beaten", "extracted"]
        assert sum(result.rows for result in results) == 95
        assert [row["id"] for row in sandboxes[0].rows()] == list(range(1, 96))
        assert sandboxes[0].numbers() == list(range(1, 11))
        assert sandboxes[1].extract().tables[0].outcome == "unchanged"
        for other in sandboxes:
            other.extraction.close()


def write_ledger(
    database: ScratchDatabase, number: int, notes: list[str], rows: int, overlapped: threading.Event
) -> None:
    """Write at least ``rows`` rows, and on until rows were taken several times meanwhile (bounded by 3,000)."""
    connection = database.connect(autocommit=False)
    for row in range(3_000):
        if row >= rows and overlapped.is_set():
            break
        connection.cursor().execute(f"INSERT INTO ledger (note) VALUES ('{number}-{row}')")
        if row % 3:
            connection.cursor().execute("SELECT pg_sleep(0.003)")
        connection.commit()
        notes.append(f"{number}-{row}")
    connection.close()


def test_extractors_that_overlap_all_the_time_lose_nothing_and_repeat_nothing() -> None:
    extractors, writers, rows, enough = 4, 3, 60, 2
    with ledger_sandbox(rows_per_object=7, margin=1) as (database, sandbox):
        stop, overlapped = threading.Event(), threading.Event()
        extracted: list[int] = []
        notes: list[str] = []

        def extract(sandbox: ExtractionSandbox) -> bool:
            while not stop.is_set():
                result = sandbox.extract()
                result.raise_failures()
                if result.tables[0].outcome == "extracted":
                    extracted.append(result.tables[0].rows)
                    if len(extracted) >= enough:
                        overlapped.set()
            return True

        sandboxes = [sandbox.beside() for _ in range(extractors)]
        writing = [
            threading.Thread(target=write_ledger, args=(database, number, notes, rows, overlapped))
            for number in range(writers)
        ]
        for thread in writing:
            thread.start()

        def until_all_is_there() -> None:
            try:
                for thread in writing:
                    thread.join()
                sandbox.extract_until(lambda _: len(sandbox.rows()) >= len(notes), within=20)
            finally:
                stop.set()

        ending = threading.Thread(target=until_all_is_there)
        ending.start()
        assert all(in_threads(sandboxes, extract)), "an extractor failed"
        ending.join()
        assert overlapped.is_set()
        assert Counter(row["note"] for row in sandbox.rows()) == Counter(notes)
        numbers = sandbox.numbers()
        assert numbers == list(range(1, len(numbers) + 1))
        facts = sandbox.facts()
        assert all(later.interval_from == earlier.durable_until for earlier, later in pairwise(facts))
        sandbox.extract_until(took(0))
        assert sandbox.parameter("sequential_id") == str(len(numbers))
        for other in sandboxes:
            other.extraction.close()
