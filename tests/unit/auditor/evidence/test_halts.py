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
from auditor.evidence.halts import CHANGED
from auditor.state import state_key
from auditor.windows import Scope
from core.landing.ingest_objects import RepairObject
from core.landing.zone import landing_of
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
