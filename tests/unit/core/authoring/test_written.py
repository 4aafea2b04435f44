"""A file as it was written: what YAML changed is refused with the file's characters, and messages name the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.contracts import GOOD, changed, problems_of, problems_of_text
from tests.support.feeds import ROOT

from core.authoring.written import Document, _FastLoader, _StrictLoader, path_of

WEATHER = (ROOT / "tests/support/weather.yaml").read_text()
TEXT = yaml.safe_dump(GOOD, sort_keys=False)


def test_a_scalar_is_found_as_it_was_written() -> None:
    document = Document("a: {b: [0700, ON, 12:30]}\n")
    assert document.data == {"a": {"b": [448, True, 750]}}
    assert [document.written(("a", "b", place)) for place in range(3)] == ["0700", "ON", "12:30"]
    assert document.written(("a", "b")) is None


def test_a_path_leaves_out_the_branches_of_unions() -> None:
    assert path_of(("warehouse", "fact_x", "fact", "columns", "y", "from", "str")) == "warehouse.fact_x.columns.y.from"
    assert path_of(()) == "."


def read(loader_type: Any, text: str) -> tuple[Any, list[tuple[str, Any]]]:
    loader = loader_type(text)
    try:
        data = loader.construct_document(loader.get_single_node())
        return data, [(node.value, key) for node, key in loader.keys]
    finally:
        loader.dispose()


def test_the_fast_reader_reads_what_the_slow_one_reads() -> None:
    """Whole files, and each of their lines that is a mapping by itself, with scalars that YAML changes."""
    whole = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "contracts").rglob("*.yaml"))]
    texts = [*whole, "a: {b: [0700, ON, 12:30, 2026-11-20, .inf, ~, 'x', \"y\\u00e9\"], 1: [z, z]}"]
    texts += [line.strip() for text in whole for line in text.splitlines() if ": {" in line.partition("#")[0]]
    assert len(texts) > 20
    for text in dict.fromkeys(texts):
        try:
            slow = read(_StrictLoader, text)
        except yaml.YAMLError:
            with pytest.raises(yaml.YAMLError):
                read(_FastLoader, text)
        else:
            assert read(_FastLoader, text) == slow


@pytest.mark.parametrize(
    ("written", "reading"),
    [
        ("ON", "true"), ("NO", "false"), ("TRUE", "true"), ("0700", "the number 448"), ("12:30", "the number 750"),
        ("2026-01-01", "the date 2026-01-01"), ("1.5", "the number 1.5"), ("1_000", "the number 1000"),
    ],
)  # fmt: skip
def test_an_entity_that_yaml_changed_is_refused_with_the_way_to_quote_it(
    tmp_path: Path, written: str, reading: str
) -> None:
    (problem,) = problems_of_text(tmp_path, WEATHER.replace("[EGCC, EGLL, KBOS]", f"[EGCC, {written}]"))
    assert problem.path == "source.entities"
    assert problem.problem == f"{written} is no text: YAML reads it as {reading}"
    assert problem.remedy == f'Put it in quotes: "{written}"'
    quoted = WEATHER.replace("[EGCC, EGLL, KBOS]", f'[EGCC, "{written}"]')
    assert not any("text" in problem.problem for problem in problems_of_text(tmp_path, quoted))


def test_an_entity_that_is_listed_twice_or_has_no_name_is_refused(tmp_path: Path) -> None:
    (problem,) = problems_of_text(tmp_path, WEATHER.replace("[EGCC, EGLL, KBOS]", "[EGCC, EGCC]"))
    assert (problem.problem, problem.remedy) == ("'EGCC' is listed twice", "Keep one of the two")
    (problem,) = problems_of_text(tmp_path, WEATHER.replace("[EGCC, EGLL, KBOS]", "[EGCC, ~]"))
    assert problem.problem == "is empty"


def test_a_key_that_yaml_changed_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    (problem,) = problems_of_text(tmp_path, WEATHER.replace("[EGCC, EGLL, KBOS]", "{EGCC: , NO: }"))
    assert str(problem) == (
        'shop.yaml: source.entities: the key NO is no text: YAML reads it as false. Put it in quotes: "NO"'
    )
    (problem,) = problems_of_text(tmp_path, TEXT.replace("        note: string?\n", "        on: string?\n"))
    assert problem.path == "source.tables.sale.columns"
    assert "the key on is no text" in problem.problem


@pytest.mark.parametrize(
    ("old", "new", "problem", "remedy"),
    [
        ("from: person\n", "from: yes\n", "yes is no text: YAML reads it as true", '"yes"'),
        ("key: person_id", "key: [person_id, off]", "off is no text", '"off"'),
        ("grain: one row per version of a sale", "grain: 12:30", "12:30 is no text", '"12:30"'),
        ("grain: one row per version of a sale", "grain:", "is empty", "Give it a value"),
        ("check: '> 0'", "check: > 0", "is no YAML", 'Quote a check: check: "> 0"'),
        ("note: string?", "note: {type: decimal(10,2)}", "'decimal(10' is cut at a comma", 'write "decimal(10,2)"'),
        (
            "partition_by: month(created_at)",
            "partition_by: [bucket(sale_id, 64), month(created_at)]",
            "'bucket(sale_id' is cut at a comma",
            '"bucket(sale_id, 64)"',
        ),
        ("partition_by: month(created_at)", "partition_by: price", "are not listed", '"bucket(price, 64)", in quotes'),
        ("since: '2024-01-01'", "since: 2024-13-01", "month must be in 1..12", ""),
        ("since: '2024-01-01'", "since: 20240101", "20240101 is no date", "2026-11-20"),
        ("dataset: shop", "dataset: Shop", "'Shop' is no name", "Write 'shop': small letters"),
        ("  dim_person:", "  sales.Dim Person:", "'sales.Dim Person' is no name", "'dim_person'"),
        ("    sale:\n", "    public.sale:\n", "'public.sale' is no name", "a schema is not named"),
        ("warehouse:", "warehouse: 5\nunused:", "5 is no mapping", "Write a mapping"),
        ("    kind: dimension\n", "", "'kind' is missing", "kind: fact, dimension"),
        ("every: 5 minutes", "every: 0 minutes", "no whole number of minutes", "Schedules"),
        ("every: 5 minutes", "every: 30 seconds", "no whole number of minutes", "Schedules"),
        ("every: 5 minutes", "every: 99999999999999 days", "longer than ten years", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_remedy(tmp_path: Path, old: str, new: str, problem: str, remedy: str) -> None:
    assert old in TEXT
    problems = problems_of_text(tmp_path, TEXT.replace(old, new, 1))
    fitting = [candidate for candidate in problems if problem in candidate.problem]
    assert fitting, problems
    assert remedy in fitting[0].remedy


def test_a_type_with_a_question_mark_needs_no_quotes_inside_braces(tmp_path: Path) -> None:
    assert Document("{price: double?, note: string?}").data == {"price": "double?", "note": "string?"}
    assert not problems_of_text(tmp_path, TEXT.replace("note: string?", "note: {type: string?}", 1))


def test_an_unknown_key_is_answered_with_the_keys_of_its_place_and_no_others(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, changed("warehouse/dim_person/zzz", "x"))
    assert [problem.remedy for problem in problems] == ["Use one of: columns, description, from, join, key, kind"]
    problems = problems_of(tmp_path, changed("warehouse/fact_sale/columns/price", {"type": "int", "refernces": "x"}))
    assert [problem.remedy for problem in problems] == ["Did you mean 'references'?"]
    problems = problems_of(tmp_path, changed("source/tables/sale/columns/price", {"type": "int", "zzz": 1}))
    assert [problem.remedy for problem in problems] == ["Use one of: comment, nullable, since, type, was"]


def test_an_origin_that_is_half_told_is_one_problem(tmp_path: Path) -> None:
    changed_contract = changed("warehouse/fact_sale/columns/price", {"type": "int", "from": {"live": "price"}})
    assert [problem.problem for problem in problems_of(tmp_path, changed_contract)] == ["'history' is missing"]


def test_a_file_that_cannot_be_read_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "latin.yaml").write_bytes("dataset: café\n".encode("latin-1"))
    problems = problems_of(tmp_path, GOOD)
    assert {problem.file for problem in problems} == {"folder.yaml", "latin.yaml"}
    (problem,) = problems_of_text(tmp_path / "folder.yaml", "{[a]: b}\n")
    assert "unhashable" in problem.problem


def test_a_byte_order_mark_is_no_part_of_a_contract(tmp_path: Path) -> None:
    assert problems_of_text(tmp_path, f"\N{ZERO WIDTH NO-BREAK SPACE}{TEXT}") == []
