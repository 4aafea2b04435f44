"""The catalog that a set of contracts needs: tables, columns, projection. Terraform turns it into Glue tables.

Four storage forms: ``pointers`` (symlink tables over Parquet), ``records`` (JSON lines of the pipeline's own), ``json``
(JSON lines of others) and ``lines`` (lines, whatever is in them). Locations are keys below a bucket that Terraform
knows by its role, ``ingest`` or ``warehouse``. Athena's partition projection needs no partition to be registered:
https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.contract.model import Contract, Contracts, Database, Feed, Partition, SourceTable, Table
from core.feeds.partitions import TIME_DIGITS
from core.landing.records import COMPLETENESS_COLUMNS, LOG_COLUMNS, LOG_DAYS, QUARANTINE_COLUMNS
from core.landing.zone import PROCESSING_LOG, QUARANTINE, prefixes_of
from core.warehouse.current_state import current_table

_FORMATS = {"year": "yyyy", "month": "yyyy-MM", "day": "yyyy-MM-dd", "hour": "yyyy-MM-dd-HH"}
INGEST_LINES = "ingest_lines"
_RAW_TYPES = {"int": "int", "bigint": "bigint", "boolean": "boolean"}


def catalog_tables(contracts: Contracts) -> dict[str, dict[str, Any]]:
    """Name -> {bucket, location, format, description, analysts, columns, partition_keys, projection, template}.

    ``beside`` are the locations of a table's other generations, where it has any.
    ``expire_days``, where it is given, is after how many days an object below the location may be deleted.

    ``analysts``: whether analysts read it. The star and the pipeline's account of it are theirs; raw lines, current
    source rows and rejected lines hold columns that the star leaves out on purpose.
    """
    tables: dict[str, dict[str, Any]] = {}
    for table in contracts.tables():
        tables[table.name] = _star_table(table) | _beside(contracts, table)
    for contract in contracts:
        for source in contract.source.tables if contract.source else ():
            if isinstance(contract.source, Database) and contract.source.canary:
                continue  # it shadows a table of another dataset, whose raw lines have the name
            tables[f"raw_{source.name}"] = _raw_table(contract, source)
            if isinstance(contract.source, Database) and _feeds_a_dimension(contract, source.name):
                tables[f"current_{source.name}"] = _current_table(contract, source)
    tables[INGEST_LINES] = _ingest_lines(contracts)
    tables["processing_log"] = _processing_log(contracts)
    tables["quarantine"] = _quarantine(contracts)
    tables["completeness"] = _completeness(contracts)
    return dict(sorted(tables.items()))


def _star_table(table: Table) -> dict[str, Any]:
    in_path = {part.column for part in table.partition_by if part.transform == "value"}
    return {
        "bucket": "warehouse",
        "location": f"warehouse/{table.folder}/",
        "format": "pointers",
        "description": table.description,
        "analysts": True,
        "columns": [
            _column(column.name, column.type.catalog, column_comment(column.comment, column.unit, column.references))
            for column in table.columns
            if column.name not in in_path
        ],
        **_partitioned([_projected(part, table.since) for part in table.partition_by]),
    }


def _beside(contracts: Contracts, table: Table) -> dict[str, Any]:
    """``beside``: the locations of a table's other generations, which readers are about to see or saw until now."""
    beside = contracts.dataset(table.dataset).beside
    others = beside.contract.tables if beside else ()
    folders = [other.folder for other in others if other.name == table.name and other.folder != table.folder]
    return {"beside": [f"warehouse/{folder}/" for folder in folders]} if folders else {}


def column_comment(comment: str, unit: str, references: str) -> str:
    """The comment of a column in the catalog: what it holds, in which unit, and what it references."""
    parts = [comment, f"in {unit}" if unit else "", f"references {references}" if references else ""]
    return "; ".join(part for part in parts if part)


def _column(name: str, kind: str, comment: str) -> dict[str, str]:
    return {"name": name, "type": kind, "comment": comment}


def _projected(part: Partition, since: str) -> dict[str, Any]:
    """A partition key with its projection. Time partitions run from ``since`` to one unit from now."""
    if part.transform == "value":
        return {"name": part.name, "type": "string", "projection": {"type": "enum", "values": ",".join(part.values)}}
    if part.transform == "bucket":
        return {"name": part.name, "type": "int", "projection": {"type": "integer", "range": f"0,{part.buckets - 1}"}}
    first = f"{since}-00"[: TIME_DIGITS[part.transform]]
    unit = f"{part.transform.upper()}S"
    return {
        "name": part.name,
        "type": "string",
        "projection": {
            "type": "date",
            "format": _FORMATS[part.transform],
            "range": f"{first},NOW+1{unit}",
            "interval": "1",
            "interval.unit": unit,
        },
    }


def _partitioned(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Partition keys, projection parameters and the location template below the table's folder."""
    parameters = {"projection.enabled": "true"} if parts else {}
    for part in parts:
        parameters |= {f"projection.{part['name']}.{name}": value for name, value in part["projection"].items()}
    folders = [part.get("folder", f"{part['name']}=${{{part['name']}}}") for part in parts]
    return {
        "partition_keys": [_column(part["name"], part["type"], "") for part in parts],
        "projection": parameters,
        "template": "".join(f"{folder}/" for folder in folders),
    }


def _raw_table(contract: Contract, source: SourceTable) -> dict[str, Any]:
    """The JSON lines as they came in, for investigations; numbers that are not integers stay text, to stay exact.

    Their SerDe takes whatever a source writes, and AWS promises no exact numbers of rows of it: ``ingest_lines`` does.
    """
    is_feed = isinstance(contract.source, Feed)
    return {
        "bucket": "ingest",
        "location": f"feeds/{contract.dataset}/" if is_feed else f"tables/{contract.dataset}/{source.name}/",
        "format": "json",
        "description": f"JSON lines as acquired: {contract.dataset}.{source.name}",
        "analysts": False,
        "columns": [
            _column(field.name, _RAW_TYPES.get(field.type.name, "string"), field.comment) for field in source.fields
        ]
        + [
            _column(name, _RAW_TYPES.get(field.type.name, "string"), f"former name of {field.name}")
            for field in source.fields
            for name in field.was
        ],
        **_partitioned([_hour_of_arrival(contract)] if is_feed else []),
    }


def _ingest_lines(contracts: Contracts) -> dict[str, Any]:
    """Every line of every ingest object, whole: fields that no contract knows, and lines that are no JSON.

    ``raw_*`` have the fields of the contract alone, and of a database what was extracted in sequence.
    """
    sources = [(contract, source) for contract in contracts if contract.source for source in contract.source.tables]
    prefixes = [prefixes_of(contracts, contract.dataset, source.name) for contract, source in sources]
    folder = _listed("folder", {prefix.rstrip("/") for several in prefixes for prefix in several})
    about = "lines as acquired, whole, by the folder of their object; name a folder in every query"
    line = _column("line", "string", "its characters: json_extract_scalar(line, '$.name')")
    table = {"bucket": "ingest", "location": "", "format": "lines", "description": about, "analysts": False}
    return table | {"columns": [line], **_partitioned([folder | {"folder": "${folder}"}])}


def _listed(name: str, values: Iterable[str]) -> dict[str, Any]:
    """A partition key whose values are known."""
    return {"name": name, "type": "string", "projection": {"type": "enum", "values": ",".join(sorted(values))}}


def _hour_of_arrival(contract: Contract) -> dict[str, Any]:
    return {
        "name": "arrived",
        "type": "string",
        "folder": "${arrived}",
        "projection": {
            "type": "date",
            "format": "yyyy/MM/dd/HH",
            "range": f"{_earliest(contract).replace('-', '/')}/00,NOW",
            "interval": "1",
            "interval.unit": "HOURS",
        },
    }


def _earliest(contract: Contract) -> str:
    return min(table.since for table in contract.tables if table.kind == "fact")


def _feeds_a_dimension(contract: Contract, source: str) -> bool:
    dimensions = [table for table in contract.tables if table.kind == "dimension"]
    return any(table.source == source or source in {join.table for join in table.joins} for table in dimensions)


def _current_table(contract: Contract, source: SourceTable) -> dict[str, Any]:
    return {
        "bucket": "warehouse",
        "location": f"warehouse/{current_table(contract, source).folder}/",
        "format": "pointers",
        "description": f"the newest known version of every row of {source.name}, deleted ones too",
        "analysts": False,
        "columns": [_column(field.name, field.type.catalog, field.comment) for field in source.fields],
        **_partitioned([]),
    }


def _source_tables(contracts: Contracts) -> dict[str, Any]:
    """The key ``source_table``, with the names of all datasets' source tables."""
    names = {table.name for contract in contracts if contract.source for table in contract.source.tables}
    return _listed("source_table", names)


def _datasets(contracts: Contracts) -> dict[str, Any]:
    return _listed("dataset", [contract.dataset for contract in contracts if contract.source])


def _day(first: str) -> dict[str, Any]:
    return {
        "name": "day",
        "type": "string",
        "projection": {
            "type": "date",
            "format": "yyyy-MM-dd",
            "range": f"{first},NOW+1DAYS",
            "interval": "1",
            "interval.unit": "DAYS",
        },
    }


def _processing_log(contracts: Contracts) -> dict[str, Any]:
    """One row per ingest object, by the day (UTC) of its receipt and its source table.

    The dataset is no key: a query without a day lists as many folders as there are days, tables and datasets.
    """
    return {
        "bucket": "warehouse",
        "location": PROCESSING_LOG,
        "format": "records",
        "description": (
            f"one row per ingest object: its receipt, from the audit after it on, of the last {LOG_DAYS} days; "
            "name a day in every query"
        ),
        "analysts": True,
        "columns": [_column(*column) for column in LOG_COLUMNS],
        "expire_days": LOG_DAYS + 2,  # after the last day that is projected, wherever on Earth
        **_partitioned([_day(f"NOW-{LOG_DAYS}DAYS"), _source_tables(contracts)]),
    }


def _quarantine(contracts: Contracts) -> dict[str, Any]:
    return {
        "bucket": "warehouse",
        "location": QUARANTINE,
        "format": "records",
        "description": "one row per rejected line",
        "analysts": False,
        "columns": [_column(*column) for column in QUARANTINE_COLUMNS],
        **_partitioned([_datasets(contracts), _source_tables(contracts)]),
    }


def _completeness(contracts: Contracts) -> dict[str, Any]:
    """One row per audited window, by the window's day (UTC)."""
    promised = [
        contract for contract in contracts if contract.source and any(table.kind == "fact" for table in contract.tables)
    ]
    first = min((_earliest(contract) for contract in promised), default="2026-01-01")
    return {
        "bucket": "warehouse",
        "location": "completeness/",
        "format": "records",
        "description": "one row per audited window: expected, present, absent, missing, and its certificate",
        "analysts": True,
        "columns": [_column(*column) for column in COMPLETENESS_COLUMNS],
        **_partitioned([_datasets(contracts), _day(first)]),
    }
