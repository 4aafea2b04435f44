"""The journal: an entry that is none keeps no other from being read."""

from __future__ import annotations

import pytest
from tests.fakes.objects import MemoryObjects

from auditor.evidence.journal import ROOT, Entry, entries_between, find_entry, last_ended, newest_entries, write_entry
from core.time import epoch

ENDED = epoch("2026-11-20T15:00:00Z")


@pytest.mark.parametrize("body", [b"", b"[1]", b'{"ranges": 5}', b"[" * 100_000], ids=range(4))
def test_an_entry_that_cannot_be_read_is_passed_over(body: bytes) -> None:
    store = MemoryObjects()
    entry = Entry("quotes", "one", "2026-11-20T15:00:00Z")
    write_entry(store, entry)
    for name in ("140000-one", "160000-one", "zz"):
        store.write(f"{ROOT}dataset=quotes/2026-11-20/{name}.json", body)
    assert list(entries_between(store, "quotes", ENDED, ENDED + 1)) == [entry]
    assert newest_entries(store, "quotes", ENDED, ENDED + 1, most=9) == [entry]
    assert find_entry(store, "quotes", "one") == entry
    assert last_ended(store, "quotes", now=ENDED) == ENDED + 3600
