"""Queries from the terminal, with Athena's answer given."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pyarrow import parquet
from tests.support.commands import Command
from tests.unit.cli.answers import Answer, answer
from tests.unit.cli.conftest import Account

__all__ = ["answer"]
pytestmark = pytest.mark.usefixtures("dev")
COLUMNS = (("id", "bigint"), ("name", "varchar"), ("price", "decimal"))
ROWS = (("1", "[draft] order", "0.10"), ("1234567", None, None), ("3", "-", "2.00"))
SELECT = "select id, name, price from orders"


def test_a_table_has_text_as_it_is_ids_without_separators_and_null_apart(answer: Answer, starmend: Command) -> None:
    answer(COLUMNS, ROWS)
    said = starmend("query", SELECT)
    assert (said.code, said.out.splitlines()) == (
        0,
        [
            "     id  name           price",
            "-------  -------------  -----",
            "      1  [draft] order   0.10",
            "1234567  NULL            NULL",
            "      3  -               2.00",
            "(3 rows)",
        ],
    )


def test_json_keeps_decimals_exact_and_nulls_apart(answer: Answer, starmend: Command) -> None:
    answer(COLUMNS, ROWS)
    assert starmend("query", SELECT, "--json").data == [
        {"id": 1, "name": "[draft] order", "price": "0.10"},
        {"id": 1234567, "name": None, "price": None},
        {"id": 3, "name": "-", "price": "2.00"},
    ]


def test_a_file_is_written_in_the_form_of_its_ending(answer: Answer, starmend: Command) -> None:
    for name in ("orders.csv", "orders.parquet"):
        answer(COLUMNS, ROWS)
        said = starmend("query", SELECT, "--output", name)
        assert (said.code, said.out) == (0, "")
    assert Path("orders.csv").read_text() == '"id","name","price"\n1,"[draft] order",0.10\n1234567,,\n3,"-",2.00\n'
    assert parquet.read_table("orders.parquet").column("id").to_pylist() == [1, 1234567, 3]


def test_a_limit_says_what_it_left_out(answer: Answer, starmend: Command) -> None:
    answer(COLUMNS[:1], [(str(number),) for number in range(1200)])
    said = starmend("query", SELECT)
    assert len(said.out.splitlines()) == 1003
    assert said.out.endswith("(1,200 rows; the first 1,000 are shown, all of them: --limit 0, or --format csv)\n")
    answer(COLUMNS[:1], [(str(number),) for number in range(1200)])
    assert len(starmend("query", SELECT, "--format", "csv").out.splitlines()) == 1201
    answer(COLUMNS[:1], [(str(number),) for number in range(3)])
    assert len(starmend("query", SELECT, "--json", "--limit", "2").data) == 2


def test_the_statement_comes_from_a_file_or_from_a_pipe(
    answer: Answer, starmend: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("orders.sql").write_text(f"{SELECT};\n")
    answer(COLUMNS, ROWS)
    assert len(starmend("query", "-f", "orders.sql", "--json").data) == 3
    monkeypatch.setattr("sys.stdin", io.StringIO(SELECT))
    answer(COLUMNS, ROWS)
    assert len(starmend("query", "--json").data) == 3


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (("",), "there is none"),
        (("  ; ",), "there is none"),
        (("-f", "nowhere.sql"), "Name a readable file of SQL"),
        (("select 1", "-f", "orders.sql"), "a statement is given beside the file"),
        (("select 1", "--json", "--format", "csv"), "contradicts --json"),
        (("select 1", "--format", "xlsx"), "xlsx"),
        (("select 1", "--limit", "-1"), "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_meant_is_misuse_before_anybody_is_asked(
    given: tuple[str, ...], problem: str, starmend: Command
) -> None:
    said = starmend("query", *given)
    assert (said.code, said.out, problem in said.err) == (2, "", True), said.err
    assert "network" not in said.err


def test_the_fixture_is_a_deployment(account: Account) -> None:
    assert account.deployment.athena.workgroup == "starmend-dev"
