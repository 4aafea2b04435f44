"""Contracts as documents of the Open Data Contract Standard, one of each dataset. Pure.

Version 3.2 of the standard, by what 3.1 has too: https://bitol-io.github.io/open-data-contract-standard/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.contract.model import Column, Contract, Contracts, Source, Table
from core.contract.references import parent_of
from core.contract.types import ColumnType
from core.rendering.catalog import catalog_tables, column_comment
from core.standards.sql import condition, quoted

VERSION = "v3.2.0"
FILE = "{dataset}.odcs.yaml"  # by which documents refer to each other
_LOGICAL = {
    "int": "integer",
    "bigint": "integer",
    "decimal": "number",
    "double": "number",
    "json": "string",
}
_UTC = {"timezone": False, "defaultTimezone": "Etc/UTC"}
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60))

Entry = dict[str, Any]


def data_contracts(contracts: Contracts) -> dict[str, Entry]:
    """A document by the name of its file; datasets that only watch the pipeline itself (canaries) have none.

    Its ``version`` is the contract's hash: it changes whenever what is promised does.
    """
    return {
        FILE.format(dataset=contract.dataset): _document(contracts, contract)
        for contract in contracts
        if not (contract.source and contract.source.canary)
    }


def _document(contracts: Contracts, contract: Contract) -> Entry:
    catalog = catalog_tables(contracts)
    here = {table.name for table in contract.tables}
    return {
        "kind": "DataContract",
        "apiVersion": VERSION,
        "id": contract.dataset,
        "name": contract.dataset,
        "version": contract.hash or "0",
        "status": "active",
        "description": {
            "purpose": f"The star of the dataset {contract.dataset}.",
            "limitations": "What of it is complete, and since when, says the table completeness, window by window.",
        },
        "schema": [_table(contracts, table, here, catalog[table.name]) for table in contract.tables],
        **({"slaProperties": list(_promises(contract.source))} if contract.source else {}),
    }


def _table(contracts: Contracts, table: Table, here: set[str], catalog: Mapping[str, Any]) -> Entry:
    keys = [part["name"] for part in catalog["partition_keys"]]
    columns = [_column(contracts, table, column, here) for column in table.columns]
    known = {column.name for column in table.columns}
    columns += [_partition_key(part) for part in catalog["partition_keys"] if part["name"] not in known]
    for column in columns:
        if column["name"] in keys:
            column |= {"partitioned": True, "partitionKeyPosition": keys.index(column["name"]) + 1}
    entry: Entry = {
        "name": table.name,
        "physicalName": table.name,
        "logicalType": "object",
        "physicalType": "table",
        "description": table.description or f"{table.kind} of {table.dataset}",
        "tags": [table.kind],
        "properties": columns,
    }
    if table.kind in ("fact", "rollup"):
        entry["dataGranularityDescription"] = table.description
    if len(table.key) > 1:
        entry["quality"] = [
            _library("duplicateValues", "uniqueness", "The natural key.", properties=list(table.key)),
        ]
    return entry


def _column(contracts: Contracts, table: Table, column: Column, here: set[str]) -> Entry:
    entry: Entry = {"name": column.name, **_types(column.type)}
    if comment := column_comment(column.comment, column.unit, ""):
        entry["description"] = comment
    if column.name in table.key:
        entry |= {"primaryKey": True, "primaryKeyPosition": table.key.index(column.name) + 1}
    entry["required"] = column.required or column.name in table.key
    if table.key == (column.name,):
        entry["unique"] = True
    if parent := parent_of(column):
        entry["relationships"] = [{"type": "foreignKey", "to": _place(contracts, parent, column, here)}]
    if quality := list(_quality(table, column)):
        entry["quality"] = quality
    return entry


def _types(kind: ColumnType) -> Entry:
    entry: Entry = {"logicalType": _LOGICAL.get(kind.name, kind.name), "physicalType": kind.catalog}
    if kind.name == "timestamp":
        entry["logicalTypeOptions"] = dict(_UTC)
    elif kind.name in ("int", "bigint"):
        entry["logicalTypeOptions"] = {"format": "i32" if kind.name == "int" else "i64"}
    return entry


def _partition_key(part: Mapping[str, str]) -> Entry:
    logical = "integer" if part["type"] == "int" else "string"
    description = "partition of the table, not a column of its rows"
    return {"name": part["name"], "logicalType": logical, "physicalType": part["type"], "description": description}


def _place(contracts: Contracts, parent: str, column: Column, here: set[str]) -> str:
    """The referenced column, in this document or in that of the dataset that promises it."""
    if parent in here:
        return column.references
    field = column.references.partition(".")[2]
    file = FILE.format(dataset=contracts.table(parent).dataset)
    return f"{file}#/schema/{parent}/properties/{field}"


def _quality(table: Table, column: Column) -> Iterable[Entry]:
    values = column.one_of or next((part.values for part in table.partition_by if part.name == column.name), ())
    if values:
        yield _library("invalidValues", "conformity", "The values that the contract lists.", validValues=list(values))
    if kept := condition(column):
        query = f"select count(*) from {quoted(table.name)} where not ({kept})"
        yield {"type": "sql", "dimension": "conformity", "description": kept, "query": query, "mustBe": 0}


def _library(metric: str, dimension: str, description: str, **arguments: Any) -> Entry:
    return {
        "type": "library",
        "metric": metric,
        "dimension": dimension,
        "description": description,
        "arguments": arguments,
        "mustBe": 0,
    }


def _promises(source: Source) -> Iterable[Entry]:
    """Service levels: how often the source is asked, and by when all of it is there, or somebody is told."""
    latency = "each row or point that is owed is there by then, proven absent at its source, or alarmed"
    yield {"property": "latency", **_duration(source.complete_within), "driver": "operational", "description": latency}
    yield {"property": "frequency", **_duration(source.every), "description": "the source is asked"}


def _duration(seconds: int) -> Entry:
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds % size == 0), ("s", 1))
    return {"value": seconds // size, "unit": unit}
