"""docs/changing-a-contract.md: each example, made to the project's own contract, has the class of its section."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import rendered

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs/changing-a-contract.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## (\w+): .*?\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```diff\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = [(grade.lower(), text) for grade, section in SECTION.findall(PAGE) for text in EXAMPLE.findall(section)]
INSTEAD = "valid_until"  # the road that the last section names is no refused one
CODES = {"additive": 1, "restate": 1, "rebuild": 1, "refused": 2}


def test_every_class_has_an_example() -> None:
    assert {grade for grade, _ in EXAMPLES} == set(CODES)


@pytest.mark.parametrize(("grade", "example"), EXAMPLES)
def test_an_example_has_the_class_of_its_section(grade: str, example: str, starmend: Command, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(REPOSITORY / "contracts", tmp_path / "changed"))
    lines = example.splitlines(keepends=True)
    was = "".join(line[1:] for line in lines if line[0] in " -")
    becomes = "".join(line[1:] for line in lines if line[0] in " +")
    texts = {folder / name: (folder / name).read_text(encoding="utf-8") for name in ("quotes.yaml", "sales.yaml")}
    (file, text), *_ = [(file, text) for file, text in texts.items() if text.count(was) == 1]
    file.write_text(text.replace(was, becomes), encoding="utf-8")
    before = tmp_path / "before.json"
    before.write_text(rendered(), encoding="utf-8")
    said = starmend("contract", "diff", "--contracts", str(folder), "--against", str(before), "--json")
    expected = "additive" if INSTEAD in example else grade
    assert (said.data["class"], said.code) == (expected, CODES[expected])
