"""docs/emulator.md and docs/first-day-on-aws.md against what they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[3]
PAGES = {
    name: (REPOSITORY / "docs" / name).read_text(encoding="utf-8") for name in ("emulator.md", "first-day-on-aws.md")
}
PATCHES = REPOSITORY / "src/local/emulator/patches"


def code(page: str) -> str:
    """Inline code and blocks of a page."""
    return "\n".join(block or words for block, words in re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", page, re.DOTALL))


@pytest.mark.parametrize("name", PAGES)
def test_every_path_that_a_page_names_exists(name: str) -> None:
    paths = set(re.findall(r"\b(?:tests|src|terraform|docs)/[\w./-]+\w", code(PAGES[name])))
    assert [path for path in sorted(paths) if not (REPOSITORY / path).exists()] == []
    assert len(paths) >= 2


@pytest.mark.parametrize("name", PAGES)
def test_every_target_that_a_page_names_is_the_makefile_s(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGES[name], re.MULTILINE)) <= targets


def test_every_patch_of_the_emulator_is_on_the_page() -> None:
    patches = {path.stem for path in PATCHES.iterdir() if not path.stem.startswith("_")}
    assert patches - set(re.findall(r"`([a-z_]+)`", PAGES["emulator.md"])) == set()


def test_the_first_day_names_what_the_contracts_have() -> None:
    """Secrets and tables of the project's own contracts."""
    contracts = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (REPOSITORY / "contracts").glob("*.yaml")]
    secrets = {contract["source"]["secret"] for contract in contracts}
    tables = {table for contract in contracts for table in contract["warehouse"]}
    assert set(re.findall(r"secret set ([\w-]+)", PAGES["first-day-on-aws.md"])) == secrets
    queried = set(re.findall(r"\bfrom (\w+)", code(PAGES["first-day-on-aws.md"])))
    assert {name.removesuffix("_now") for name in queried} <= tables
