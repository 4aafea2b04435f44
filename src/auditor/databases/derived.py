"""Dimensions against what they are computed from: broken ones, and those whose inputs have moved on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from auditor.services import Services
from auditor.warehouse.partitions import read_partition
from core.audit.findings import BrokenPartition, HeldPartition, StaleDerived
from core.contract.model import Contract
from core.warehouse.current_state import CURRENT, ENTITIES, inputs_of

Found = StaleDerived | BrokenPartition | HeldPartition


def derived_findings(services: Services, contract: Contract, *, now: datetime, settle: int) -> Iterator[Found]:
    """A dimension that is younger than its inputs by less than ``settle`` seconds may still be on its way."""
    for table in contract.tables:
        if table.kind == "calendar" or (table.kind == "dimension" and table.source == ENTITIES):
            held = read_partition(services.partitions, table, "", list(table.key))
            if held.problem or not held.target:
                problem = held.problem or "has no pointer"
                yield StaleDerived(contract.dataset, table.name, "", problem)
        elif table.kind == "dimension":
            yield from _of_dimension(services, contract, table.name, now=now, settle=settle)


def _of_dimension(services: Services, contract: Contract, name: str, *, now: datetime, settle: int) -> Iterator[Found]:
    table = services.contracts.table(name)
    held = read_partition(services.partitions, table, "", list(table.key))
    if held.hold:
        yield HeldPartition(contract.dataset, name, "", held.hold)
        return
    inputs = [f"{CURRENT}/{source}" for source in dict.fromkeys(inputs_of(table))]
    pointers = {one: services.partitions.read_pointer(one) for one in inputs}
    if held.problem:
        yield BrokenPartition(contract.dataset, name, "", held.problem)
        return
    if not any(pointers.values()):
        return
    told = held.footer.inputs if held.footer else {}
    for one, pointer in pointers.items():
        target = pointer.target if pointer else ""
        if told.get(one, "") == target:
            continue
        found = services.partitions.read_object(target) if target else None
        if found is None or found.modified <= now - timedelta(seconds=settle):
            yield StaleDerived(contract.dataset, name, "", f"{one} has moved on")
            return
    if held.footer and held.footer.kind != "derive":
        yield StaleDerived(contract.dataset, name, "", f"was not computed from its inputs, but by a {held.footer.kind}")
