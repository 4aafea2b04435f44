"""Rows are looked for in the generation of their table that readers see."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.lake import MemoryLake, shipped_contracts
from tests.unit.core.evolution.test_generations import with_table
from tests.unit.processing.restating.test_generations import payment

from auditor.services import Services
from auditor.stories.tell import tell


@pytest.mark.parametrize("generation", ["", "5c1d09e2"])
def test_a_row_of_a_later_generation_is_told_of_though_nothing_says_its_partition(
    generation: str, services: Services
) -> None:
    contracts = with_table(shipped_contracts(), "fact_payment", lambda table: replace(table, generation=generation))
    lake = MemoryLake(contracts)
    assert lake.process(lake.put_table("sales", "payment", 1, [payment(1)])) == {}
    auditor = replace(
        services, contracts=contracts, ingest=lake.ingest, records=lake.records, partitions=lake.partitions
    )
    story = tell(auditor, contracts.table("fact_payment"), {"payment_id": "1"})
    assert story.verdict == "extracted", story.sentence
    assert [event.what for event in story.events] == ["changed", "arrived", "processed", "stored"]
