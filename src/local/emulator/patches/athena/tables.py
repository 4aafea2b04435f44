"""Tables as Athena reads them: as the catalog declares them.

Restores, from the Athena User Guide and Hive's SerDes: symlink tables (``SymlinkTextInputFormat``: each object below
the location is a list of the objects to read), partition keys with the catalog's types, partition projection and
registered partitions, Parquet columns by name with the declared types (missing ones are NULL, an unfit one is
HIVE_BAD_DATA), JSON lines by the openx JSON SerDe and by Hive's with the declared types, lines by the groups of Hive's
RegexSerDe, timestamps in milliseconds, names that begin with ``_`` or ``.`` skipped, zero rows of the declared columns
where there is no data, and views of the catalog. Stock globs below the location and takes columns and types from the
files.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
import pyarrow as pa
from ministack.services import athena, glue, s3

from local.emulator.patches.athena.dialect import AT
from local.emulator.patches.athena.hive_types import compatible, duckdb_type
from local.emulator.patches.athena.json_records import check_records
from local.emulator.patches.athena.partition_projection import locate

HIVE_JSON = "org.apache.hive.hcatalog.data.JsonSerDe"
_FILE = "__file"
_VIEW_MARK = "/* Presto View: "


@dataclass(frozen=True)
class Split:
    """An object to read: its URL, its bytes and the values of its partition's keys."""

    url: str
    data: bytes
    partition: tuple[str | None, ...]


@dataclass(frozen=True)
class Table:
    """A table of the catalog as it was at one moment: its definition and every object that it consists of."""

    database: str
    name: str
    definition: dict[str, Any]
    splits: tuple[Split, ...]
    rows: pa.Table | None = None  # of an Iceberg table, which its metadata tell how to read

    @property
    def columns(self) -> list[tuple[str, str]]:
        if self.rows is not None:
            return [(field.name, duckdb_type(_catalog_type(field.type))) for field in self.rows.schema]
        return _typed(self.definition["StorageDescriptor"].get("Columns"))

    @property
    def keys(self) -> list[tuple[str, str]]:
        return _typed(self.definition.get("PartitionKeys"))


def _typed(columns: list[dict[str, Any]] | None) -> list[tuple[str, str]]:
    return [(column["Name"], duckdb_type(column.get("Type") or "string")) for column in columns or []]


_CATALOG_TYPES = {
    "large_string": "string",
    "int32": "int",
    "int64": "bigint",
    "bool": "boolean",
    "date32[day]": "date",
    "timestamp[us]": "timestamp",
}


def _catalog_type(kind: pa.DataType) -> str:
    """An Arrow type in the catalog's words."""
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return _CATALOG_TYPES.get(str(kind), str(kind))


def find(database: str, name: str) -> dict[str, Any] | None:
    """The catalog's definition; names are case-insensitive, as in Athena, and may end with a snapshot."""
    name = name.partition(AT)[0]
    definition = glue._tables.get(f"{database}/{name}") or glue._tables.get(f"{database.lower()}/{name.lower()}")
    return dict(definition) if definition else None


def view_text(definition: dict[str, Any]) -> str | None:
    """The SQL of a view, or None for a table."""
    original = definition.get("ViewOriginalText") or ""
    if definition.get("TableType") != "VIRTUAL_VIEW" or not original.startswith(_VIEW_MARK):
        return None
    return str(
        json.loads(base64.b64decode(original.removeprefix(_VIEW_MARK).removesuffix("*/").strip()))["originalSql"]
    )


def snapshot(database: str, name: str, definition: dict[str, Any]) -> Table:
    """The table with all its objects as they are now; called where no request can change the store meanwhile."""
    if str((definition.get("Parameters") or {}).get("table_type", "")).upper() == "ICEBERG":
        from local.emulator.patches.athena import iceberg  # pyiceberg takes its time to import

        rows, locations = iceberg.read_snapshot(definition, name)
        return Table(database, name, definition, tuple(Split(url, _target(url), ()) for url in locations), rows)
    registered = glue._partitions.get(f"{database}/{name}") or []
    splits: list[Split] = []
    for location, values in locate(definition, registered):
        for url, data in _objects(location):
            partition = values(url)
            if partition is None:
                continue
            if _is_symlink(definition):
                splits += [Split(target, _target(target), partition) for target in data.decode().split()]
            elif data:
                splits.append(Split(url, data, partition))
    return Table(database, name, definition, tuple(splits))


def _objects(location: str) -> Iterator[tuple[str, bytes]]:
    place = urlparse(location)
    bucket, prefix = place.netloc, place.path.lstrip("/")
    objects = (s3._buckets.get(bucket) or {"objects": {}})["objects"]
    for key in sorted(key for key in objects if key.startswith(prefix)):
        hidden = any(part.startswith(("_", ".")) for part in key[len(prefix) :].split("/"))
        if not key.endswith("/") and not hidden:
            yield f"s3://{bucket}/{key}", s3._get_object_data(bucket, key) or b""


def _target(url: str) -> bytes:
    place = urlparse(url)
    data = s3._get_object_data(place.netloc, place.path.lstrip("/"))
    if data is None:
        raise ValueError(f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split {url}: the object does not exist")
    return bytes(data)


def _is_symlink(definition: dict[str, Any]) -> bool:
    return "SymlinkTextInputFormat" in (definition["StorageDescriptor"].get("InputFormat") or "")


def _serde(definition: dict[str, Any]) -> dict[str, Any]:
    return dict(definition["StorageDescriptor"].get("SerdeInfo") or {})


def create_view(connection: duckdb.DuckDBPyConnection, table: Table, folder: Path) -> None:
    """Make ``database.name`` a view over the table's objects, which are written below the folder."""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(table.database)}")
    name = f"{_quoted(table.database)}.{_quoted(table.name)}"
    connection.execute(f"CREATE VIEW {name} AS {_relation(connection, table, folder)}")


def _relation(connection: duckdb.DuckDBPyConnection, table: Table, folder: Path) -> str:
    if table.rows is not None:
        name = f"__iceberg_{table.database}_{table.name}"
        connection.register(name, table.rows)
        return f"SELECT * FROM {_quoted(name)}"
    if not table.splits:
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {_quoted(name)}" for name, kind in table.columns + table.keys)
        return f"SELECT {nothing} WHERE FALSE"
    files = [_write(split, folder / f"{index:06d}") for index, split in enumerate(table.splits)]
    library = _serde(table.definition).get("SerializationLibrary") or ""
    if "parquet" in library.lower():
        source, expressions = _parquet(connection, table, files)
    elif "json" in library.lower():
        if library == HIVE_JSON:
            declared = [(each["Name"], each["Type"]) for each in table.definition["StorageDescriptor"]["Columns"]]
            for split, file in zip(table.splits, files, strict=True):
                check_records(Path(file).read_bytes(), declared, place=split.url)
        source, expressions = _json(table, files)
    elif library.endswith(".RegexSerDe"):
        source, expressions = _json(table, _matched(table, files))
    else:
        return _stock(table, files)
    expressions |= {name: f"CAST(p.{_quoted(name)} AS {kind})" for name, kind in table.keys}
    projected = ", ".join(f"{expression} AS {_quoted(name)}" for name, expression in expressions.items())
    if not table.keys:
        return f"SELECT {projected} FROM {source} AS f"
    partitions = _partition_table(connection, table, files)
    return f"SELECT {projected} FROM {source} AS f JOIN {partitions} AS p ON f.{_FILE} = p.{_FILE}"


def _write(split: Split, path: Path) -> str:
    data = split.data
    if split.url.endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise ValueError(f"HIVE_CURSOR_ERROR: Failed to read file at {split.url}: {error}") from error
    path.write_bytes(data)
    return str(path)


def _partition_table(connection: duckdb.DuckDBPyConnection, table: Table, files: list[str]) -> str:
    name = _quoted(f"__partitions_{table.database}_{table.name}")
    columns = ", ".join(f"{_quoted(column)} VARCHAR" for column in (_FILE, *(key for key, _ in table.keys)))
    connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
    rows = zip(files, table.splits, strict=True)
    values = (f"({', '.join(_literal(value) for value in (file, *split.partition))})" for file, split in rows)
    connection.execute(f"INSERT INTO {name} VALUES {', '.join(values)}")
    return f"temp.{name}"


def _parquet(connection: duckdb.DuckDBPyConnection, table: Table, files: list[str]) -> tuple[str, dict[str, str]]:
    source = f"read_parquet({_list(files)}, union_by_name = true, hive_partitioning = false, filename = '{_FILE}')"
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    stored = {str(row[0]).lower(): (str(row[0]), str(row[1])) for row in described}
    expressions = {}
    for name, kind in table.columns:
        actual, actual_kind = stored.get(name.lower(), ("", ""))
        if actual and not compatible(actual_kind, kind):
            raise ValueError(
                f"HIVE_BAD_DATA: Field {name}'s type {actual_kind} in parquet file "
                f"{table.splits[0].url} is incompatible with type {kind} defined in table schema"
            )
        expressions[name] = _milliseconds(f"CAST(f.{_quoted(actual)} AS {kind})" if actual else f"NULL::{kind}", kind)
    return source, expressions


def _json(table: Table, files: list[str]) -> tuple[str, dict[str, str]]:
    # Numbers that must stay exact, and instants in whatever form, come as text and are cast by SQL.
    as_text = {name for name, kind in table.columns if kind == "TIMESTAMP" or kind.startswith("DECIMAL")}
    typed = {name: "VARCHAR" if name in as_text else kind for name, kind in table.columns}
    columns = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in typed.items())
    serde = _serde(table.definition).get("Parameters") or {}
    lenient = str(serde.get("ignore.malformed.json", "false")).lower() == "true"
    source = (
        f"read_json({_list(files)}, format = 'newline_delimited', compression = 'none', columns = {{{columns}}}, "
        f"ignore_errors = {str(lenient).lower()}, filename = '{_FILE}')"
    )
    return source, {name: _milliseconds(f"CAST(f.{_quoted(name)} AS {kind})", kind) for name, kind in table.columns}


def _matched(table: Table, files: list[str]) -> list[str]:
    """The files with each line's groups as JSON, by the columns' names; a line that does not match is NULLs."""
    expression = re.compile(_serde(table.definition)["Parameters"]["input.regex"])
    for file in map(Path, files):
        lines = file.read_bytes().removesuffix(b"\n").split(b"\n") if file.stat().st_size else []
        texts = (line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines)
        matches = (expression.fullmatch(text) for text in texts)
        groups = (match.groups() if match else (None,) * len(table.columns) for match in matches)
        rows = (dict(zip((name for name, _ in table.columns), values, strict=True)) for values in groups)
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return files


def _milliseconds(expression: str, kind: str) -> str:
    """ "TIMESTAMP ... up to a maximum resolution of milliseconds" (Athena's data types).

    Trino's Parquet reader rounds microseconds to the nearest millisecond, a half to the later one, before 1970 too
    (``TransformingValueDecoders`` and ``Timestamps.round``). DuckDB's ``//`` cuts towards zero.
    """
    if kind != "TIMESTAMP":
        return expression
    later = f"(epoch_us({expression}) + 500)"
    return f"make_timestamp({later} - ({later} % 1000 + 1000) % 1000)"


def _stock(table: Table, files: list[str]) -> str:
    """Text and other formats as MiniStack reads them, with no partition keys."""
    relation = athena._table_relation({**table.definition, "PartitionKeys": []}, files)
    return f"SELECT * FROM {relation}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _list(files: list[str]) -> str:
    return f"[{', '.join(_literal(file) for file in files)}]"
