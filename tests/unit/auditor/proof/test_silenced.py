"""Certificates that are added silence none that speak of what readers see."""

from __future__ import annotations

from dataclasses import replace

from tests.support.audited import DATASET, ORDER_FACT, AuditedDatabase
from tests.support.chains import draft

from auditor.evidence.chain import Chain
from auditor.prove import verify
from auditor.warehouse.partitions import read_partition
from core.audit.certificate import Certificate, window_digest
from core.time import epoch
from core.warehouse.canonical_rows import proof_of

AT = epoch("2026-11-20T10:00:00Z")


def certified(lake: AuditedDatabase, hour: int, partitions: dict[str, list[object]]) -> Certificate:
    whole = replace(draft(hour), dataset=DATASET, subject=ORDER_FACT.name, start="2026-11-20T10:00:00Z", columns={})
    named = replace(whole, end=f"2026-11-20T{hour}:00:00Z", partitions=partitions, digest=window_digest(partitions))
    [issued] = Chain(lake.records, DATASET).issue([named])
    return issued


def problems(lake: AuditedDatabase) -> list[str]:
    verified = verify(lake.services.contracts, DATASET, records=lake.records, partitions=lake.partitions)
    return [failure.problem for failure in verified.failures]


def test_those_of_a_table_that_there_never_was_leave_a_database_s_rows_compared() -> None:
    lake = AuditedDatabase()
    lake.put({1: AT, 2: AT})
    rows = read_partition(lake.partitions, ORDER_FACT, "").rows
    certified(lake, 11, {ORDER_FACT.folder: proof_of(rows)})
    assert problems(lake) == []
    lake.put({1: AT + 1})
    forged = replace(draft(12), dataset=DATASET, subject=ORDER_FACT.name, start="2026-11-20T09:00:00Z", columns={})
    ghost = {"ghost": [1, "0" * 64]}
    Chain(lake.records, DATASET).issue([replace(forged, partitions=ghost, digest=window_digest(ghost))])
    assert problems(lake) == ["3 rows, 2 were certified"]
