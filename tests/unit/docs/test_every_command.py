"""Every command line of README and docs: it runs in a test, and in any case it is one that would be taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.typed_lines import ROOT, problems, typed_in

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_line_is_one_that_would_be_taken(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where somebody stands who reads it
    wrong = {str(typed): found for typed in typed_in(page) if (found := problems(typed))}
    assert wrong == {}
