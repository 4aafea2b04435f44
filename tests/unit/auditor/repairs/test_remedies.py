"""What may heal a database's finding is told by the finding and the contract alone."""

from __future__ import annotations

import pytest
from tests.support.feeds import contracts_in

from auditor.repairs.remedies import (
    MOST_AHEAD,
    broken_sources,
    has_source,
    lacking_objects,
    objects_ahead,
)
from core.audit.findings import (
    BrokenPartition,
    LostObject,
    MissingObject,
    WrongParameter,
)
from core.contract.model import Database

CONTRACTS = contracts_in()
SALES = next(each for each in CONTRACTS if isinstance(each.source, Database))


def parameter(stored: str, right: str, *, name: str = "sequential_id") -> WrongParameter:
    return WrongParameter("sales", f"/starmend/test/sales/staff/{name}", stored, right)


def test_an_id_beyond_the_newest_object_speaks_of_the_objects_between() -> None:
    assert objects_ahead(parameter("000000000005", "000000000003")) == [
        "tables/sales/staff/000000000004.jsonl.gz",
        "tables/sales/staff/000000000005.jsonl.gz",
    ]


@pytest.mark.parametrize(
    ("stored", "right", "name"),
    [
        ("000000000003", "000000000003", "sequential_id"),
        ("000000000002", "000000000003", "sequential_id"),
        (str(4 + MOST_AHEAD), "3", "sequential_id"),
        ("nonsense", "3", "sequential_id"),
        ("5", "3", "timestamp"),
    ],
)
def test_other_parameters_speak_of_no_object(stored: str, right: str, name: str) -> None:
    assert objects_ahead(parameter(stored, right, name=name)) == []


def test_only_databases_lack_objects_that_partitions_wait_for() -> None:
    dataset = SALES.dataset
    findings = [LostObject("quotes", "feeds/quotes/a"), MissingObject(dataset, "staff", 4, "", "")]
    assert lacking_objects(findings, CONTRACTS) == {dataset}


def test_dimensions_of_a_source_table_can_be_asked_for_and_others_not() -> None:
    assert SALES.source is not None
    names = {table.name for table in SALES.source.tables}
    asked = {table.name for table in SALES.tables if has_source(CONTRACTS, table)}
    assert asked == {table.name for table in SALES.tables if table.kind == "dimension" and table.source in names}
    assert asked


def test_the_sources_of_a_broken_partition_are_those_that_its_table_is_made_of() -> None:
    fact = next(table for table in SALES.tables if table.kind == "fact")
    broken = [BrokenPartition(SALES.dataset, fact.name, "", "gone")]
    assert (SALES.dataset, fact.source) in broken_sources(broken, CONTRACTS)
    assert broken_sources([LostObject(SALES.dataset, "a")], CONTRACTS) == set()
