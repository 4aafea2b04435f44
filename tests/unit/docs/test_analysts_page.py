"""docs/analysts.md and the notebook of examples/, run over a lake of which every row is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.support.answered_page import PAGE, ROOT, answered
from tests.support.feeds import contracts_in
from tests.support.known_lake import known_lake
from tests.support.lake_folder import lake_in

from starmend_reader.relations import relations_of

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with known_lake(tmp_path_factory.mktemp("known")) as folder:
        yield folder


def test_every_answer_is_the_one_that_the_lake_gives(folder: Path) -> None:
    assert answered(TEXT, folder) == TEXT, "run: python -m tests.support.answered_page"
    assert TEXT.count("\n### ") == 10
    assert "```text\n\n```" not in TEXT


def test_every_table_is_named_with_its_grain_and_its_partition_keys() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
    wrong = []
    for name, relation in relations_of(contracts_in()).items():
        lines = [line for line in rows if f"`{name}`" in line]
        grain = relation.description if relation.kind in ("fact", "rollup") else ""
        if relation.kind != "view" and not (
            lines and grain in lines[0] and all(f"`{key}`" in lines[0] for key in relation.keys)
        ):
            wrong.append(name)
    assert wrong == []


def test_the_notebook_runs_from_its_first_cell_to_its_last(folder: Path) -> None:
    notebook = json.loads((ROOT / "examples/prices_and_orders.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    with patch("starmend_reader.connect", lambda: lake_in(folder)):
        for number, cell in enumerate(cells):
            exec(compile(cell, f"cell {number + 1}", "exec"), names)
    trust, worth, then = names["trust"], names["worth"], names["then"]
    assert round(trust["AMD"] * 60 * 2) == 61  # type: ignore[index]
    assert list(worth["sales_order_id"]) == [1, 2, 3, 4, 6]  # type: ignore[index]
    assert (names["certificate"], then) == ("quotes/2", 449)
    assert all(not cell.get("outputs") for cell in notebook["cells"]), "outputs of somebody's own lake"
