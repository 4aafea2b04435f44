"""Promises by which a dataset is audited: those of the deployed contract, and of earlier ones for their time."""

from __future__ import annotations

from dataclasses import replace

from auditor.services import Services
from core.evolution.deployments import record_deployment
from core.evolution.promised import read_promises


def record_contract(services: Services, dataset: str) -> None:
    """Append the contract that this auditor runs by to the lake's history, where whoever deployed it did not.

    So the history is whole however a deployment was applied, and where it died before its last step. A dataset that the
    contracts do not name is left to the audit to refuse.
    """
    if any(contract.dataset == dataset for contract in services.contracts):
        record_deployment(services.records, services.contracts, dataset, now=int(services.now().timestamp()))


def with_promises(services: Services, dataset: str) -> Services:
    """The services, with contracts that say what the dataset promised at each time. Reads only.

    Raises ``InvalidData`` where the history is altered.
    """
    now = int(services.now().timestamp())
    return replace(services, contracts=read_promises(services.contracts, dataset, services.records, now=now))
