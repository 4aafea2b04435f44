"""A record that makes no point lies in quarantine once, with the request that brought it."""

from __future__ import annotations

import datetime as dt

from tests.fakes.objects import MemoryObjects

from core.audit.history import BadPoint, Evidence, HistoryOutcome
from core.landing.records import QUARANTINE_COLUMNS
from core.time import epoch
from ingestion.repair.bad_records import keep_bad_record
from processing.records.quarantine import read_quarantine

AT = epoch("2026-11-20T15:10:00Z")
OUTCOME = HistoryOutcome("answered", evidence=(Evidence("GET https://x/h?from=1", 200, "", ""),))


def test_it_is_kept_once_however_often_it_comes() -> None:
    store = MemoryObjects()
    for day in (20, 21):
        now = dt.datetime(2026, 11, day, tzinfo=dt.UTC)
        keep_bad_record(store, "weather", "EGLL", BadPoint(AT, "v = 'M' is no double", '{"v": "M"}'), OUTCOME, now=now)
    (line,) = read_quarantine(store, "quarantine/dataset=weather/source_table=weather/")
    assert list(line) == sorted(name for name, _, _ in QUARANTINE_COLUMNS)
    assert line["object"] == "GET https://x/h?from=1"
    assert line["reason"] == "EGLL 2026-11-20T15:10:00Z: v = 'M' is no double"
    assert (line["content"], line["rejected_at"]) == ('{"v": "M"}', "2026-11-20T00:00:00.000000Z")
    later = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    keep_bad_record(store, "weather", "KBOS", BadPoint(AT, "", ""), OUTCOME, now=later)
    assert len(list(read_quarantine(store, "quarantine/"))) == 2
