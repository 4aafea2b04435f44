"""Mirrors that are late: held against the pointers, by whoever did not write them."""

from __future__ import annotations

from datetime import timedelta

from auditor.services import Services
from core.audit.findings import LaggingMirror
from core.contract.model import Contract
from core.errors import PipelineBug
from core.mirroring.current import CurrentMirror, read_current
from core.mirroring.lag import lag_of, mirrored_files
from core.time import format_second


def find_lagging_mirrors(services: Services, contract: Contract) -> list[LaggingMirror]:
    """The dataset's tables whose mirrors are behind for longer than they may be; none where no schedule runs them.

    Where no table has a mirror yet they are about to begin: that they never do, the mirror's own alarm tells. Raises
    ``TransientFailure`` where the store does not answer.
    """
    if services.mirror is None:
        return []
    mirrors: dict[str, CurrentMirror | None] = {}
    findings = []
    tables = [table for table in services.contracts.tables() if table.dataset == contract.dataset]
    for table in tables:
        try:
            mirrors[table.name] = read_current(services.records, table.name)
        except PipelineBug as error:
            findings.append(LaggingMirror(contract.dataset, table.name, problem=str(error)))
    if not any(mirrors.values()):
        return findings
    late = services.now() - timedelta(seconds=services.mirror.most_lag(contract.needed_source.complete_within))
    for table in tables:
        if table.name not in mirrors:
            continue
        known = mirrored_files(mirrors[table.name], table)
        lag = lag_of(services.records, table, known, late=late)
        if lag is not None and lag.since <= late:
            findings.append(LaggingMirror(contract.dataset, table.name, lag.partitions, format_second(lag.since)))
    return findings
