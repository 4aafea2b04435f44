"""The walks of docs/architecture.md: every file that they name is there, in the number that they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_SECTION = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## Four walks")[1].split("\n## ")[0]
WALKS = dict(re.findall(r"^\*\*(.+?)\.\*\* (.+?)(?:\n\n|\Z)", _SECTION, re.MULTILINE | re.DOTALL))


def files_of(walk: str) -> list[Path]:
    """The files in their order; what is named shortly lies in a folder of one before, or above it."""
    files: list[Path] = []
    for name in re.findall(r"`([^`]+)`", walk):
        if (ROOT / name).is_file():
            files.append(ROOT / name)
            continue
        before = [folder for file in reversed(files) for folder in file.parents]
        places = [folder / f"{name}.py" for folder in (ROOT / "src", *before)]
        files.append(next((place for place in places if place.is_file()), Path(name)))
    return files


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_leads_through_files_that_are_there_and_counts_them(title: str) -> None:
    files = files_of(WALKS[title])
    assert [str(file) for file in files if not file.is_absolute()] == []
    counts = re.search(r"(\d+)(?: and (\d+))? files\.", WALKS[title])
    assert counts is not None
    said = [int(count) for count in counts.groups() if count]
    assert sum(said) == len(set(files))


def test_there_are_four_walks() -> None:
    assert len(WALKS) == 4
