"""A standing halt is found by every audit and is a row of completeness until it is gone; the mail comes once."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.mail import MemoryMail
from tests.support.audited import DATASET, TABLE, TWO, AuditedDatabase, AuditedFeed

from auditor.alarms.conclude import conclude
from auditor.audits import begin_audit, end_audit
from auditor.databases import scan
from auditor.evidence.halts import CHANGED
from auditor.state import state_key
from auditor.windows import Scope
from core.landing.ingest_objects import RepairObject, TableObject
from core.landing.zone import HALT_NOTES, landing_of
from core.time import at_epoch, iso

Lake = AuditedFeed | AuditedDatabase
AUDITS = 12


class Audits:
    """A lake whose audits follow each other, half a day apart, so that an object is soon behind all that is recent."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.mail = MemoryMail()
        self.lake.services = replace(self.lake.services, mail=self.mail)
        self.turn = 0

    def next(self) -> dict[str, Any]:
        """The halted objects that completeness shows after one more audit, with what each row says."""
        self.turn += 1
        run = f"run-{self.turn}"
        self.lake.now += timedelta(hours=12) if isinstance(self.lake, AuditedDatabase) else 12 * 3600  # type: ignore[operator]
        services = self.lake.services
        audit = begin_audit(services, DATASET, run, Scope(int(services.now().timestamp())))
        audit.scan(attempt=0)
        end_audit(services, audit, attempt=0)
        conclude(services, DATASET, run, environment="test", counts={})
        rows = [json.loads(self.lake.records.read(info.key).body) for info in self.lake.records.list("completeness/")]
        return {row["object"]: row for row in rows if row.get("object")}

    def amiss(self) -> list[tuple[str, str]]:
        """The objects that the last audit found, and why."""
        kept = json.loads(self.lake.records.read(f"audit/runs/run-{self.turn}/audit-0.json").body)
        return [(finding["key"], finding["reason"]) for finding in kept["findings"] if "key" in finding]


def receive(lake: Lake, key: str, **receipt: Any) -> None:
    """An object and its receipt, in place of an earlier one."""
    landing = landing_of(key)
    assert landing is not None
    told = {"object": key, "reason": "quarantine: 99% of the lines are bad", "lines_in": 7, "code_version": "test"}
    whole = {**told, "contract_hash": lake.contract.hash, "processed_at": iso(TWO), **receipt}
    lake.records.write(landing.receipt_key, json.dumps(whole).encode())


def lake_with_object(kind: str, number: int) -> tuple[Lake, str]:
    if kind == "feed":
        feed = AuditedFeed()
        key = f"feeds/{DATASET}/{iso(TWO)[:13].replace('-', '/').replace('T', '/')}/object-{number}.gz"
        feed.ingest.write(key, b"")
        return feed, key
    database = AuditedDatabase()
    if kind == "table":
        return database, database.arrive(1, receipt=False)
    database.arrive(1)
    key = RepairObject(DATASET, TABLE.name, f"20261120T000000-{number}").key
    database.ingest.write(key, b"")
    return database, key


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
@pytest.mark.parametrize("seed", range(4))
def test_a_halt_stands_in_every_audit_until_it_is_gone_and_is_told_once(kind: str, seed: int) -> None:
    lake, key = lake_with_object(kind, seed)
    audits, taken_at = Audits(lake), random.Random(f"{kind} {seed}").randint(0, AUDITS)
    receive(lake, key, outcome="halted" if taken_at else "committed")
    for turn in range(AUDITS):
        if turn == taken_at:
            receive(lake, key, outcome="committed")
        rows = audits.next()
        assert set(rows) == ({key} if taken_at else set())
        for row in rows.values():
            assert (row["status"], row["missing"]) == (("halted", 7) if turn < taken_at else ("released", 0))
            assert row["subject"] == (DATASET if kind == "feed" else TABLE.name)
            assert row["reason"].startswith("quarantine")
        told = sum(
            "ingest objects stand halted" in subject and ": over: " not in subject for subject, _ in audits.mail.sent
        )
        assert told == bool(taken_at)


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
@pytest.mark.parametrize("age", [2, 90])
def test_an_object_that_halts_when_it_is_read_again_is_found_by_the_next_audit_however_old(kind: str, age: int) -> None:
    """Whoever put other bytes in its place, or a release that reads them otherwise, ends that it is verified."""
    lake, key = lake_with_object(kind, 1)
    audits = Audits(lake)
    receive(lake, key, outcome="committed")
    for _ in range(3):
        assert audits.next() == {}
    lake.now += timedelta(days=age) if isinstance(lake, AuditedDatabase) else age * 86_400  # type: ignore[operator]
    assert audits.next() == {}
    landing = landing_of(key)
    assert landing is not None
    now = lake.now if isinstance(lake, AuditedDatabase) else at_epoch(lake.now)
    lake.records.write(landing.halt_note_key(now), json.dumps({"object": key}).encode())
    receive(lake, key, outcome="halted")
    for _ in range(4):  # the note is soon behind where audits stand
        assert {name: row["status"] for name, row in audits.next().items()} == {key: "halted"}
    receive(lake, key, outcome="committed")
    for _ in range(2):
        assert {name: row["status"] for name, row in audits.next().items()} == {key: "released"}
    assert (
        sum("ingest objects stand halted" in subject and ": over: " not in subject for subject, _ in audits.mail.sent)
        == 1
    )


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
def test_an_object_that_was_changed_unheard_is_processed_again(kind: str) -> None:
    lake, key = lake_with_object(kind, 1)
    receive(lake, key, outcome="committed")
    scan = Audits(lake)
    assert scan.next() == {}
    landing = landing_of(key)
    assert landing is not None
    receipt = lake.records.stat(landing.receipt_key)
    assert receipt is not None
    lake.ingest._clock = lambda: receipt.modified + timedelta(hours=1)
    lake.ingest.write(key, b"other bytes")
    scan.next()
    assert scan.amiss() == [(key, CHANGED)]


def test_a_receipt_that_nobody_can_read_ends_no_audit_and_has_its_object_processed_again() -> None:
    for kind in ("feed", "table", "repair"):
        lake, key = lake_with_object(kind, 1)
        landing = landing_of(key)
        assert landing is not None
        lake.records.write(landing.receipt_key, b"\x00 no receipt")
        scan = Audits(lake)
        scan.next()
        kept = json.loads(lake.records.read(f"audit/runs/run-{scan.turn}/audit-0.json").body)
        assert [(each["key"], each["reason"]) for each in kept["findings"] if "key" in each] == [
            (key, "its receipt cannot be read")
        ]


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
def test_a_halt_that_is_over_is_released_although_the_state_was_lost_or_made_anew(kind: str) -> None:
    """A release that could not read the state began another one: the row said for ever that the object is halted."""
    lake, key = lake_with_object(kind, 1)
    audits = Audits(lake)
    landing = landing_of(key)
    assert landing is not None
    lake.records.write(landing.halt_note_key(at_epoch(TWO)), json.dumps({"object": key}).encode())
    receive(lake, key, outcome="halted")
    assert audits.next()[key]["status"] == "halted"
    receive(lake, key, outcome="committed")
    lake.records.delete([state_key(DATASET)])
    assert audits.next()[key]["status"] == "released"


# ---------------------------------------------------------------- what the looks cost


def counted_reads(lake: Lake) -> list[str]:
    """The keys of receipts and notes that are read from now on."""
    keys: list[str] = []
    read = lake.records.read

    def counting(key: str) -> Any:
        if key.startswith(("receipts/", HALT_NOTES)):
            keys.append(key)
        return read(key)

    lake.records.read = counting  # type: ignore[method-assign]
    return keys


def halted_database(halts: int, taken: int) -> AuditedDatabase:
    """Objects of which the first so many stand halted, with a note each, as processing leaves them."""
    lake = AuditedDatabase()
    lake.records._clock = lambda: lake.now
    for number in range(1, halts + taken + 1):
        key = lake.arrive(number, receipt=False)
        if number <= halts:
            note(lake, key)
        receive(lake, key, outcome="halted" if number <= halts else "committed")
    return lake


def note(lake: Lake, key: str) -> None:
    landing = landing_of(key)
    assert landing is not None
    now = lake.now if isinstance(lake, AuditedDatabase) else at_epoch(lake.now)
    lake.records.write(landing.halt_note_key(now), b"no JSON, for nobody has to read it")


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
def test_a_receipt_behind_a_halt_is_read_once(kind: str) -> None:
    """Each audit read all since the halt, one after the other: after two months that alone took all of its time."""
    lake, halted = lake_with_object(kind, 1)
    lake.records._clock = lambda: lake.now if isinstance(lake, AuditedDatabase) else at_epoch(lake.now)
    note(lake, halted)
    receive(lake, halted, outcome="halted")

    def bring(count: int) -> None:
        for _ in range(count):
            keys.append(f"{halted.rpartition('/')[0]}/20261121T0000{len(keys):02}-a.jsonl.gz")
            if kind == "feed":
                keys[-1] = f"feeds/{DATASET}/{lake.services.now():%Y/%m/%d/%H}/object-{len(keys):03}.gz"
            if kind == "table":
                assert isinstance(lake, AuditedDatabase)
                keys[-1] = lake.arrive(len(keys) + 1, receipt=False)
            lake.ingest.write(keys[-1], b"{}", metadata=lake.ingest.stat(keys[-1]).metadata if kind == "table" else {})  # type: ignore[union-attr]
            receive(lake, keys[-1], outcome="committed")

    keys: list[str] = []
    audits = Audits(lake)
    bring(20)
    read = counted_reads(lake)
    audits.next()
    assert len(read) == (22 if kind == "repair" else 21)  # the repair lies beside a sequence of one
    for new in (0, 3, 0, 20, 0):
        lake.now += timedelta(hours=6) if isinstance(lake, AuditedDatabase) else 6 * 3600  # type: ignore[operator]
        bring(new)
        read.clear()
        rows = audits.next()
        assert {name: row["status"] for name, row in rows.items()} == {halted: "halted"}
        landing = landing_of(halted)
        assert landing is not None
        assert (
            sorted(key for key in read if key != landing.receipt_key)
            in [
                sorted(landing_of(key).receipt_key for key in keys[len(keys) - new :]),  # type: ignore[union-attr]
                sorted(  # the newest of a verified sequence: nobody can tell whether it was read again
                    [
                        *(landing_of(key).receipt_key for key in keys[len(keys) - new :]),  # type: ignore[union-attr]
                        landing_of(TableObject(DATASET, TABLE.name, 1).key).receipt_key,  # type: ignore[union-attr]
                    ]
                ),
            ]
        )
        assert read.count(landing.receipt_key) == 1


def test_many_halted_objects_cost_a_look_each_and_no_note_is_read() -> None:
    lake = halted_database(30, 5)
    audits, read = Audits(lake), counted_reads(lake)
    assert len(audits.next()) == 30
    assert len(read) == 35
    read.clear()
    for _ in range(3):
        assert len(audits.next()) == 30
    assert len(read) == 3 * 30
    for number in range(1, 31):
        receive(lake, TableObject(DATASET, TABLE.name, number).key, outcome="committed")
    read.clear()
    rows = audits.next()
    assert {row["status"] for row in rows.values()} == {"released"}
    assert len(read) == 2 * 30, "and once more by whoever says that they are over"
    read.clear()
    audits.next()
    assert len(read) == 31, "the sweep's: those that were written again since, of a thousand an audit, and the newest"


def test_receipts_that_no_audit_has_read_are_read_by_as_many_audits_as_that_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a release before had them read again and again until its time was over, the first audit gets on, too."""
    monkeypatch.setattr(scan, "MOST_READ", 10)
    lake = AuditedDatabase()
    lake.records._clock = lambda: lake.now
    for number in range(1, 36):
        receive(lake, lake.arrive(number, receipt=False), outcome="halted" if number in (7, 33) else "committed")
    audits, read = Audits(lake), counted_reads(lake)
    seen = []
    for _ in range(5):
        read.clear()
        seen.append((len(audits.next()), len(read)))
    assert seen == [(1, 10), (1, 11), (1, 11), (2, 6), (2, 2)]


# ---------------------------------------------------------------- who may say that one is over


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
@pytest.mark.parametrize("receipt", [b"\x00 no receipt", None])
def test_a_halt_whose_receipt_tells_nothing_is_not_released(kind: str, receipt: bytes | None) -> None:
    lake, key = lake_with_object(kind, 1)
    audits = Audits(lake)
    receive(lake, key, outcome="halted")
    assert audits.next()[key]["status"] == "halted"
    landing = landing_of(key)
    assert landing is not None
    if receipt is None:
        lake.records.delete([landing.receipt_key])
    else:
        lake.records.write(landing.receipt_key, receipt)
    for _ in range(6):
        assert audits.next()[key]["status"] == "halted"
        assert [name for name, _ in audits.amiss()] == [key]
    receive(lake, key, outcome="committed")
    assert audits.next()[key]["status"] == "released"


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
def test_a_halt_whose_object_is_gone_is_released(kind: str) -> None:
    lake, key = lake_with_object(kind, 1)
    audits = Audits(lake)
    receive(lake, key, outcome="halted")
    assert audits.next()[key]["status"] == "halted"
    if kind == "feed":
        lake.ingest.write(f"{key}.other", b"")  # the feed has begun, whatever became of its first object
        receive(lake, f"{key}.other", outcome="committed")
    lake.ingest.delete([key])
    assert audits.next()[key]["status"] == "released"


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
def test_a_run_that_looked_before_an_object_halted_releases_nothing(kind: str) -> None:
    """Two audits at once: one saw the object taken, and ends after the one that saw it halt again."""
    lake, key = lake_with_object(kind, 1)
    audits = Audits(lake)
    receive(lake, key, outcome="halted")
    assert audits.next()[key]["status"] == "halted"
    receive(lake, key, outcome="committed")
    services = lake.services
    early = begin_audit(services, DATASET, "early", Scope(int(services.now().timestamp())))
    early.scan(attempt=0)
    note(lake, key)
    receive(lake, key, outcome="halted")
    assert audits.next()[key]["status"] == "halted"
    end_audit(services, early, attempt=0)
    for _ in range(3):
        assert audits.next()[key]["status"] == "halted"
    receive(lake, key, outcome="committed")
    assert audits.next()[key]["status"] == "released"


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
def test_notes_and_rows_that_nobody_can_read_end_no_audit(kind: str) -> None:
    lake, key = lake_with_object(kind, 1)
    audits = Audits(lake)
    note(lake, key)
    lake.records.write(f"{HALT_NOTES}{DATASET}/{lake.services.now():%Y-%m-%dT%H}/what/is/it", b"\x00")
    lake.records.write(f"{HALT_NOTES}{DATASET}/{lake.services.now():%Y-%m-%dT%H}/{DATASET}/it.json", b"[7]")
    receive(lake, key, outcome="halted")
    assert audits.next()[key]["status"] == "halted"
    assert audits.next()[key]["status"] == "halted"
    [row] = [info.key for info in lake.records.list("completeness/") if "halted-" in info.key]
    receive(lake, key, outcome="committed")
    lake.records.write(row, b"no row")
    audits.turn += 1
    lake.now += timedelta(hours=12) if isinstance(lake, AuditedDatabase) else 12 * 3600  # type: ignore[operator]
    audit = begin_audit(lake.services, DATASET, "last", Scope(int(lake.services.now().timestamp())))
    audit.scan(attempt=0)
    end_audit(lake.services, audit, attempt=0)


@pytest.mark.parametrize("kind", ["feed", "table", "repair"])
def test_the_row_of_an_object_that_stands_halted_is_written_once_and_again_when_it_says_something_else(
    kind: str,
) -> None:
    lake, key = lake_with_object(kind, 1)
    audits = Audits(lake)
    receive(lake, key, outcome="halted")
    first = audits.next()[key]
    assert [audits.next()[key] for _ in range(2)] == [first, first]
    receive(lake, key, outcome="committed")
    assert audits.next()[key]["status"] == "released"
