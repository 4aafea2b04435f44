"""The warehouse's rows of a slice."""

from __future__ import annotations

from tests.support.audited import ORDER_FACT, AuditedDatabase

from auditor.databases.rows.holdings import Holding, read_slices
from auditor.databases.rows.proofs import Proofs
from auditor.databases.rows.targets import ALWAYS, Slice, targets_of
from auditor.warehouse.parents import References


def read(lake: AuditedDatabase) -> Holding:
    (target,) = targets_of(lake.contract)
    proofs = Proofs(lake.partitions, lake.records, lake.contract)
    part = Slice(ORDER_FACT.name, *ALWAYS)
    [holding] = read_slices(proofs, lake.contract, target, [part], buckets=16, references=References({}, ""), workers=2)
    return holding


def test_the_newest_version_of_an_order_is_live_and_a_deleted_order_is_known_to_be_gone() -> None:
    lake = AuditedDatabase()
    lake.put({1: 100, 2: 100, 3: 100})
    lake.put({1: 200}, deleted={3: 300})
    holding = read(lake)
    assert sorted(holding.live.column("order_id").to_pylist()) == [1, 2]
    assert sorted(holding.versions.tolist()) == [100_000_000, 200_000_000]
    assert (holding.count, holding.gone) == (2, 1)
    assert [proof[0] for proof in holding.proofs.values()] == [5]
    assert holding.comparable


def test_a_partition_without_a_pointer_holds_nothing() -> None:
    holding = read(AuditedDatabase())
    assert (holding.live.num_rows, holding.missing, holding.proofs) == (0, ("",), {})
    assert holding.comparable


def test_a_broken_partition_cannot_be_compared() -> None:
    lake = AuditedDatabase()
    lake.put({1: 100})
    del lake.partitions.objects[lake.partitions.history[ORDER_FACT.name][-1]]
    holding = read(lake)
    [broken] = holding.broken
    assert (broken.table, broken.partition) == (ORDER_FACT.name, "")
    assert not holding.comparable
