"""A partition's proof is computed once for each object, and is what a fresh look would say."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.objects import MemoryObjects
from tests.fakes.partitions import MemoryPartitions
from tests.support.tables import ORDERS, rows_of

from auditor.databases.rows import proofs
from auditor.databases.rows.proofs import Proofs
from auditor.warehouse.partitions import proof_of, read_partition
from core.contract.model import Contract
from processing.partitions.commit import CommitContext, SourceRef, commit_rows

CONTRACT = Contract("test", None, (ORDERS,), hash="one")
COLUMNS = frozenset({"order_id", "updated"})


class Place:
    """One partition, and how often its proof was computed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.partitions, self.records, self.computed = MemoryPartitions(), MemoryObjects(), 0
        monkeypatch.setattr(proofs, "proof_of", self._compute)

    def _compute(self, rows: Any) -> list[object]:
        self.computed += 1
        return proof_of(rows)

    def commit(self, number: int) -> str:
        context = CommitContext("c", random=random.Random(number), sleep=lambda _: None)
        rows = rows_of(ORDERS, [{"order_id": number, "amount": None, "note": f"note {number}"}])
        rows = rows.set_column(1, "updated", rows.column("updated").fill_null(0))
        source = SourceRef(f"o{number}", "e")
        outcome = commit_rows(self.partitions, ORDERS, "", rows, sources=[source], context=context)
        return outcome.key

    def read(self, contract: Contract = CONTRACT) -> list[object]:
        held, proof = Proofs(self.partitions, self.records, contract).read(ORDERS, "", COLUMNS)
        assert held.problem or set(held.rows.column_names) == COLUMNS
        return proof

    def fresh(self) -> list[object]:
        return proof_of(read_partition(self.partitions, ORDERS, "").rows)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(monkeypatch)


def test_an_object_s_proof_is_computed_once_and_another_object_s_anew(place: Place) -> None:
    place.commit(1)
    assert place.read() == place.read() == place.fresh()
    assert place.computed == 1
    place.commit(2)
    assert place.read() == place.read() == place.fresh()
    assert place.computed == 2


def test_another_contract_may_see_other_rows_in_the_same_object(place: Place) -> None:
    place.commit(1)
    place.read()
    place.read(replace(CONTRACT, hash="another"))
    assert place.computed == 2


def test_a_known_proof_does_not_hide_that_the_object_was_altered(place: Place) -> None:
    key = place.commit(1)
    place.read()
    body = bytearray(place.partitions.objects[key])
    body[10] ^= 1
    place.partitions.objects[key] = bytes(body)
    held, proof = Proofs(place.partitions, place.records, CONTRACT).read(ORDERS, "", COLUMNS)
    assert held.problem
    assert proof == []


def test_a_partition_without_rows_or_pointer_has_none(place: Place) -> None:
    assert place.read() == []
    assert place.computed == 0
