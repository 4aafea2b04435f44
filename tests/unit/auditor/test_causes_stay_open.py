"""A cause is told once, stays while anything of it is left, and is over once: however rarely a sweep comes by."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.mail import MemoryMail
from tests.support.audited import DATASET, HOUR, TABLE, AuditedDatabase, AuditedFeed, points_of

from auditor.alarms.conclude import conclude
from auditor.audits import begin_audit, end_audit
from auditor.databases import arrivals
from auditor.evidence import chain, damage, outstanding
from auditor.feeds import objects, scan
from auditor.state import change_state, read_state, state_key
from auditor.windows import Scope
from core.audit.certificate import certificate_key
from core.landing.ingest_objects import RepairObject, TableObject
from core.landing.zone import landing_of
from core.time import at_epoch

AUDITS = 20
MORE = ("unprocessed", "missing", "lost repair")
Lake = AuditedFeed | AuditedDatabase


class Audits:
    """Audits of a lake, one after the other; what each told of one cause is ``sent``, ``over`` or nothing."""

    def __init__(self, lake: Lake, cause: str, *, hours: int = 1) -> None:
        self.lake, self.cause, self.hours, self.number = lake, cause, hours, 0
        lake.services = replace(lake.services, mail=MemoryMail())

    def next(self, scope: Callable[[int], Scope] = Scope) -> str:
        self.number += 1
        services, run = self.lake.services, f"run-{self.number}"
        audit = begin_audit(services, DATASET, run, scope(int(services.now().timestamp())))
        audit.scan(attempt=0)
        end_audit(services, audit, attempt=0)
        notices = conclude(services, DATASET, run, environment="dev", counts={})
        self.lake.now += timedelta(hours=self.hours) if isinstance(self.lake, AuditedDatabase) else self.hours * HOUR  # type: ignore[operator]
        return " ".join(["sent"] * (self.cause in notices.sent) + ["over"] * (self.cause in notices.recovered))

    def several(self, count: int) -> list[str]:
        return [told for told in (self.next() for _ in range(count)) if told]


def database(numbers: int = 8) -> AuditedDatabase:
    lake = AuditedDatabase()
    for number in range(1, numbers + 1):
        lake.arrive(number)
    lake.source = {1: 10}
    lake.put(lake.source)
    return lake


def receipt_of(key: str) -> str:
    landing = landing_of(key)
    assert landing is not None
    return landing.receipt_key


def key_of(number: int) -> str:
    return TableObject(DATASET, TABLE.name, number).key


def repair_of(number: int) -> str:
    return RepairObject(DATASET, TABLE.name, f"202611{number:02}T000000Z-a").key


@pytest.mark.parametrize(
    "kind",
    ["lost", "unprocessed repair", *(pytest.param(kind, marks=pytest.mark.long) for kind in MORE)],
)
def test_what_a_sweep_of_a_database_finds_is_told_once_and_over_once_when_it_is_mended(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told, over with the next audit, which swept elsewhere, and told again: for ever."""
    monkeypatch.setattr(arrivals, "SWEPT_OBJECTS", 3)
    lake = database()
    for number in range(1, 9):
        lake.ingest.write(repair_of(number), b"{}")
        lake.write_receipt(repair_of(number))
    audits = Audits(lake, f"{kind.split()[0]}_object")
    lake.now += timedelta(days=30)
    assert audits.several(4) == []
    key = repair_of(2) if "repair" in kind else key_of(2)
    if kind.split()[0] != "unprocessed":
        lake.ingest.delete([key])
    if kind.split()[0] != "lost":
        lake.records.delete([receipt_of(key)])
    assert audits.several(AUDITS) == ["sent"]
    if kind.split()[0] != "unprocessed":
        lake.ingest.write(key, b"{}")
    lake.write_receipt(key)
    assert audits.several(AUDITS) == ["over"]


def feed(monkeypatch: pytest.MonkeyPatch, hours: int) -> tuple[AuditedFeed, list[str]]:
    """A feed of so many hours with two objects in each, of which the last hour is recent and two are swept an audit."""
    monkeypatch.setattr(objects, "RECENT", timedelta(hours=1))
    monkeypatch.setattr(objects, "MOST_SWEPT", 2)
    lake = AuditedFeed()
    folders = [f"feeds/{DATASET}/{at_epoch(lake.now + hour * HOUR):%Y/%m/%d/%H}" for hour in range(hours)]
    for folder in folders:
        for name in ("a.gz", "b.gz"):
            arrive(lake, f"{folder}/{name}")
    lake.now += hours * HOUR
    return lake, [f"{folder}/a.gz" for folder in folders]


def arrive(lake: AuditedFeed, key: str) -> None:
    lake.ingest.write(key, b"")
    lake.records.write(receipt_of(key), b'{"outcome": "committed"}')


@pytest.mark.parametrize("kind", ["lost", pytest.param("unprocessed", marks=pytest.mark.long)])
def test_what_a_sweep_of_a_feed_finds_is_told_once_and_over_once_when_it_is_mended(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, keys = feed(monkeypatch, 12)
    audits = Audits(lake, f"{kind}_object")
    audits.next()
    if kind == "lost":
        lake.ingest.delete(keys[3:4])
    else:
        lake.records.delete([receipt_of(keys[3])])
        lake.ingest._clock = lambda: at_epoch(lake.now - 40 * HOUR)
        lake.ingest.write(keys[3], b"")
    assert audits.several(AUDITS) == ["sent"]
    arrive(lake, keys[3])
    assert audits.several(AUDITS) == ["over"]


@pytest.mark.parametrize("kind", ["removed", "altered"])
def test_a_damaged_certificate_is_told_once_and_over_once_when_it_is_put_back(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "NEWEST", 3)
    monkeypatch.setattr(chain, "NEWEST", 3)
    lake = AuditedFeed()
    audits = Audits(lake, "broken_chain")
    first = lake.now // HOUR * HOUR - HOUR
    lake.put(points_of(first, first + 10 * HOUR))
    assert audits.several(10) == []
    key = certificate_key(DATASET, 4)
    stored = lake.records.read(key)
    assert stored is not None
    if kind == "removed":
        lake.records.delete([key])
    else:
        lake.records.write(key, stored.body.replace(b'"present":', b'"present":1'))
    assert audits.several(AUDITS) == ["sent"]
    lake.records.write(key, stored.body)
    assert audits.several(2) == ["over"]


def test_every_certificate_of_a_long_chain_is_looked_at_as_often_as_every_other() -> None:
    """A page began at any number: the first certificates were in two of a year's, those in the middle in 462."""
    first, pages = 16_620 - damage.NEWEST, -(-(16_620 - damage.NEWEST) // damage.NEWEST)
    counts = [0] * pages
    for run in range(24 * 365):
        counts[damage.page_of(first, f"run-{run}") // damage.NEWEST] += 1
    assert min(counts) > 0.8 * 24 * 365 / pages


def test_a_run_over_a_range_ends_no_cause_and_remembers_what_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SWEPT_OBJECTS", 3)
    lake = database()
    audits = Audits(lake, "lost_object")
    audits.several(4)
    lake.ingest.delete([key_of(2)])
    told = [audits.next(lambda now: Scope(now, now - HOUR, now)) for _ in range(3)]
    assert [each for each in told if each] + audits.several(AUDITS) == ["sent"]
    lake.ingest.write(key_of(2), b"{}")
    lake.write_receipt(key_of(2))
    told = [audits.next(lambda now: Scope(now, now - HOUR, now)) for _ in range(3)]
    assert [each for each in told if each] + audits.several(AUDITS) == ["over"]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8))])
def test_whatever_breaks_and_is_mended_a_cause_is_open_while_anything_that_was_found_is_amiss(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oracle knows what is broken and which numbers any audit has found so; bounds are as small as can be."""
    draw = random.Random(seed)
    for module, name, value in (
        (arrivals, "SWEPT_OBJECTS", 3),
        (arrivals, "AGAIN_OBJECTS", draw.choice((2, 50))),
        (outstanding, "MOST_RANGES", draw.choice((2, 50))),
    ):
        monkeypatch.setattr(module, name, value)
    count = 14
    lake = database(count)
    audits = Audits(lake, "lost_object")
    audits.several(2)
    broken: set[int] = set()
    known: set[int] = set()
    is_open = False
    for turn in range(60):
        if turn < 40 and draw.random() < 0.4:
            broken.add(draw.randint(1, count - 1))
            lake.ingest.delete(map(key_of, broken))
        if broken and draw.random() < 0.3:
            mended = draw.choice(sorted(broken))
            broken.discard(mended)
            lake.ingest.write(key_of(mended), b"{}")
            lake.write_receipt(key_of(mended))
        told = audits.next()
        known = (known | _lost(lake, audits.number)) & broken
        assert told != "sent over"
        assert not (told == "sent" and is_open), "nobody is told twice"
        is_open = {"sent": True, "over": False}.get(told, is_open)
        assert is_open or not known, f"over in turn {turn}, and {known} are amiss"
    for number in sorted(broken):
        lake.ingest.write(key_of(number), b"{}")
        lake.write_receipt(key_of(number))
    rest = audits.several(2 * count)
    assert rest == (["over"] if is_open else [])


def _lost(lake: AuditedDatabase, number: int) -> Collection[int]:
    stored = lake.records.read(f"audit/runs/run-{number}/audit-0.json")
    assert stored is not None
    kinds = [each for each in json.loads(stored.body)["findings"] if each["kind"] == "lost_object"]
    return {int(each["key"][-len("000000000001.jsonl.gz") :].split(".")[0]) for each in kinds}


def test_more_hours_than_an_audit_looks_at_have_their_turn_and_keep_their_cause_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scan, "MOST_AGAIN", 2)
    lake, keys = feed(monkeypatch, 12)
    lake.ingest.delete(keys[:6])
    audits = Audits(lake, "lost_object")
    assert audits.several(12) == ["sent"]
    for key in keys[:6]:
        arrive(lake, key)
    told = [audits.next() for _ in range(12)]
    assert told[:2] == ["", ""], "two hours an audit, and six were amiss"
    assert [each for each in told if each] == ["over"]


def test_a_lost_state_does_not_lose_what_is_outstanding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SWEPT_OBJECTS", 3)
    lake = database()
    audits = Audits(lake, "lost_object")
    audits.several(4)
    lake.ingest.delete([key_of(2)])
    assert audits.several(4) == ["sent"]
    lake.records.delete([state_key(DATASET)])
    assert audits.several(6) == []


@pytest.mark.parametrize("make", [AuditedFeed, database])
def test_an_outdated_partition_of_a_table_that_left_the_contract_is_over(
    make: Callable[[], AuditedFeed | AuditedDatabase],
) -> None:
    """Nobody could mend it any more, and what was remembered of the table kept the cause open for ever."""
    lake = make()
    forms = {"fact_gone": ("promise", "month=2026-01\nmonth=2025-01")}
    change_state(
        lake.records, DATASET, lambda state: replace(state, forms=forms, causes=("outdated_partition",), frontier=None)
    )
    Audits(lake, "outdated_partition").next()
    state = read_state(lake.records, DATASET)
    assert "outdated_partition" not in {*state.causes, *(name for each in state.open.values() for name in each.causes)}
    assert "fact_gone" not in state.forms
