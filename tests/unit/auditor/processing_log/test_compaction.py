"""The processing log is the receipts of its days, each once, whatever came late, twice, or in between two crashes."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.crashpoints import Crash, Effects, every_point

from auditor.processing_log import compaction
from auditor.processing_log.blocks import TURNS, Ledger, first_day, is_turn_of, series_of
from auditor.processing_log.compaction import Compacted, compact_log
from auditor.run_files import write_run_file
from auditor.services import Services
from core.audit.findings import UnprocessedObject, findings_to_data
from core.errors import OutOfReach
from core.landing.ingest_objects import RepairObject, TableObject
from core.landing.records import LOG_DAYS
from core.landing.zone import FEEDS, PROCESSING_LOG, landing_of
from core.time import format_instant

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)


@dataclass
class Reads:
    """A store whose reads and listings of receipts are counted."""

    store: Any
    counts: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, key: str) -> Any:
        self.counts[key.partition("/")[0]] += 1
        return self.store.read(key)

    def stat(self, key: str) -> Any:
        self.counts["stats"] += 1
        return self.store.stat(key)

    def list(self, prefix: str, *, after: str = "") -> Iterator[Any]:
        self.counts["listings"] += 1
        for info in self.store.list(prefix, after=after):
            self.counts["listed"] += 1
            yield info


class Lake:
    """Receipts of a table and of a feed, and audits of both datasets that copy them."""

    def __init__(self, services: Services) -> None:
        self.now = NOW
        self.store = MemoryObjects(clock=lambda: self.now)
        self.services = replace(services, records=self.store, now=lambda: self.now)
        self.receipts: dict[str, dict[str, Any]] = {}

    def process(self, key: str, *, outcome: str = "committed", at: datetime | None = None) -> None:
        """Write the receipt of an object, in place of an earlier one."""
        landing = landing_of(key)
        assert landing
        receipt = {
            "object": key,
            "dataset": landing.dataset,
            "table": landing.table,
            "outcome": outcome,
            "processed_at": format_instant(at or self.now),
        }
        self.store.write(landing.receipt_key, json.dumps(receipt).encode() + b"\n")
        self.receipts[key] = receipt

    def audit(self, dataset: str, *, run: str = "run", services: Services | None = None) -> Compacted:
        return compact_log(services or self.services, dataset, run)

    def settle(self, dataset: str) -> None:
        """Audit as often as a sweep needs to come round, and until every day had its turn."""
        for _ in range(60):
            self.audit(dataset)
            self.now += timedelta(minutes=25)

    def owed(self, *datasets: str) -> list[dict[str, Any]]:
        """The receipts of the days that are kept, each under its day and table."""
        first = first_day(self.now)
        days = {key: receipt["processed_at"][:10] for key, receipt in self.receipts.items()}
        return _sorted(
            {**receipt, "day": days[key], "source_table": receipt["table"]}
            for key, receipt in self.receipts.items()
            if receipt["dataset"] in datasets and days[key] >= first
        )

    def log(self) -> list[dict[str, Any]]:
        """What the table shows: the rows of all objects of the copy whose days are projected."""
        rows = []
        for info in self.store.list(PROCESSING_LOG):
            parts = dict(part.split("=") for part in info.key.split("/")[1:3])
            stored = self.store.read(info.key)
            assert stored
            for line in gzip.decompress(stored.body).splitlines():
                row = json.loads(line)
                del row["receipt"]
                rows.append(row | parts)
        return _sorted(row for row in rows if row["day"] >= first_day(self.now))


def _sorted(rows: Any) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["object"], row["day"]))


@pytest.fixture
def lake(services: Services) -> Lake:
    return Lake(services)


def order(number: int) -> str:
    return TableObject("sales", "sales_order", number).key


def quote(at: datetime, name: str = "a") -> str:
    return f"{FEEDS}quotes/{at:%Y/%m/%d/%H}/{name}.gz"


def repair(at: datetime) -> str:
    return RepairObject("sales", "sales_order", f"{at:%Y%m%dT%H%M%S%fZ}-keys").key


def test_every_receipt_is_a_row_of_its_day_and_table(lake: Lake) -> None:
    lake.process(order(1))
    lake.process(repair(NOW))
    lake.process(quote(NOW), outcome="halted")
    lake.audit("sales")
    lake.audit("quotes")
    assert lake.log() == lake.owed("sales", "quotes")
    assert {(row["source_table"], row["day"]) for row in lake.log()} == {
        ("sales_order", "2026-11-20"),
        ("quotes", "2026-11-20"),
    }


def test_a_receipt_that_was_written_again_is_one_row_on_its_new_day(lake: Lake) -> None:
    lake.process(order(1), outcome="halted")
    lake.process(order(2))
    lake.audit("sales")
    lake.now += timedelta(days=1)
    lake.process(order(1))
    lake.audit("sales")
    assert [(row["object"], row["day"], row["outcome"]) for row in lake.log()] == [
        (order(1), "2026-11-21", "committed"),
        (order(2), "2026-11-20", "committed"),
    ]


def test_an_audit_reads_what_is_new_and_nothing_else(lake: Lake) -> None:
    for number in range(1, 301):
        lake.process(order(number))
    lake.audit("sales")
    reads = Reads(lake.store)
    services = replace(lake.services, records=reads)
    assert lake.audit("sales", services=services).receipts == 0
    assert reads.counts["receipts"] == 0
    lake.process(order(301))
    assert lake.audit("sales", services=services) == Compacted(1, 1, ())
    assert reads.counts["receipts"] == 1
    assert lake.log() == lake.owed("sales")


@pytest.mark.parametrize("old", [3_000, 30_000])
def test_work_and_listings_do_not_grow_with_the_age_of_the_lake(
    lake: Lake, old: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST_READ", 10**9)
    monkeypatch.setattr(compaction, "MOST_BLOCKS", 10**9)
    for number in range(1, old + 1, 100):  # a sparse sequence has as many blocks, and is quicker to make
        lake.process(order(number))
    lake.audit("sales")
    reads = Reads(lake.store)
    lake.process(order(old + 1))
    assert lake.audit("sales", services=replace(lake.services, records=reads)).receipts == 1
    assert reads.counts["listed"] <= 10 * (3 + compaction.SWEPT_BLOCKS + 1)
    assert reads.counts["audit"] <= 3 + compaction.SWEPT_BLOCKS + len(
        series_of(lake.services.contracts.dataset("sales"))
    )


def test_a_late_receipt_of_a_block_long_past_comes_in_with_the_sweep(lake: Lake) -> None:
    for days in range(20):
        lake.now = NOW + timedelta(days=days)
        lake.process(quote(lake.now))
        lake.audit("quotes")
    lake.process(quote(NOW, "late"))
    lake.audit("quotes")
    assert lake.log() != lake.owed("quotes")  # the sweep is elsewhere
    for _ in range(20 // compaction.SWEPT_BLOCKS + 1):
        lake.audit("quotes")
    assert lake.log() == lake.owed("quotes")


def test_what_an_audit_found_amiss_and_had_processed_is_in_the_log_at_its_end(lake: Lake) -> None:
    for days in range(20):
        lake.now = NOW + timedelta(days=days)
        lake.process(quote(lake.now))
        lake.audit("quotes")
    late = quote(NOW, "late")
    lake.process(late)
    found = findings_to_data([UnprocessedObject("quotes", late, "it has no receipt")])
    result = {"dataset": "quotes", "subject": "fact_quote", "windows": [], "findings": found, "targets": {}}
    write_run_file(lake.store, "healing", "audit-0", result | {"objects_until": "", "audited_at": ""})
    lake.audit("quotes", run="healing")
    assert lake.log() == lake.owed("quotes")


def test_a_past_of_many_blocks_is_copied_over_several_audits(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 2_600, 10):
        lake.process(order(number))
    monkeypatch.setattr(compaction, "MOST_READ", 100)
    sizes = []
    for _ in range(3):
        assert lake.audit("sales").receipts <= 100
        sizes.append(len(lake.log()))
    assert sizes == [100, 200, 260]
    assert lake.log() == lake.owed("sales")


def test_days_before_the_first_are_neither_read_nor_shown(lake: Lake) -> None:
    lake.process(order(1))
    lake.process(quote(NOW))
    lake.audit("quotes")
    lake.now += timedelta(days=LOG_DAYS + 1)
    lake.process(order(2))
    reads = Reads(lake.store)
    lake.audit("sales", services=replace(lake.services, records=reads))
    lake.audit("quotes")
    assert reads.counts["receipts"] == 1
    assert [row["object"] for row in lake.log()] == [order(2)]


def test_a_copy_that_was_deleted_or_overwritten_is_made_again(lake: Lake) -> None:
    for number in (1, 2, 3):
        lake.process(order(number))
    lake.audit("sales")
    [copy] = [info.key for info in lake.store.list(PROCESSING_LOG)]
    lake.store.delete([copy])
    lake.audit("sales")
    assert lake.log() == lake.owed("sales")
    lake.store.write(copy, b"no gzip")
    lake.audit("sales")
    assert lake.log() == lake.owed("sales")


def test_of_a_slow_table_few_days_are_looked_at_and_one_that_is_lost_is_made_again_within_a_day(lake: Lake) -> None:
    """A block of a thousand objects of a table that changes once a day is spread over a hundred days."""
    for number in range(1, 91):
        lake.process(order(number))
        lake.now += timedelta(days=1)
    lake.audit("sales")
    reads = Reads(lake.store)
    lake.process(order(91))
    lake.audit("sales", services=replace(lake.services, records=reads))
    assert reads.counts["stats"] + reads.counts["processing_log"] <= 10
    lost = sorted(info.key for info in lake.store.list(PROCESSING_LOG))[40]
    lake.store.delete([lost])
    for _ in range(TURNS):
        lake.audit("sales")
        lake.now += timedelta(hours=1)
    assert lake.log() == lake.owed("sales")


@pytest.mark.parametrize("every", [1, 2, 5, 8, 23, 24, 48, 72, 100])
def test_every_day_has_its_turn_however_often_a_block_comes_round(every: int) -> None:
    visits = [NOW + timedelta(hours=every * number) for number in range(600)]
    days = [f"{NOW - timedelta(days=back):%Y-%m-%d}" for back in range(TURNS)]
    assert [day for day in days if not any(is_turn_of(day, at) for at in visits)] == []


def test_a_receipt_that_was_removed_leaves_the_log(lake: Lake) -> None:
    lake.process(order(1))
    lake.process(order(2))
    lake.audit("sales")
    lake.store.delete([landing_of(order(2)).receipt_key])  # type: ignore[union-attr]
    del lake.receipts[order(2)]
    lake.audit("sales")
    assert lake.log() == lake.owed("sales")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"processed_at": "soon"}'])
def test_what_is_no_receipt_harms_no_other(lake: Lake, body: bytes) -> None:
    lake.process(order(1))
    lake.store.write(landing_of(order(2)).receipt_key, body)  # type: ignore[union-attr]
    lake.process(order(3))
    assert lake.audit("sales").failed == ()
    assert lake.log() == lake.owed("sales")
    assert lake.audit("sales").receipts == 0


def test_a_ledger_that_cannot_be_read_is_made_again(lake: Lake) -> None:
    lake.process(order(1))
    lake.audit("sales")
    for info in list(lake.store.list("audit/log/")):
        lake.store.write(info.key, b"{]")
    lake.process(order(2))
    lake.audit("sales")
    assert lake.log() == lake.owed("sales")


def test_a_table_whose_receipts_cannot_be_listed_stops_no_other_and_no_audit(lake: Lake) -> None:
    lake.process(order(1))
    staff = TableObject("sales", "staff", 1).key
    lake.process(staff)

    def fail(effect: str, key: str) -> Exception | None:
        return (
            OutOfReach(effect, key, "does not answer") if effect == "read" and "/source_table=staff/" in key else None
        )

    lake.store.fail = fail
    assert lake.audit("sales").failed == ("staff/",)
    lake.store.fail = lambda _effect, _key: None
    assert [row["object"] for row in lake.log()] == [order(1)]
    lake.audit("sales")
    assert lake.log() == lake.owed("sales")


def test_two_audits_at_once_lose_no_row_for_longer_than_to_the_next(lake: Lake) -> None:
    """The slower one writes a day's object that it planned before the other's receipt was there."""
    lake.process(order(1))
    slow = Reads(lake.store)
    write = lake.store.write
    overtaken = False

    def overtake(key: str, *arguments: Any, **named: Any) -> Any:
        nonlocal overtaken
        if key.startswith(PROCESSING_LOG) and not overtaken:
            overtaken = True
            lake.process(order(2))
            lake.audit("sales")
        return write(key, *arguments, **named)

    slow.write = overtake  # type: ignore[attr-defined]
    lake.audit("sales", services=replace(lake.services, records=slow))
    assert overtaken
    lake.audit("sales")
    assert lake.log() == lake.owed("sales")


def _busy(lake: Lake) -> None:
    """Receipts that are new, moved to another day, and gone, beside such as stay; two blocks and a sweep."""
    for number in (1, 2, 1_001, 2_001, 3_001):
        lake.process(order(number))
    lake.audit("sales")
    lake.now += timedelta(days=1)
    lake.process(order(1))
    lake.process(order(3_002))
    lake.process(repair(lake.now))
    lake.store.delete([landing_of(order(2)).receipt_key])  # type: ignore[union-attr]
    del lake.receipts[order(2)]


def test_a_crash_at_any_effect_is_made_up_for_by_the_next_audits(services: Services) -> None:
    def scenario(effects: Effects) -> None:
        lake = Lake(services)
        _busy(lake)
        watched = replace(lake.services, records=effects.watch(lake.store))
        with suppress(Crash):
            lake.audit("sales", services=watched)
        shown = Counter(row["object"] for row in lake.log())
        assert all(shown[key] for key in (order(1), order(1_001), order(2_001), order(3_001)))  # whatever was shown is
        for _ in range(3):
            lake.audit("sales")
        assert lake.log() == lake.owed("sales")
        assert lake.audit("sales") == Compacted(0, 0, ())

    points = list(every_point(scenario))
    assert len(points) >= 3 * 6
    for point in points:
        scenario(Effects(point))


@pytest.mark.parametrize("seed", range(12))
def test_any_history_of_receipts_and_audits_ends_with_each_receipt_once(services: Services, seed: int) -> None:
    rng = random.Random(seed)
    lake = Lake(services)
    number = 0
    for _ in range(rng.randint(20, 60)):
        match rng.choice(["order", "order", "quote", "repair", "again", "audit", "audit", "crash", "wait", "lose"]):
            case "order":
                number += rng.choice([1, 1, 1, 400])
                lake.process(order(number))
            case "quote":
                lake.process(quote(lake.now - timedelta(hours=rng.choice([0, 0, 1, 30])), f"n{rng.randrange(9)}"))
            case "repair":
                lake.process(repair(lake.now))
            case "again" if lake.receipts:
                lake.process(rng.choice(sorted(lake.receipts)), outcome=rng.choice(["committed", "halted"]))
            case "audit":
                lake.audit(rng.choice(["sales", "quotes"]))
            case "crash":
                _crash(lake, rng)
            case "wait":
                lake.now += timedelta(hours=rng.choice([1, 5, 24, 24 * 40]))
            case "lose":
                copies = [info.key for info in lake.store.list(rng.choice([PROCESSING_LOG, "audit/log/"]))]
                lake.store.delete(rng.sample(copies, min(1, len(copies))))
    lake.settle("sales")
    lake.settle("quotes")
    assert lake.log() == lake.owed("sales", "quotes")
    assert lake.audit("sales") == lake.audit("quotes") == Compacted(0, 0, ())


def _crash(lake: Lake, rng: random.Random) -> None:
    points = [Effects(replace(point, number=rng.randrange(6))) for point in _SOME_POINTS]
    for effects in rng.sample(points, 1):
        with suppress(Crash):
            lake.audit("sales", services=replace(lake.services, records=effects.watch(lake.store)))


_SOME_POINTS = list(every_point(lambda effects: effects.watch(MemoryObjects()).write("key", b"")))


def test_a_ledger_is_read_as_it_was_written() -> None:
    ledger = Ledger({"000000000001.jsonl.gz.json": ("etag", "2026-11-20")}, {"2026-11-20": "of the copy"})
    assert Ledger.from_json(ledger.to_json()) == ledger
    assert Ledger.from_json(b"{]") is None
