"""Every reader of outside data: what real ones wrote, some changes of it, and what once was a fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fuzz.mutations import DEEP, in_json
from tests.fuzz.targets import TARGETS

KEPT = sorted(file for file in (Path(__file__).parent / "kept").rglob("*") if file.is_file())
CHANGES = 60
SLOW = {"contracts", "answers", "lines", "objects"}


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_takes_what_was_written_and_refuses_changes_of_it_by_the_errors_that_it_promises(name: str) -> None:
    target = TARGETS[name]
    seeds = list(target.seeds())
    assert seeds, "a reader without a real document"
    for seed in seeds:
        target(seed)
    for number in range(CHANGES // 4 if name in SLOW else CHANGES):
        changed = in_json(seeds[number % len(seeds)], number)
        if changed is not None:
            target(changed)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[" * DEEP + b"]" * DEEP, b"null", b"0", b'""'], ids=lambda _: "")
def test_what_is_no_document_at_all_is_refused_too(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("file", KEPT, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_once_was_a_fault_is_none_any_more(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())
