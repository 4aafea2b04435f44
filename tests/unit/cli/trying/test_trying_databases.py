"""``starmend contract try`` with rows of a real database and with ingest objects of the deployment."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.commands import Command
from tests.support.extraction import scratch_database
from tests.unit.cli.conftest import Account
from tests.unit.cli.test_source_check import CONTRACT, LOAN, fill

pytestmark = [pytest.mark.database, pytest.mark.usefixtures("dev")]


def written(folder: Path, **columns: Any) -> str:
    contract: dict[str, Any] = copy.deepcopy(CONTRACT)
    contract["source"]["tables"]["loan"]["columns"] |= columns
    for name, kind in columns.items():
        contract["warehouse"]["fact_loan"]["columns"].setdefault(name, {"type": kind.rstrip("?"), "from": name})
    file = folder / "library.yaml"
    file.write_text(yaml.safe_dump(contract))
    return str(file)


def test_rows_of_the_database_show_the_star_and_the_new_column(
    account: Account, starmend: Command, tmp_path: Path
) -> None:
    with scratch_database(*LOAN) as database:
        fill(account, database.secret())
        before = database.rows("SELECT count(*), max(changed_at) FROM loan")
        said = starmend("contract", "try", written(tmp_path, shelf="string?"), "--sample", "rows", "--json")
        assert said.code == 0, said.err
        (loan,) = said.data["sources"]
        assert (loan["lines"], loan["accepted"], loan["refused"]) == (12, 12, [])
        assert {row["shelf"] for row in said.data["rows"]["fact_loan"]} == {"b"}
        assert said.data["counts"] == {"fact_loan": 12}
        assert database.rows("SELECT count(*), max(changed_at) FROM loan") == before


def test_rows_that_the_contract_refuses_are_shown_with_reasons_and_a_column_that_is_not_there_by_name(
    account: Account, starmend: Command, tmp_path: Path
) -> None:
    with scratch_database(*LOAN, "UPDATE loan SET shelf = NULL WHERE loan_id > 9") as database:
        fill(account, database.secret())
        said = starmend("contract", "try", written(tmp_path, shelf="string"), "--sample", "rows", "--json")
        (loan,) = said.data["sources"]
        assert (said.code, len(loan["refused"]), loan["accepted"]) == (1, 3, 9)
        assert "shelf" in loan["refused"][0]["reason"]
        gone = starmend("contract", "try", written(tmp_path, colour="string?"), "--sample", "rows")
        assert (gone.code, "it has no colour; no field names its shelf" in gone.out) == (1, True)


def test_ingest_objects_are_tried_as_they_lie_there(account: Account, starmend: Command, tmp_path: Path) -> None:
    file = written(tmp_path, pages="int?")
    none = starmend("contract", "try", file, "--sample", "objects")
    assert (none.code, "there is no ingest object of it yet" in none.out) == (1, True)
    times = {"lent_at": "2026-11-02T10:00:00Z", "changed_at": "2026-11-02T10:00:00Z"}
    rows = [{"loan_id": number, "title": "a", **times, "pages": pages} for number, pages in enumerate((1, "x", None))]
    for number in range(5):
        account.put(f"tables/library/loan/{number:012d}.jsonl.gz", rows)
    said = starmend("contract", "try", file, "--json")
    (loan,) = said.data["sources"]
    assert (said.code, loan["lines"], loan["accepted"], len(loan["refused"])) == (1, 9, 6, 3)
    assert {refusal["line"] for refusal in loan["refused"]} == {2}
    shown = starmend("contract", "try", file)
    assert "line 2: pages" in shown.out
    assert "fact_loan: the first of 6 rows" in shown.out
