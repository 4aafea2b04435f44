"""Services that processing needs, as one value: the Lambda, the command and the tests each build their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.contract.model import Contract, Contracts, Feed
from core.evolution.deployments import read_history
from core.evolution.promised import Settling, read_promises, settlings
from core.ports import Log, Metrics, ObjectReader, ObjectStore, ParameterStore, PartitionStore
from processing.partitions.commit import CommitContext


@dataclass(frozen=True)
class Services:
    """The contracts, and ports to the stores, the log, the metrics and the clock.

    ``ingest`` is the landing zone, ``records`` the bucket for receipts and quarantine. ``parameter_prefix`` is
    ``/<project>/<environment>``. ``metrics`` gives those of a dataset. ``now`` is the time of day (aware), ``timer``
    counts seconds. ``workers`` bounds concurrent requests; ``threads`` lets the parser use several cores. ``ensured``
    names the tables made from the contract alone that this process has already brought up to date, ``settled`` has what
    it read of datasets' ``settlings``. ``memory_mb`` is the function's, 0 outside of one.
    """

    contracts: Contracts
    ingest: ObjectReader
    records: ObjectStore
    partitions: PartitionStore
    parameters: ParameterStore
    parameter_prefix: str
    metrics: Callable[[str], Metrics]
    log: Log
    code_version: str
    ingest_bucket: str
    now: Callable[[], datetime]
    timer: Callable[[], float]
    commit_context: Callable[[str], CommitContext] = CommitContext
    workers: int = 8
    threads: bool = False
    ensured: set[str] = field(default_factory=set)
    settled: dict[str, tuple[Settling, ...]] = field(default_factory=dict)
    memory_mb: int = 0

    def promises(self, dataset: str) -> Contracts:
        """The contracts with what a feed promised before the deployed one (``core.evolution``)."""
        return read_promises(self.contracts, dataset, self.records, now=int(self.now().timestamp()))

    def settlings(self, dataset: str) -> tuple[Settling, ...]:
        """The time that a feed's points could take, by the contract of each time; empty where nothing tells of others.

        Read once by a process, when the history ends with the deployed contract. Raises ``InvalidData`` where the
        history is altered.
        """
        if dataset in self.settled:
            return self.settled[dataset]
        contract = self.contracts.dataset(dataset)
        if not isinstance(contract.source, Feed):
            return ()
        history = read_history(self.records, dataset)
        terms = settlings(history)
        if history and history[-1].deployment.contract == contract.hash:
            self.settled[dataset] = terms
        return terms

    def beside(self, dataset: str) -> Services | None:
        """The same services by the contract beside a dataset's own, where there is one that is written."""
        beside = self.contracts.dataset(dataset).beside
        if beside is None or not beside.is_live(int(self.now().timestamp())):
            return None
        return replace(self, contracts=beside.contracts)

    def context_of(self, contract: Contract) -> CommitContext:
        """The context of commits under a contract: a source read under another one, or by other code, counts as new."""
        return self.commit_context(f"{contract.hash[:16]}.{self.code_version}")
