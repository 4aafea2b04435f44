"""Each way of writing a contract badly is refused with file, path, problem and remedy."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.support.contracts import GOOD, TODAY, changed, folder_of

from core.authoring.load import examine, load
from core.authoring.problems import BadContracts
from core.errors import InvalidData


def test_the_good_contract_is_accepted_without_a_word(tmp_path: Path) -> None:
    contracts, problems = examine(folder_of(tmp_path, GOOD), today=TODAY)
    assert problems == []
    assert [table.name for table in contracts.tables()] == ["fact_sale", "dim_person"]


COLUMNS = "warehouse/fact_sale/columns"
REFUSED = [
    ("an unknown key", "warehouse/fact_sale/partiton_by", "x", "partiton_by", "partition_by"),
    ("an unknown key of a column", f"{COLUMNS}/price", {"type": "int", "refs": "x"}, "refs", "references"),
    ("an unknown type", f"{COLUMNS}/sale_id", "integer", "unknown type 'integer'", "bigint"),
    ("an impossible decimal", f"{COLUMNS}/price", "decimal(50,2)", "decimal(50,2)", ""),
    ("a key that is no column", "warehouse/fact_sale/key", ["sale_nr"], "'sale_nr' is no column", ""),
    ("a source key that is no column", "source/tables/sale/key", "id", "'id' is no column", ""),
    ("a version that is no column", "warehouse/fact_sale/version", ["when"], "'when' is no column", ""),
    ("a history outside the key", "warehouse/fact_sale/history_of", "person_id", "not in the key", ""),
    ("a partition that is no column", "warehouse/fact_sale/partition_by", "month(made)", "'made' is no column", ""),
    (
        "a partition that can change under the key",
        f"{COLUMNS}/created_at",
        "timestamp",
        "'created_at' can change under the key",
        "immutable",
    ),
    ("a partition by version", "warehouse/fact_sale/partition_by", "month(changed_at)", "can change under", ""),
    ("an unknown transform", "warehouse/fact_sale/partition_by", "week(created_at)", "'week' is no partition", "year"),
    ("a bucket without a number", "warehouse/fact_sale/partition_by", "bucket(sale_id)", "no number of buckets", "64"),
    ("values that nobody lists", "warehouse/fact_sale/partition_by", "sale_id", "are not listed", "bucket"),
    (
        "a reference to no table",
        f"{COLUMNS}/person_id",
        {"type": "int", "references": "dim_people.x"},
        "dim_people",
        "",
    ),
    (
        "a reference to no column",
        f"{COLUMNS}/person_id",
        {"type": "int", "references": "dim_person.id"},
        "'id' is no column of dim_person",
        "person_id",
    ),
    ("a fact from no table", "warehouse/fact_sale/from", "sales", "'sales' is no table", "'sale'"),
    ("a column from nowhere", f"{COLUMNS}/price", {"type": "int", "from": "prize"}, "'prize' is no column", "'price'"),
    ("a number that would be rounded", f"{COLUMNS}/price", "decimal(10,1)", "without loss", "decimal(10,2)"),
    ("money as a float", f"{COLUMNS}/price", "double", "cannot become double without loss", ""),
    ("a date from a number", f"{COLUMNS}/sale_id", {"type": "date", "from": "sale_id", "as": "date"}, "timestamp", ""),
    ("a check that is none", f"{COLUMNS}/price", {"type": "decimal(10,2)", "check": "positive"}, "is no check", ">"),
    (
        "two origins",
        f"{COLUMNS}/price",
        {"type": "bigint", "from": "price", "surrogate": ["sale_id"]},
        "several origins",
        "",
    ),
    ("a narrow surrogate", f"{COLUMNS}/sale_record_id/type", "int", "63 bits", "bigint"),
    ("no column that tells of change", "source/tables/person/changed_at", "", "neither created_at nor", ""),
    ("a duration that is none", "source/every", "often", "no duration", ""),
    ("a kind that is none", "warehouse/dim_person/kind", "table", "unknown kind 'table'", "dimension"),
    (
        "a relation that names no table",
        "source/tables/person/relation",
        "a.b.c",
        "'a.b.c' names no table",
        '"Order-Items"',
    ),
    ("a relation with a dash", "source/tables/person/relation", "order-items", "names no table", '"Order-Items"'),
    ("a time zone that is none", "source/timezone", "Mars/Base", "no time zone", "UTC"),
    ("a missing grain", "warehouse/fact_sale/grain", ..., "'grain' is missing", ""),
    ("a join with no table", "warehouse/dim_person/join", {"firm": "person_id"}, "'firm' is no table", ""),
    (
        "a lookup that is not there",
        "warehouse/dim_person/columns/name",
        {"type": "string", "lookup": {"table": "names", "by": "name", "column": "name"}},
        "'names' is no file",
        "",
    ),
    (
        "a rank that leaves a value out",
        f"{COLUMNS}/price",
        {"type": "decimal(10,2)", "one_of": ["1.00", "2.00"], "rank": ["1.00"]},
        "does not rank",
        "",
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "problem", "remedy"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_it_is_refused_with_file_path_problem_and_remedy(
    tmp_path: Path, path: str, value: Any, problem: str, remedy: str
) -> None:
    with pytest.raises(BadContracts) as refused:
        load(folder_of(tmp_path, changed(path, value)), today=TODAY)
    messages = [str(problem_of_contract) for problem_of_contract in refused.value.problems]
    fitting = [candidate for candidate in refused.value.problems if problem in candidate.problem]
    assert fitting, messages
    assert fitting[0].file == "shop.yaml"
    assert fitting[0].path.split(".")[0] in ("source", "warehouse")
    assert remedy in fitting[0].remedy, messages
    assert isinstance(refused.value, InvalidData)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    contract = changed(f"{COLUMNS}/price", {"type": "decimal(10,2)", "check": "positive"})
    contract["warehouse"]["fact_sale"]["key"] = ["sale_nr"]
    contract["warehouse"]["dim_person"]["join"] = {"firm": "person_id"}
    _, problems = examine(folder_of(tmp_path, contract), today=TODAY)
    assert any("is no check" in problem.problem for problem in problems)
    contract = changed("warehouse/fact_sale/key", ["sale_nr"])
    contract["warehouse"]["dim_person"]["join"] = {"firm": "person_id"}
    _, problems = examine(folder_of(tmp_path, contract), today=TODAY)
    assert {"warehouse.fact_sale.key", "warehouse.dim_person.join.firm"} <= {problem.path for problem in problems}


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("dataset: a\ndataset: b\nwarehouse: {}\n")
    _, problems = examine(tmp_path, today=TODAY)
    assert "given twice" in problems[0].problem


def test_broken_yaml_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("dataset: [a\n")
    _, problems = examine(tmp_path, today=TODAY)
    assert problems[0].file == "broken.yaml"
    assert "no YAML" in problems[0].problem


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(BadContracts, match="holds no contract"):
        load(tmp_path, today=TODAY)


def test_two_contracts_may_share_a_calendar_but_not_promise_different_tables_of_one_name(tmp_path: Path) -> None:
    calendar = {"kind": "calendar", "from": "2015-01-01", "to": "2035-12-31"}
    first, second = copy.deepcopy(GOOD), {"dataset": "other", "warehouse": {"dim_date": dict(calendar)}}
    first["warehouse"]["dim_date"] = dict(calendar)
    assert len(list(load(folder_of(tmp_path, first, second), today=TODAY).tables())) == 3
    second["warehouse"]["dim_date"]["to"] = "2030-12-31"
    with pytest.raises(BadContracts, match="another contract promises a different table"):
        load(folder_of(tmp_path, first, second), today=TODAY)


def test_two_datasets_may_not_have_a_source_table_of_one_name(tmp_path: Path) -> None:
    second = copy.deepcopy(GOOD)
    second["dataset"] = "other"
    second["warehouse"] = {"dim_human": second["warehouse"]["dim_person"]}
    _, problems = examine(folder_of(tmp_path, GOOD, second), today=TODAY)
    paths = {(problem.file, problem.path) for problem in problems}
    assert ("shop.yaml", "source.tables.person") in paths
