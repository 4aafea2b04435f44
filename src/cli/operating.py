"""Processing's services for the command, and look-ups of the tables that an operator names."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from cli.deployed import quiet_metrics
from cli.output import say
from core.authoring.problems import nearest
from core.contract.model import Database
from core.errors import UnknownTable

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from core.contract.model import Contracts, Table
    from processing.services import Services


class TerminalLog:
    """Processing's log at a terminal: warnings and errors a line each; the command prints results itself."""

    def info(self, msg: str, /, **fields: Any) -> None: ...

    def warning(self, msg: str, /, **fields: Any) -> None:
        self._line(msg, fields)

    def error(self, msg: str, /, **fields: Any) -> None:
        self._line(msg, fields)

    def _line(self, msg: str, fields: dict[str, Any]) -> None:
        shown = ", ".join(f"{name} {fields[name]}" for name in ("object", "table", "reason") if fields.get(name))
        say(f"  {msg}: {shown}" if shown else f"  {msg}")


def services_of(deployed: Deployment) -> Services:
    """The process function's services, without its metrics: an operator's work is no load of the pipeline's."""
    quiet_metrics()
    from processing.runtime import build_services  # slow to import, so only where it is needed

    services, _ = build_services(deployed.settings, deployed.clients)
    return dataclasses.replace(services, log=TerminalLog())


def table_of(contracts: Contracts, name: str) -> Table:
    """The contract of a table; raises ``UnknownTable`` with the nearest name that there is."""
    try:
        return contracts.table(name)
    except KeyError:
        remedy = nearest(name, sorted(table.name for table in contracts.tables()))
        raise UnknownTable("find table", name, "no contract makes it", remedy) from None


def check_source(contracts: Contracts, dataset: str, table: str) -> None:
    """Raises ``UnknownTable`` where a dataset or source table is named that no contract has."""
    if not dataset:
        if table:
            raise UnknownTable("find table", table, "of which dataset?", "Name it: --dataset")
        return
    try:
        contract = contracts.dataset(dataset)
    except KeyError:
        remedy = nearest(dataset, sorted(contract.dataset for contract in contracts))
        raise UnknownTable("find dataset", dataset, "no contract describes it", remedy) from None
    known = sorted(source.name for source in contract.source.tables) if contract.source else []
    if table and table not in known:
        raise UnknownTable("find table", f"{dataset}/{table}", "is no source table", nearest(table, known))


def check_compared(contracts: Contracts, dataset: str, table: str) -> None:
    """``check_source``; raises ``UnknownTable`` too where no warehouse table can be compared with the database's."""
    from auditor.databases.rows.targets import targets_of

    check_source(contracts, dataset, table)
    contract = contracts.dataset(dataset) if table else None
    if contract is None or not isinstance(contract.source, Database):
        return
    compared = sorted({target.source.name for target in targets_of(contract)})
    if table not in compared:
        problem = "no table of the warehouse takes its key and its version, so that its rows are compared with nothing"
        remedy = f"Take them into a fact or a dimension; compared are: {', '.join(compared) or 'none'}"
        raise UnknownTable("audit", f"{dataset}/{table}", problem, remedy)
