"""Derived tables against their inputs."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from tests.support.audited import AuditedDatabase, database_contract
from tests.support.tables import column, rows_of

from auditor.warehouse.derived import DerivedFinding, derived_findings
from core.contract.model import Contracts, Table
from core.warehouse.current_state import current_table
from processing.derived.dimensions import derive_dimension
from processing.partitions.commit import CommitContext, SourceRef, commit_rows

DIMENSION = Table(
    "dim_order", "test", "dimension", "orders", ("order_id",), (column("order_id", "int"),), source="orders"
)
CONTEXT = CommitContext("c", random=random.Random(1), sleep=lambda _: None)


@pytest.fixture
def lake() -> AuditedDatabase:
    """A dimension that is computed from the current state of the orders."""
    lake = AuditedDatabase(database_contract(DIMENSION))
    arrive(lake, 1)
    derive(lake)
    return lake


def arrive(lake: AuditedDatabase, number: int) -> str:
    assert lake.contract.source is not None
    table = current_table(lake.contract, lake.contract.source.tables[0])
    rows = rows_of(table, [{"order_id": number}])
    return commit_rows(lake.partitions, table, "", rows, sources=[SourceRef(f"o{number}", "e")], context=CONTEXT).key


def derive(lake: AuditedDatabase) -> None:
    derive_dimension(lake.partitions, DIMENSION, Contracts((lake.contract,)), context=CONTEXT)


def findings(lake: AuditedDatabase, *, settle: int = 60) -> list[DerivedFinding]:
    return list(derived_findings(lake.services, lake.contract, now=lake.now, settle=settle))


def test_a_dimension_of_its_inputs_is_well(lake: AuditedDatabase) -> None:
    assert findings(lake) == []


def test_a_dimension_is_stale_once_its_input_has_another_object_and_had_its_time(lake: AuditedDatabase) -> None:
    lake.now = lake.partitions.modified[arrive(lake, 2)] + timedelta(seconds=59)
    assert findings(lake) == []
    lake.now += timedelta(seconds=1)
    assert [(finding.kind, finding.table) for finding in findings(lake)] == [("stale_derived", "dim_order")]
    derive(lake)
    assert findings(lake) == []


def test_a_dimension_without_its_object_is_broken(lake: AuditedDatabase) -> None:
    del lake.partitions.objects[lake.partitions.history["dim_order"][-1]]
    assert [finding.kind for finding in findings(lake)] == ["broken_object"]


def test_before_anything_arrived_no_dimension_is_missed() -> None:
    assert findings(AuditedDatabase(database_contract(DIMENSION))) == []
