"""Proofs of partitions: row count and digest as certificates state them, remembered by the partition's object.

The object never changes, so nor does its proof. ``audit/proofs/<partition>.json``, one small object for each partition.
Lost, or of another object, contract or form of the canonical rows, the proof is computed again. Whether the object's
bytes are still those of its commit is checked in every audit all the same, and ``starmend verify`` trusts no memory.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

from auditor.warehouse.partitions import Held, proof_of, read_partition
from core.contract.model import Contract, Table
from core.json import canonical_json
from core.ports import ObjectStore, PartitionStore
from core.warehouse.canonical_rows import FORMAT
from core.warehouse.pointer import partition_of

ROOT = "audit/proofs/"


def proof_key(partition: str) -> str:
    """The key of a partition's remembered proof."""
    return f"{ROOT}{partition}.json"


class Proofs:
    """The remembered proofs of a dataset's partitions."""

    def __init__(self, store: PartitionStore, records: ObjectStore, contract: Contract) -> None:
        self._store = store
        self._records = records
        self._by = f"{FORMAT.decode().strip()}, contract {contract.hash}"

    def read(self, table: Table, path: str, columns: Collection[str]) -> tuple[Held, list[object]]:
        """A partition with some of its columns, and its proof, which is empty where there are no rows.

        All columns are decoded only where the proof is not known. Raises ``TransientFailure`` where a store does not
        answer.
        """
        name = partition_of(table.folder, path)
        stored = self._records.read(proof_key(name))
        known = json.loads(stored.body) if stored else {}
        if known.get("by") == self._by:
            held = read_partition(self._store, table, path, columns)
            if held.target == known["object"] and not held.problem:
                return held, [held.rows.num_rows, known["digest"]] if held.rows.num_rows else []
        own = [column.name for column in table.columns]
        held = read_partition(self._store, table, path, {*own, *columns})
        proof = proof_of(held.rows.select(own)) if held.rows.num_rows else []
        if proof:
            body = canonical_json({"by": self._by, "object": held.target, "digest": proof[1]})
            self._records.write(proof_key(name), body, content_type="application/json")
        rows = held.rows.select([name for name in held.rows.column_names if name in columns])
        return replace(held, rows=rows), proof
