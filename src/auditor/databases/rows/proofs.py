"""Proofs and sums of partitions, remembered by the partition's object.

A proof is what certificates state of a partition: row count and digest. The sums (``sums.Summary``) are what the
comparison asks of rows that did not change. The object never changes, so nor do they.
``audit/proofs/<partition>.json``, one small object for each partition. Lost, damaged, or of another object, digest,
contract, release or parents, they are computed again. Whether the object's bytes are still those of its commit is
checked in every audit all the same, one partition in ``RECHECKED`` is decoded and computed whatever is remembered, and
``starmend verify`` trusts no memory.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.databases.rows.live_rows import summarise
from auditor.databases.rows.sums import Summary
from auditor.databases.rows.targets import Target
from auditor.warehouse.parents import References
from auditor.warehouse.partitions import Held, Undecoded, locate_partition, read_again
from core.audit.certificate import proof_key
from core.audit.fingerprint import HASH
from core.contract.model import Contract
from core.json import UNREADABLE, canonical_json
from core.ports import ObjectStore, PartitionStore
from core.warehouse.canonical_rows import FORMAT, proof_of
from core.warehouse.pointer import partition_of

RECHECKED = 16  # one partition of so many is computed again in each run, by chance, to find a memory that was forged


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a partition: the proof of an ``object``, and where its rows are in order, their summary.

    ``of`` is the digest of the object's bytes (memories of earlier releases have none, and no summary). ``by`` and
    ``summed_by`` say what else makes both true.
    """

    by: str = ""
    object: str = ""
    of: str = ""
    proof: str = ""
    summed_by: str = ""
    summary: Summary | None = None

    @classmethod
    def from_json(cls, body: bytes) -> Memory:
        """What the bytes say; nothing where they are damaged."""
        try:
            data = json.loads(body)
            proof = cls(data["by"], data["object"], data.get("of", ""), data["digest"])
            if "sums" not in data or not proof.of:
                return proof
            return replace(proof, summed_by=data["sums"]["by"], summary=Summary.from_data(data["sums"]["rows"]))
        except UNREADABLE:
            return cls()

    def agrees_with(self, other: Memory | None) -> bool:
        """Whether both say the same of one object, by as many buckets as both can tell."""
        if other is None or self.summary is None or other.summary is None:
            return False
        return self.proof == other.proof and self.summary.same_as(other.summary)

    def to_json(self) -> bytes:
        """The memory's object."""
        data: dict[str, Any] = {"by": self.by, "object": self.object, "digest": self.proof}
        data |= {"of": self.of} if self.of else {}
        data |= {"sums": {"by": self.summed_by, "rows": self.summary.to_data()}} if self.summary is not None else {}
        return canonical_json(data)


@dataclass(frozen=True, slots=True)
class Proven:
    """A partition, what its certificate would say (empty where it has no rows), and the summary of its rows.

    ``remembered``: nothing was decoded, and ``held`` has no rows. ``summary`` is None where the partition is broken,
    ``memory`` where nothing new is to be remembered.
    """

    held: Held
    proof: list[object]
    summary: Summary | None
    remembered: bool = False
    memory: Memory | None = None


@dataclass
class Proofs:
    """The remembered proofs and sums of a dataset's partitions, for one scan.

    ``release`` is the code's and ``run`` chooses what is computed again by chance. ``false`` are the partitions whose
    remembered sums were not those of their rows: from the first on, no sums are believed any more.
    """

    store: PartitionStore
    records: ObjectStore
    contract: Contract
    release: str = ""
    run: str = ""
    false: list[str] = field(default_factory=list)
    _empty_of: dict[str, Held] = field(default_factory=dict, init=False, repr=False)

    @property
    def _by(self) -> str:
        return f"{FORMAT.decode().strip()}, contract {self.contract.hash}"

    @property
    def _summed_by(self) -> str:
        return f"{HASH}, contract {self.contract.hash}, release {self.release}"

    def read(self, target: Target, path: str, *, buckets: int, references: References) -> Proven:
        """A partition, decoded only as far as nothing is remembered of its object.

        Raises ``TransientFailure`` where a store does not answer.
        """
        name = partition_of(target.table.folder, path)
        stored = self.records.read(proof_key(name))
        known = Memory.from_json(stored.body) if stored else Memory()
        undecoded = locate_partition(self.store, target.table, path)
        if undecoded.is_empty:
            held = self._empty(undecoded, target)
            if known.object and self.store.read_object(known.object) is not None:
                # The first object of a partition proves nothing: it may be there before its pointer. An audit does.
                problem = f"its pointer is gone, for an audit found it at {known.object}"
                return Proven(replace(held, problem=problem), [], None)
            return Proven(held, [], Summary.of_nothing(buckets, references.digest))
        summary = self._summary(known, undecoded, buckets, references)
        is_rechecked = summary is not None and self._by_chance(name)
        if summary is not None and not is_rechecked and not self.false:
            held = undecoded.without_rows(target.compared)
            return Proven(held, [summary.rows, known.proof], summary, remembered=True)
        proven = self._decoded(known if not is_rechecked else Memory(), undecoded, target, buckets, references)
        after = proven.memory
        if after is not None and (body := after.to_json()) != (stored.body if stored else b""):
            self.records.write(proof_key(name), body, content_type="application/json")
        if is_rechecked and not known.agrees_with(after):
            self.false.append(name)
        return proven

    def again(self, proven: Proven, target: Target) -> Held:
        """The rows of a partition of which nothing was decoded. Raises ``TransientFailure`` where it is gone since."""
        return read_again(self.store, proven.held, target.compared)

    def _summary(self, known: Memory, undecoded: Undecoded, buckets: int, references: References) -> Summary | None:
        """The remembered summary, where it is of these rows, of these parents, and by enough buckets."""
        summary = known.summary
        if summary is None or known.object != undecoded.target or undecoded.opened is None:
            return None
        is_ours = known.by == self._by and known.summed_by == self._summed_by and summary.parents == references.digest
        if not is_ours or summary.sums.buckets < buckets or summary.rows != undecoded.opened.footer.rows:
            return None
        return summary if known.of == undecoded.sound_digest else None

    def _decoded(
        self, known: Memory, undecoded: Undecoded, target: Target, buckets: int, references: References
    ) -> Proven:
        """The partition from its rows. All columns are decoded only where the proof is not known."""
        own, columns = [column.name for column in target.table.columns], target.compared
        is_proven = known.proof != "" and (known.by, known.object) == (self._by, undecoded.target)
        is_proven = is_proven and known.of in ("", undecoded.sound_digest)
        held = undecoded.held(columns if is_proven else {*own, *columns})
        if held.problem:
            return Proven(held.with_columns(columns), [], None)
        summary = summarise(target, held.rows, buckets, references)
        if not held.rows.num_rows:
            return Proven(held.with_columns(columns), [], summary)
        proof = known.proof if is_proven else str(proof_of(held.rows.select(own))[1])
        held = held.with_columns(columns)
        memory = Memory(self._by, undecoded.target, undecoded.sound_digest, proof)
        if summary.in_order and memory.of:  # what is not is looked at by row, in every audit
            memory = replace(memory, summed_by=self._summed_by, summary=summary)
        return Proven(held, [held.rows.num_rows, proof], summary, memory=memory)

    def _empty(self, undecoded: Undecoded, target: Target) -> Held:
        """An empty partition: most are, of the years that a contract promises, so that their columns are made once."""
        known = self._empty_of.get(target.table.name)
        if known is None:
            known = self._empty_of[target.table.name] = undecoded.without_rows(target.compared)
        return replace(known, path=undecoded.path)

    def _by_chance(self, name: str) -> bool:
        return int(hashlib.sha256(f"{self.run}\n{name}".encode()).hexdigest()[:8], 16) % RECHECKED == 0
