"""Certificates of a database against the partitions as they are."""

from __future__ import annotations

from dataclasses import replace

from tests.support.audited import CLOCK, DATASET, ORDER_FACT, AuditedDatabase

from auditor.audits import begin_audit, end_audit
from auditor.evidence.chain import ChainReader
from auditor.proof.database_slices import partition_problems
from auditor.windows import Scope
from core.audit.certificate import Certificate


def certified() -> tuple[AuditedDatabase, Certificate]:
    """A database of two orders, whole."""
    lake = AuditedDatabase()
    lake.source = {1: 10, 2: 20}
    lake.put(lake.source)
    lake.arrive(1)
    audit = begin_audit(lake.services, DATASET, "run", Scope(int(CLOCK.timestamp())))
    audit.scan(attempt=0)
    assert end_audit(lake.services, audit, attempt=0).certificates == 1
    certificate = ChainReader(lake.records, DATASET).certificate(1)
    assert certificate is not None
    return lake, certificate


def problems(lake: AuditedDatabase, certificate: Certificate) -> list[tuple[str, str]]:
    return [(name, problem) for _, name, problem in partition_problems(lake.contract, [certificate], lake.partitions)]


def test_a_certificate_of_what_lies_there_holds() -> None:
    lake, certificate = certified()
    assert problems(lake, certificate) == []


def test_rows_that_came_went_or_changed_are_told() -> None:
    lake, certificate = certified()
    lake.put({3: 30})
    assert problems(lake, certificate) == [(ORDER_FACT.name, "3 rows, 2 were certified")]
    other = replace(certificate, partitions={ORDER_FACT.name: [3, "another"]})
    assert (ORDER_FACT.name, "its rows are not the certified ones") in problems(lake, other)
    assert ("", "its digest is not that of its partitions") in problems(lake, other)


def test_counts_that_do_not_add_up_and_tables_that_nobody_promises_are_told() -> None:
    lake, certificate = certified()
    assert ("", "its own counts do not add up") in problems(lake, replace(certificate, expected=3))
    other = replace(certificate, partitions={"fact_other": [1, "digest"]})
    assert ("fact_other", "no contract promises it any more") in problems(lake, other)
