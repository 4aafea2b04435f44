"""A mirrored shop whose audits certify each slice as it is: with as many facts and dimensions as its contract has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.contracts import GOOD
from tests.support.mirrored import Shop

from auditor.databases.rows.targets import Slice, slices_of, targets_of
from auditor.evidence.chain import Chain
from auditor.state import DatasetState, state_key
from auditor.warehouse.partitions import read_partition
from core.audit.certificate import Certificate, window_digest
from core.errors import TransientFailure
from core.evolution.certified import columns_of
from core.mirroring.audited import read_audited
from core.time import iso
from core.warehouse.canonical_rows import proof_of
from core.warehouse.current_state import CURRENT
from mirror.certified.star import CertifiedStar
from mirror.certified.step import certify_dataset


class AuditedShop(Shop):
    """A shop whose audits certify each slice as it is."""

    def __init__(self, folder: Path, contract: Mapping[str, Any] = GOOD, *, seed: str = "a") -> None:
        super().__init__(folder, contract, seed=seed)
        self._persons = 0

    def hire(self, *numbers: int, name: str = "Ann", table: str = "person", derives: bool = True) -> None:
        """Persons, or others, of this name now; unless it ``derives``, their dimension stays as it was before."""
        self._persons += 1
        at = self.now.replace(tzinfo=None) - timedelta(days=1)
        lines = [{f"{table}_id": number, "name": name, "changed_at": at.isoformat()} for number in numbers]
        with nullcontext() if derives else self._deriving_fails():
            failures = self.lake.process(self.lake.put_table("shop", table, self._persons, lines))
        assert (failures == {}) == derives, failures

    @contextmanager
    def _deriving_fails(self) -> Iterator[None]:
        """Within, the store takes no object of what is not a current state."""
        partitions = self.lake.partitions
        write = partitions.write_object

        def write_states(partition: str, name: str, body: bytes) -> str:
            if not partition.startswith(f"{CURRENT}/"):
                raise TransientFailure("write object", partition, "the store does not take it", "")
            return write(partition, name, body)

        partitions.write_object = write_states  # type: ignore[method-assign]
        yield
        partitions.write_object = write  # type: ignore[method-assign]

    def audit(self, *, but: str = "", amiss: Mapping[str, int] | None = None, other: str = "") -> Collection[str]:
        """Certify all slices, but for those of which a partition has this in its name; the partitions certified.

        Of the ``other`` one rows are certified that no object has, as where a pointer leads back to an older object.
        """
        contract = self.lake.services.contracts.dataset("shop")
        facts = {table.name for table in contract.tables if table.kind == "fact"}
        drafts = []
        for target in targets_of(contract):
            partitions: dict[Slice, dict[str, list[object]]] = {}
            for path in self.lake.paths(target.table.name) if target.table.name in facts else [""]:
                held = read_partition(self.lake.partitions, target.table, path)
                (part,) = slices_of(target, path)
                partitions.setdefault(part, {})[held.name] = proof_of(held.rows)
            if other.startswith(f"{target.table.folder}/"):
                (part,) = slices_of(target, other.partition("/")[2])
                partitions.setdefault(part, {})[other] = [1, "0" * 64]
            drafts += [
                self._draft(part, proofs)
                for part, proofs in partitions.items()
                if not but or not any(but in name for name in proofs)
            ]
        Chain(self.objects, "shop").issue(drafts)
        state = DatasetState(frontier=int(self.now.timestamp()), amiss=amiss or {})
        self.objects.write(state_key("shop"), state.to_json())
        return {name for draft in drafts for name in draft.partitions}

    def _draft(self, part: Slice, partitions: dict[str, list[object]]) -> Certificate:
        contract = self.lake.services.contracts.dataset("shop")
        rows = sum(int(str(proof[0])) for proof in partitions.values())
        counts = {"expected": rows, "present": rows, "observed": rows} | dict.fromkeys(
            ("repaired", "late", "absent", "missing"), 0
        )
        return Certificate(
            dataset="shop",
            subject=part.table,
            number=0,
            previous="",
            start=iso(part.start),
            end=iso(part.end),
            contract=contract.hash,
            calendar="",
            partitions=partitions,
            digest=window_digest(partitions),
            verified_at=iso(int(self.now.timestamp())),
            run="r",
            columns=columns_of([target.table for target in targets_of(contract)], partitions),
            **counts,
        )

    def certify(self, *, again: bool = False) -> CertifiedStar:
        self.now += timedelta(minutes=1)
        star = certify_dataset(self.lake.services.contracts, "shop", self.services, again=again)
        assert isinstance(star, CertifiedStar), star
        return star

    def owed(self) -> int:
        """Up to when rows are owed to the last audit."""
        return read_audited(self.objects, self.lake.services.contracts.dataset("shop")).until
