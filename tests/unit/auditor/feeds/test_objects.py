"""Ingest objects of a feed against receipts, hour by hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.objects import MemoryObjects
from tests.support.audited import DATASET, feed_contract

from auditor.feeds.objects import FORMAT, KnownHalts, compare_hours, first_hour, hours_to_scan
from core.audit.findings import HaltedObject, LostObject, UnprocessedObject
from core.landing.zone import landing_of

CONTRACT = feed_contract()
NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
HOUR = "2026/11/20/14"


def key(name: str, hour: str = HOUR) -> str:
    return f"feeds/{DATASET}/{hour}/{name}.gz"


def receipt_key(of: str) -> str:
    landing = landing_of(of)
    assert landing is not None
    return landing.receipt_key


def compare(
    ingest: MemoryObjects, records: MemoryObjects, *, now: datetime = NOW, code: str = "new"
) -> tuple[list[UnprocessedObject], list[LostObject]]:
    arguments = {"ingest": ingest, "records": records, "code_version": code, "now": now, "grace": 900, "workers": 2}
    return compare_hours(CONTRACT, [HOUR], **arguments)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(age=st.integers(0, 24 * 90), stood=st.integers(0, 24 * 90))
def test_new_and_recent_hours_are_in_every_run(age: int, stood: int) -> None:
    since = (NOW - timedelta(hours=age)).strftime(FORMAT)
    stands = (NOW - timedelta(hours=min(stood, age))).strftime(FORMAT)
    hours = hours_to_scan(since=since, stood=stands, now=NOW)
    newest = [(NOW - timedelta(hours=number)).strftime(FORMAT) for number in range(min(age, 48) + 1)]
    assert set(newest) <= set(hours)
    assert hours == sorted(set(hours))
    assert min(hours) >= since


@pytest.mark.parametrize("age", [0, 1, 49, 300])
def test_all_hours_come_round_within_the_sweep(age: int) -> None:
    since = (NOW - timedelta(hours=age)).strftime(FORMAT)
    scanned: set[str] = set()
    stood = (NOW - timedelta(hours=1)).strftime(FORMAT)
    for number in range(24 * 9):
        scanned |= set(hours_to_scan(since=since, stood=stood, now=NOW + timedelta(hours=number)))
    assert scanned >= {(NOW - timedelta(hours=number)).strftime(FORMAT) for number in range(age + 1)}


@pytest.mark.parametrize(("days", "every"), [(13, 1), (60, 1), (400, 1), (400, 24)])
def test_the_sweep_leaves_no_hour_out_while_the_lake_grows(days: int, every: int) -> None:
    """By audits that come every so many hours, the last of them an hour before: each hour within two rounds."""
    since = (NOW - timedelta(days=days)).strftime(FORMAT)
    missing = {(NOW - timedelta(hours=number)).strftime(FORMAT) for number in range(49, 24 * days + 1)}
    for number in range(2 * days + 12):
        now = NOW + timedelta(hours=every * number)
        missing -= set(hours_to_scan(since=since, stood=(now - timedelta(hours=every)).strftime(FORMAT), now=now))
    assert not missing


def test_before_the_first_object_there_is_no_hour() -> None:
    ingest = MemoryObjects()
    assert first_hour(ingest, DATASET) == ""
    assert hours_to_scan(since="", stood="", now=NOW) == []
    ingest.write(key("b", "2026/11/20/15"), b"")
    ingest.write(key("a"), b"")
    assert first_hour(ingest, DATASET) == HOUR
    ingest.write(f"feeds/{DATASET}/2000/01/01/00/smoke-0123.gz", b"")
    assert first_hour(ingest, DATASET) == HOUR, "the smoke test's object was taken for the first arrival: year 2000"


def test_an_object_without_a_receipt_is_found_after_the_grace_and_a_receipt_without_an_object_at_once() -> None:
    ingest, records = MemoryObjects(), MemoryObjects()
    for name in ("processed", "waiting"):
        ingest.write(key(name), b"")
    for name in ("processed", "gone"):
        records.write(receipt_key(key(name)), b'{"outcome":"committed"}')
    stat = ingest.stat(key("waiting"))
    assert stat is not None
    unprocessed, lost = compare(ingest, records, now=stat.modified + timedelta(seconds=899))
    assert (unprocessed, lost) == ([], [LostObject(DATASET, key("gone"))])
    unprocessed, _ = compare(ingest, records, now=stat.modified + timedelta(seconds=900))
    assert [finding.key for finding in unprocessed] == [key("waiting")]


def test_a_halted_object_is_found_every_time_and_processed_once_another_contract_or_code_may_read_it() -> None:
    ingest, records = MemoryObjects(), MemoryObjects()
    ingest.write(key("halted"), b"")
    receipt = {"outcome": "halted", "object": key("halted"), "reason": "rejected", "contract_hash": CONTRACT.hash}
    records.write(receipt_key(key("halted")), json.dumps({**receipt, "code_version": "new"}).encode())
    assert compare(ingest, records) == ([HaltedObject(DATASET, key("halted"), "rejected", "")], [])
    [finding], _ = compare(ingest, records, code="newer")
    assert (finding.key, finding.reason) == (key("halted"), "it was halted: rejected")


@settings(max_examples=25, deadline=None)
@given(
    turns=st.lists(
        st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 240)),
        min_size=1,
        max_size=25,
        unique_by=lambda t: t[2],
    )
)
def test_no_halt_is_missed_for_not_reading_twice(turns: list[tuple[int, bool, int]]) -> None:
    """Objects are processed to a halt or to rows, at any minute, as often as one likes; an audit follows each time."""
    moment = NOW
    ingest, records = MemoryObjects(clock=lambda: moment), MemoryObjects(clock=lambda: moment)
    known = KnownHalts()
    for place, halts, minutes in sorted(turns, key=lambda turn: turn[2]):
        moment = NOW + timedelta(minutes=minutes)
        name = key(str(place))
        ingest.write(name, b"")
        receipt = {"outcome": "halted" if halts else "committed", "object": name, "reason": "r", "at": minutes}
        records.write(receipt_key(name), json.dumps(receipt).encode())
        every = {"ingest": ingest, "records": records, "code_version": "new", "now": moment, "grace": 900}
        found = compare_hours(CONTRACT, [HOUR], known=known, **every)  # type: ignore[arg-type]
        assert found == compare_hours(CONTRACT, [HOUR], **every)  # type: ignore[arg-type]
        known = KnownHalts.of({finding.key for finding in found[0]}, moment.strftime(FORMAT))


@settings(max_examples=25, deadline=None)
@given(
    age=st.integers(0, 24 * 12), gaps=st.lists(st.integers(1, 80), min_size=1, max_size=6), halts=st.integers(0, 7200)
)
def test_an_old_object_that_halts_when_it_is_processed_again_is_found_by_some_audit(
    age: int, gaps: list[int], halts: int
) -> None:
    """However far audits lie apart, and however long after it came."""
    moment = NOW - timedelta(hours=age)
    ingest, records = MemoryObjects(clock=lambda: moment), MemoryObjects(clock=lambda: moment)
    first = moment.strftime(FORMAT)
    name, stood, found = key("a", first), "", False
    ingest.write(name, b"")
    again = NOW + timedelta(minutes=halts)
    audits = [NOW + timedelta(hours=sum(gaps[: number + 1])) for number in range(len(gaps))]
    audits = [at for at in audits if at < again] + [again + timedelta(hours=1 + number) for number in range(24)]
    is_halted = False
    for at in audits:
        if at > again and not is_halted:
            moment, is_halted = again, True
            records.write(receipt_key(name), json.dumps({"outcome": "halted", "object": name, "reason": "r"}).encode())
        elif not is_halted:
            records.write(receipt_key(name), b'{"outcome": "committed"}')
        moment = at
        compared = compare_hours(
            CONTRACT,
            hours_to_scan(since=first, stood=stood, now=at),
            ingest=ingest,
            records=records,
            code_version="new",
            now=at,
            grace=900,
            known=KnownHalts.of((), stood),
        )
        found, stood = found or bool(compared[0]), at.strftime(FORMAT)
    assert found


def test_hours_that_follow_one_another_are_one_listing_and_a_receipt_that_was_read_is_not_read_again() -> None:
    ingest, records = MemoryObjects(clock=lambda: NOW), MemoryObjects(clock=lambda: NOW)
    hours = [f"2026/11/{day:02d}/{hour:02d}" for day in (19, 20) for hour in range(24)]
    for hour in hours:
        ingest.write(key("a", hour), b"")
        records.write(receipt_key(key("a", hour)), b'{"outcome": "committed"}')
    ingest.write(key("b", "2026/11/21/00"), b"")  # the hour after the last
    asked: list[str] = []
    records.fail = lambda effect, at: asked.append(f"{effect} {at}")  # type: ignore[func-returns-value]
    given = {"ingest": ingest, "records": records, "code_version": "new", "now": NOW, "grace": 0}
    assert compare_hours(CONTRACT, hours, **given) == ([], [])  # type: ignore[arg-type]
    assert len(asked) == len(hours)
    asked.clear()
    later = KnownHalts.of((), (NOW + timedelta(hours=2)).strftime(FORMAT))
    assert compare_hours(CONTRACT, hours, known=later, **given) == ([], [])  # type: ignore[arg-type]
    assert asked == []
