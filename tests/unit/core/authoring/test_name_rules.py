"""Names that two things would have in one place are refused, each with what has it already."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.support.contracts import GOOD, changed, problems_of

FACT = "warehouse/fact_sale"


def messages_of(folder: Path, contract: dict[str, Any]) -> list[str]:
    return [str(problem).removeprefix("shop.yaml: ") for problem in problems_of(folder, contract)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("processing_log", "is a table of the pipeline's own records"),
        ("completeness", "is a table of the pipeline's own records"),
        ("quarantine", "is a table of the pipeline's own records"),
        ("raw_sale", "names that begin with 'raw_' are the pipeline's"),
        ("current_person", "names that begin with 'current_' are the pipeline's"),
        ("fact_sale_now", "'fact_sale_now' is the view of fact_sale"),
    ],
)
def test_a_table_does_not_take_the_name_of_the_pipelines_own(tmp_path: Path, name: str, message: str) -> None:
    contract = copy.deepcopy(GOOD)
    contract["warehouse"][name] = contract["warehouse"]["dim_person"]
    (problem,) = messages_of(tmp_path, contract)
    assert problem.startswith(f"warehouse.{name}: ")
    assert message in problem


@pytest.mark.parametrize(
    ("column", "level"), [("month", "month(created_at)"), ("sale_id_bucket", "bucket(sale_id, 4)")]
)
def test_a_column_does_not_take_the_name_of_a_partition_level(tmp_path: Path, column: str, level: str) -> None:
    contract = changed(f"{FACT}/columns/{column}", {"type": "string", "from": "note"})
    contract["warehouse"]["fact_sale"]["partition_by"] = [level]
    (problem,) = messages_of(tmp_path, contract)
    assert f"columns.{column}: the level '{column}' has the name of a column" in problem


def test_two_levels_do_not_have_one_name(tmp_path: Path) -> None:
    contract = changed(f"{FACT}/partition_by", ["month(created_at)", "month(created_at)"])
    assert "two levels are called 'month'" in messages_of(tmp_path, contract)[0]


def test_a_sources_own_is_latest_keeps_its_name_where_no_history_is_kept_and_gets_another_where_one_is(
    tmp_path: Path,
) -> None:
    contract = changed("source/tables/sale/columns/is_latest", "boolean")
    own = changed(f"{FACT}/columns/is_latest", "boolean", contract=contract)
    (problem,) = messages_of(tmp_path, own)
    assert "the pipeline adds a column 'is_latest'" in problem
    assert "from: is_latest" in problem
    other = changed(f"{FACT}/columns/was_latest", {"type": "boolean", "from": "is_latest"}, contract=contract)
    assert messages_of(tmp_path, other) == []


def test_the_marks_of_a_row_are_the_pipelines(tmp_path: Path) -> None:
    assert messages_of(tmp_path, changed(f"{FACT}/columns/deleted_at", "timestamp")) == []
    taken = changed(f"{FACT}/columns/deleted_at", {"type": "timestamp", "from": "changed_at"})
    assert "'deleted_at' is the pipeline's own mark of a row" in messages_of(tmp_path, taken)[0]


def test_names_that_differ_in_capitals_alone_are_one_to_the_catalog(tmp_path: Path) -> None:
    (problem,) = messages_of(tmp_path, changed("source/tables/person/columns/Name", "string"))
    assert problem.startswith("source.tables.person.columns: 'Name' and 'name' are one name to the catalog")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("columns/note/comment", "c" * 256, "256 characters, and the catalog keeps 255 of a comment"),
        ("columns/note/comment", "one line\nand another", "holds a line break, which the catalog refuses"),
        ("grain", "g" * 2049, "its description has more than 2,048 characters"),
    ],
)
def test_a_text_that_the_catalog_refuses_is_refused(tmp_path: Path, path: str, value: str, message: str) -> None:
    contract = changed(f"{FACT}/columns/note", {"type": "string"})
    holder: Any = contract["warehouse"]["fact_sale"]
    *parents, last = path.split("/")
    for parent in parents:
        holder = holder[parent]
    holder[last] = value
    (problem,) = messages_of(tmp_path, contract)
    assert message in problem


@pytest.mark.parametrize(("length", "refused"), [(246, False), (247, True)])
def test_the_unit_is_part_of_a_comment(tmp_path: Path, length: int, refused: bool) -> None:
    """``; in unit`` is nine characters."""
    contract = changed(f"{FACT}/columns/note", {"type": "string", "unit": "unit", "comment": "c" * length})
    assert bool(messages_of(tmp_path, contract)) == refused


def test_a_comment_of_a_source_column_fits_the_catalog_too(tmp_path: Path) -> None:
    contract = copy.deepcopy(GOOD)
    table = next(iter(contract["source"]["tables"].values()))
    name = next(name for name, kind in table["columns"].items() if str(kind).startswith("string"))
    table["columns"][name] = {"type": "string", "comment": "c" * 256}
    (problem,) = messages_of(tmp_path, contract)
    assert "256 characters" in problem
