"""Progress of a contract's change: how many partitions of each table are made as the deployed contract says.

By what the audits remember (``DatasetState.forms``) and the names of the partitions. Of tables that are through nothing
is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditor.state import read_state
from auditor.warehouse.outdated import Reached, made_tables, paths_newest_first, promise_of
from core.contract.model import TIME_UNITS, Contract, Table
from core.evolution.deployments import read_history
from core.ports import ObjectReader
from core.warehouse.current_state import CURRENT
from core.warehouse.row_layout import form_of


@dataclass(frozen=True, slots=True)
class ChangeProgress:
    """A table that is not through: ``done`` of ``total`` ``unit`` are under the contract, newest first.

    ``seconds_left`` goes by the pace since the deployment that changed it; None where nothing is done yet.
    """

    dataset: str
    table: str
    done: int
    total: int
    unit: str
    seconds_left: int | None = None

    def to_data(self) -> dict[str, Any]:
        """A row of the report."""
        return {
            "table": self.table,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "seconds_left": self.seconds_left,
        }

    def __str__(self) -> str:
        subject = self.table.replace(f"{CURRENT}/", "current state of ")
        left = "the next audits begin"
        if self.seconds_left is not None:
            minutes = max(1, round(self.seconds_left / 60))
            left = f"done in about {minutes} min" if minutes < 120 else f"done in about {round(minutes / 60)} h"
        return f"{subject}: {self.done:,} of {self.total:,} {self.unit} under the new contract, {left}"


def change_progress(records: ObjectReader, contract: Contract, *, now: int) -> list[ChangeProgress]:
    """The tables of a dataset that are not through; of those that no audit has looked at yet nothing is known.

    Raises ``TransientFailure`` where the store does not answer.
    """
    forms = read_state(records, contract.dataset).forms
    rows = []
    switched = _switched(contract)
    for table in made_tables(contract):
        stood, until = forms.get(table.name, ("", ""))
        is_new = stood not in (promise_of(table), form_of(table))  # deployed since the last audit
        is_built = is_new and table.name in switched
        if table.name not in forms or is_built or not (until or is_new):
            continue
        paths = paths_newest_first(records, table)
        place = Reached.of(until).path
        done = paths.index(place) if not is_new and place in paths else 0
        if len(paths) > done:
            left = _seconds_left(_since(records, table), done, len(paths), now=now)
            rows.append(ChangeProgress(contract.dataset, table.name, done, len(paths), _unit(table, len(paths)), left))
    return rows


def _switched(contract: Contract) -> set[str]:
    """The tables whose generation took another one's place lately: the deployment built them whole."""
    if contract.beside is None or not contract.beside.until:
        return set()
    before = {table.name: table.folder for table in made_tables(contract.beside.contract)}
    return {table.name for table in made_tables(contract) if before.get(table.name, table.folder) != table.folder}


def _since(records: ObjectReader, table: Table) -> int | None:
    """When it was deployed what the table is made by now: deployments since then changed something else."""
    since = None
    for recorded in reversed(read_history(records, table.dataset)):
        promises = {promise_of(each) for each in made_tables(recorded.form.contract) if each.name == table.name}
        if promise_of(table) not in promises:
            break
        since = recorded.deployment.since
    return since


def _seconds_left(since: int | None, done: int, total: int, *, now: int) -> int | None:
    return None if not done or since is None else (now - since) * (total - done) // done


def _unit(table: Table, total: int) -> str:
    """``months`` where each partition is one, ``partitions`` where something else tells them apart too."""
    parts = table.partition_by
    unit = parts[0].transform if len(parts) == 1 and parts[0].transform in TIME_UNITS else "partition"
    return unit if total == 1 else f"{unit}s"
