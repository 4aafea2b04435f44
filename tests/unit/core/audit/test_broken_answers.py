"""Notes of broken live answers: one that cannot be read speaks against every entity of its slot."""

from __future__ import annotations

import pytest
from tests.fakes.objects import MemoryObjects

from core.audit.broken_answers import EVERYBODY, BrokenAnswers, keep_broken, read_broken
from core.ports import StoredObject
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
    assert read_broken(store, "quotes", [(SLOT - 60, SLOT + 120)], workers=2) == slots


def test_no_note_of_another_slot_than_those_asked_for_is_read() -> None:
    """A delisted symbol leaves 1,440 notes a day: reading the others of the day took an audit its time."""

    class Counted(MemoryObjects):
        def read(self, key: str) -> StoredObject | None:
            read.append(key)
            return super().read(key)

    read: list[str] = []
    store = Counted()
    slots = range(SLOT, SLOT + 86_400, 3600)
    keep_broken(store, [BrokenAnswers("quotes", slot, ("AAPL",), "HTML") for slot in slots])
    ranges = [(slots[4], slots[4] + 60), (slots[2] - 60, slots[3]), (slots[2], slots[3] + 60), (slots[20], slots[20])]
    assert read_broken(store, "quotes", ranges, workers=2) == {"AAPL": {slots[2], slots[3], slots[4]}}
    assert len(read) == 3
    assert read_broken(store, "quotes", [(slots[9] + 60, slots[-1] + 60)], workers=2)["AAPL"] == {*slots[10:]}
    assert read_broken(store, "quotes", [], workers=2) == {}
