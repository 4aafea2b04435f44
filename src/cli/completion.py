"""Completion of names at a shell: datasets, tables and partitions of the deployment, else of the contracts here.

A completion says nothing and fails at nothing: where no name is known, the shell offers none.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from cli.deployed import DEFAULT, deployment

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from core.contract.model import Contracts

MOST = 200  # that a shell shows with any use


def complete_dataset(context: typer.Context, incomplete: str) -> list[str]:
    """Datasets that begin so."""
    return _beginning((contract.dataset for contract in _contracts(context)), incomplete)


def complete_source(context: typer.Context, incomplete: str) -> list[str]:
    """Source tables that begin so; of the dataset, where one is named before."""
    dataset = str(context.params.get("dataset") or "")
    sources = [contract for contract in _contracts(context) if contract.source and dataset in ("", contract.dataset)]
    return _beginning((table.name for each in sources for table in each.needed_source.tables), incomplete)


def complete_table(context: typer.Context, incomplete: str) -> list[str]:
    """Tables of the warehouse that begin so."""
    return _beginning((table.name for table in _contracts(context).tables()), incomplete)


def complete_partition(context: typer.Context, incomplete: str) -> list[str]:
    """Partitions, by their paths, of the table that is named before."""
    from aws.objects import S3ObjectStore
    from core.errors import StarmendError
    from core.warehouse.pointer import ROOT

    table = str(context.params.get("table") or "")
    try:
        deployed = _deployed(context)
        prefix = f"{ROOT}{deployed.contracts.table(table).folder}/" if table else ROOT
        store = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
        paths = (info.key.removeprefix(prefix).rpartition("/")[0] for info in store.list(f"{prefix}{incomplete}"))
        return _beginning(paths if table else (), incomplete)
    except (StarmendError, KeyError):
        return []


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    chosen: dict[str, None] = {}
    for name in names:
        if name.startswith(incomplete) and name:
            chosen[name] = None
        if len(chosen) == MOST:
            break
    return list(chosen)


def _deployed(context: typer.Context) -> Deployment:
    environment = context.params.get("environment") or os.environ.get("STARMEND_DEPLOYMENT") or DEFAULT
    return deployment(str(environment))


def _contracts(context: typer.Context) -> Contracts:
    """The deployed contracts; where no deployment answers, those of the folder here, as far as they can be read."""
    from core.contract.model import Contracts
    from core.errors import StarmendError

    try:
        return _deployed(context).contracts
    except StarmendError:
        from deploy.folders import contracts_folder

        if not (folder := contracts_folder()).is_dir():
            return Contracts(())
        from core.authoring.load import examine

        return examine(folder, today=dt.datetime.now(dt.UTC).date())[0]
