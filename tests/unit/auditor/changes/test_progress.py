"""Progress of a change: counted by what the audits remember, silent about tables that are through."""

from __future__ import annotations

from dataclasses import replace

from tests.support.audited import FACT, AuditedFeed
from tests.unit.auditor.changes.test_estimate import with_column

from auditor.changes.progress import change_progress
from auditor.state import change_state
from auditor.warehouse.outdated import promise_of
from core.contract.model import Beside
from core.evolution.deployments import record_deployment
from core.time import epoch, iso
from core.warehouse.pointer import pointer_key
from core.warehouse.row_layout import form_of

MONTHS = 6


def test_a_table_is_told_from_its_deployment_until_it_is_through() -> None:
    lake = AuditedFeed()
    for month in range(1, MONTHS + 1):
        lake.put([(name, epoch(f"2026-{month:02d}-20T14:00:00Z")) for name in ("AAPL", "ZM")])
    contract = with_column(lake.contract)
    contracts = replace(lake.services.contracts, contracts=(contract,))
    record_deployment(lake.records, contracts, "test", now=lake.now - 1_200, collecting=True)
    assert change_progress(lake.records, contract, now=lake.now) == []  # no audit has looked at the table yet

    def stands(promise: str, until: str) -> list[str]:
        change_state(lake.records, "test", lambda state: replace(state, forms={FACT.name: (promise, until)}))
        return [str(each) for each in change_progress(lake.records, contract, now=lake.now)]

    [fact] = contract.tables
    begins = "fact_quote: 0 of 12 partitions under the new contract, the next audits begin"
    assert stands(promise_of(FACT), "") == [begins]
    goes_on = "fact_quote: 4 of 12 partitions under the new contract, done in about 40 min"
    assert stands(promise_of(fact), "symbol=ZM/month=2026-04") == [goes_on]
    other = replace(contract, quarantine_minimum=contract.quarantine_minimum + 1)
    others = replace(contracts, contracts=(other,))
    record_deployment(lake.records, others, "test", now=lake.now - 60, collecting=True)
    assert stands(promise_of(fact), "symbol=ZM/month=2026-04") == [goes_on], "that did not change the table"
    assert stands(promise_of(fact), "") == stands(form_of(fact), "") == []


def test_of_a_generation_that_the_deployment_built_nothing_is_left_to_do() -> None:
    lake = AuditedFeed()
    rekeyed = replace(lake.contract, tables=(replace(FACT, version=("fetched_at",), generation="5c1d09e2"),))
    lake.records.write(pointer_key("fact_quote.5c1d09e2/symbol=AAPL/month=2026-11"), b"s3://of/what/was/built")
    change_state(lake.records, "test", lambda state: replace(state, forms={FACT.name: (promise_of(FACT), "")}))
    assert len(change_progress(lake.records, rekeyed, now=lake.now)) == 1
    switched = replace(rekeyed, beside=Beside(lake.contract, until=iso(lake.now)))
    assert change_progress(lake.records, switched, now=lake.now) == []
