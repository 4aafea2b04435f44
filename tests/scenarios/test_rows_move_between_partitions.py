"""A row whose immutable column changes is current once, where the source has it, after the auditor has healed it."""

from __future__ import annotations

import pytest
from tests.support.moving_rows import NOW, MovingRows, bucket_of, history, moving_rows

from core.audit.findings import MovedRows
from core.audit.repair_jobs import FetchRows

pytestmark = pytest.mark.database


@pytest.mark.long
def test_random_histories_of_moves_end_as_the_source_is_and_stay_so_when_they_are_made_again() -> None:
    """``make chaos`` has more of them (``moved_rows``); one move of each kind is below."""
    moving = history(9, rounds=2)
    assert moving.faults == []
    assert moving.moved >= 2


def test_rows_that_moved_are_named_with_column_and_partitions_and_their_old_versions_marked_and_certified() -> None:
    with moving_rows(1) as moving:
        simulation, fact = moving.simulation, "fact_sales_order"
        simulation.heal()
        (before,) = (row for row in moving.held(fact) if row[0] == 3)
        moving.set("sales_order", 3, f"created_at = '2026-10-15', last_updated = {NOW}")
        moving.set("sales_order", 4, "created_at = '2026-08-15'")  # the fetched row has the version that is marked
        for table, column in (("purchase_order", "staff_id"), ("payment", "counterparty_id")):
            moving.set(table, 1, f"{column} = {other_bucket(moving, table, column)}, last_updated = {NOW}")
        simulation.extract()
        assert len([row for row in moving.held(fact) if row[0] == 3]) == 2
        moving.heal("moved")
        assert moving.faults == []
        findings = {each.fact: each for each in simulation.findings("run-moved") if isinstance(each, MovedRows)}
        assert findings.keys() == {fact, "fact_sales_newest", "fact_purchase_order", "fact_payment"}
        finding = next(
            each for each in simulation.findings("run-moved") if isinstance(each, MovedRows) and (3,) in each.keys
        )
        assert (finding.table, finding.columns) == ("sales_order", ("created_at",))
        assert finding.partitions[finding.keys.index((3,))] == (before[2], "month=2026-10")
        assert findings["fact_purchase_order"].columns == ("staff_id",)
        assert findings["fact_payment"].columns == ("counterparty_id",)
        marked = zip(finding.keys, finding.versions, finding.checked, strict=True)
        assert {*marked} <= {
            row
            for job in simulation.jobs("run-moved")
            if isinstance(job, FetchRows) and job.table == "sales_order" and job.deleted
            for row in zip(job.keys, job.versions, job.checked, strict=True)
        }
        (old,) = (
            row
            for row in simulation.lake.snapshot(fact, before[2]).table.to_pylist()
            if (row["sales_order_id"], row["last_updated"]) == before[:2]
        )
        assert old["deleted_at"] is not None
        assert simulation.verified() == []
        assert simulation.mail.sent == []


def other_bucket(moving: MovingRows, table: str, column: str) -> int:
    """A value of the column in another bucket than the first row's."""
    ((now,),) = moving.simulation.run(f"select {column} from {table} where {table}_id = 1")
    return next(value for value in range(1, 20) if bucket_of(value) != bucket_of(now))
