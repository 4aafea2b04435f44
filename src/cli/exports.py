"""Files of ``starmend contract export``: the contracts in the forms of other tools."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cli.output import write_file
from core.errors import Misuse

if TYPE_CHECKING:
    from core.contract.model import Contracts

DBT_FILE = Path("build/dbt/sources.yml")
ODCS_FOLDER = Path("build/odcs")
WRITTEN = "# Written by `starmend contract export` from the contracts: change those, and write it again.\n"


def export_odcs(contracts: Contracts, folder: Path, *, dataset: str) -> list[Path]:
    """A document of each dataset, or of one. Raises ``Misuse`` where there is no such dataset."""
    from core.standards.data_contract import FILE, data_contracts

    documents = data_contracts(contracts)
    if dataset:
        name = FILE.format(dataset=dataset)
        if name not in documents:
            known = ", ".join(file.partition(".")[0] for file in documents)
            raise Misuse("export contracts", dataset, "is no dataset with a star of its own", f"Name one of: {known}")
        documents = {name: documents[name]}
    return [_write(folder / name, document) for name, document in documents.items()]


def export_dbt(contracts: Contracts, file: Path, *, schema: str, reader: bool = False) -> list[Path]:
    """The sources of all datasets, in one file; with ``reader`` for dbt-duckdb over the reader.

    Raises ``Misuse`` where ``schema`` can be no database's name.
    """
    from core.standards.dbt_sources import dbt_sources

    if not re.fullmatch(r"[A-Za-z0-9_-]+", schema):  # it stands in a template
        raise Misuse("export contracts", "--catalog", f"{schema!r} is no database", "Name one, such as starmend_prod")
    return [_write(file, dbt_sources(contracts, schema=schema, reader=reader))]


def _write(file: Path, document: Mapping[str, Any]) -> Path:
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    write_file(file, WRITTEN + text, operation="export contracts")
    return file


class _Dumper(yaml.SafeDumper):
    """YAML in which texts of several lines stay such."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_block)
