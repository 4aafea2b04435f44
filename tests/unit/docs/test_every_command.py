"""Every command line of README and docs: it runs in a test, and in any case it is one that would be taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import typed_lines
from tests.support.typed_lines import BLOCKS, DATA, FENCE, ROOT, problems, typed_in

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_line_is_one_that_would_be_taken(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where somebody stands who reads it
    wrong = {str(typed): found for typed in typed_in(page) if (found := problems(typed))}
    assert wrong == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_block_is_passed_over_because_of_how_it_is_marked(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = FENCE.findall(text)
    assert {language for _, language, _ in blocks} <= {*BLOCKS, *DATA}
    assert text.count("```") == 2 * len(blocks)


@pytest.mark.parametrize(
    "line", ["starmend-reader list", "starmend audits lost", "make nothing", "aws s3api get-nothing --bucket b"]
)
def test_a_line_that_would_not_be_taken_is_found_in_a_sentence_too(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed_lines, "ROOT", tmp_path)
    (page := tmp_path / "page.md").write_text(f"So `{line}` shows it.\n")
    (typed,) = typed_in(page)
    monkeypatch.undo()
    assert problems(typed) != []
