"""Notes of broken live answers: one that cannot be read speaks against every entity of its slot."""

from __future__ import annotations

import pytest
from tests.fakes.objects import MemoryObjects

from core.audit.broken_answers import EVERYBODY, BrokenAnswers, keep_broken, read_broken
from core.time import epoch

SLOT = epoch("2026-11-20T15:01:00Z")


@pytest.mark.parametrize("body", [b"", b"[1]", b'{"entities": ["AAPL"]}', b"[" * 100_000], ids=range(4))
def test_a_note_that_cannot_be_read_takes_no_other_with_it_and_is_of_everybody(body: bytes) -> None:
    store = MemoryObjects()
    note = BrokenAnswers("quotes", SLOT, ("AAPL", "ZM"), "HTML")
    keep_broken(store, [note])
    folder = note.key.rpartition("/")[0]
    store.write(f"{folder}/150200-0123456789abcdef.json", body)
    store.write(f"{folder}/what is none", body)
    slots = {"AAPL": {SLOT}, "ZM": {SLOT}, EVERYBODY: {SLOT + 60}}
    assert read_broken(store, "quotes", ["2026-11-20"]) == slots
