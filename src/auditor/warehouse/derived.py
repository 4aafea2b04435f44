"""Dimensions against the tables they are computed from: broken ones, and those whose inputs have changed since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from auditor.services import Services
from auditor.warehouse.partitions import read_partition, target_of
from core.audit.findings import BrokenPartition, HeldPartition, StaleDerived
from core.contract.model import Contract
from core.warehouse.current_state import ENTITIES, current_table, inputs_of

DerivedFinding = StaleDerived | BrokenPartition | HeldPartition


def derived_findings(services: Services, contract: Contract, *, now: datetime, settle: int) -> Iterator[DerivedFinding]:
    """Find derived tables that are broken, held back or older than their inputs.

    A dimension that is younger than its inputs by less than ``settle`` seconds may still be on its way.
    """
    for table in contract.tables:
        if table.kind == "calendar" or (table.kind == "dimension" and table.source == ENTITIES):
            partition = read_partition(services.partitions, table, "", list(table.key))
            if partition.hold:
                yield HeldPartition(contract.dataset, table.name, "", partition.hold)
            elif partition.problem or not partition.target:
                problem = partition.problem or "has no pointer"
                yield StaleDerived(contract.dataset, table.name, "", problem)
        elif table.kind == "dimension":
            yield from _of_dimension(services, contract, table.name, now=now, settle=settle)


def _of_dimension(
    services: Services, contract: Contract, name: str, *, now: datetime, settle: int
) -> Iterator[DerivedFinding]:
    table = services.contracts.table(name)
    partition = read_partition(services.partitions, table, "", list(table.key))
    if partition.hold:
        yield HeldPartition(contract.dataset, name, "", partition.hold)
        return
    inputs = [current_table(contract, contract.source_table(name)).folder for name in dict.fromkeys(inputs_of(table))]
    targets = {input_table: target_of(services.partitions, input_table) for input_table in inputs}
    if partition.problem:
        yield BrokenPartition(contract.dataset, name, "", partition.problem)
        return
    footer = partition.footer
    used = footer.inputs if footer else {}
    if not any(targets.values()) and not any(used.values()):
        return
    for input_table, target in targets.items():
        if used.get(input_table, "") == target:
            continue
        newest = services.partitions.read_object(target) if target else None
        if newest is None or newest.modified <= now - timedelta(seconds=settle):
            yield StaleDerived(contract.dataset, name, "", f"{input_table} has moved on")
            return
    if footer and footer.kind != "derive":
        yield StaleDerived(contract.dataset, name, "", f"was not computed from its inputs, but by a {footer.kind}")
