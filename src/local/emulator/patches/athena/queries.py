"""Athena runs queries over the catalog and leaves results as it says it does.

Restores, from the Athena User Guide ("Work with query results", "Override client-side settings") and API Reference:
the CSV is at the reported OutputLocation, every value in quotes, NULL as nothing at all, timestamps with milliseconds;
a workgroup's settings win over the caller's when it enforces them, an unknown workgroup is refused, and a workgroup's
limit of scanned bytes cancels the query; ColumnInfo carries a decimal's precision and scale; DataScannedInBytes counts
the objects read; ``?`` takes ExecutionParameters. Stock puts the CSV below a key of its own and runs DuckDB's SQL.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
from ministack.core.responses import error_response_json
from ministack.services import athena, s3
from sqlglot import exp

from core.errors import present
from local.emulator.patches.athena import dialect
from local.emulator.patches.athena import tables as athena_tables
from local.emulator.patches.athena.hive_types import athena_type
from local.emulator.patching import wrap
from local.emulator.settings import Settings

_query_id: contextvars.ContextVar[str] = contextvars.ContextVar("query_id", default="")
_TEXT = {
    "TIMESTAMP": "strftime({c}, '%Y-%m-%d %H:%M:%S.%g')",
    "TIMESTAMP WITH TIME ZONE": "strftime(timezone('UTC', {c}), '%Y-%m-%d %H:%M:%S.%g') || ' UTC'",
    "BLOB": r"rtrim(regexp_replace(lower(hex({c})), '(..)', '\1 ', 'g'))",
    "HUGEINT": "CAST(CAST({c} AS BIGINT) AS VARCHAR)",
}


class LimitExceeded(Exception):
    """The workgroup's limit of scanned bytes."""


def apply(_settings: Settings) -> None:
    wrap(athena, "_start_query_execution", _start)
    wrap(athena, "_execute_query", _execute)
    wrap(athena, "_run_duckdb", _run)
    wrap(athena, "_save_query_results", _save)
    wrap(athena, "_get_query_results", _results)


def _start(stock: Any, data: dict[str, Any]) -> Any:
    name = data.get("WorkGroup", "primary")
    workgroup = athena._workgroups.get(name)
    if workgroup is None:
        return error_response_json("InvalidRequestException", f"WorkGroup {name} is not found.", 400)
    configuration = workgroup.get("Configuration") or {}
    asked = dict(data)
    settled = configuration.get("ResultConfiguration") or {}
    if configuration.get("EnforceWorkGroupConfiguration") and settled.get("OutputLocation"):
        asked["ResultConfiguration"] = {}
    parameters = asked.get("ExecutionParameters") or []
    if parameters:
        try:
            asked["QueryString"] = _bound(data["QueryString"], parameters)
        except ValueError as error:
            return error_response_json("InvalidRequestException", str(error), 400)
    answer = stock(asked)
    if answer[0] == 200:
        execution = athena._executions[json.loads(answer[2])["QueryExecutionId"]]
        execution["Query"] = data["QueryString"]
        if parameters:
            execution["ExecutionParameters"] = parameters
        _complete_location(execution)
    return answer


def _bound(query: str, parameters: list[str]) -> str:
    tree = dialect.parse(query)
    places = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(places) != len(parameters):
        raise ValueError(f"INVALID_PARAMETER_USAGE: expected {len(places)} parameters but found {len(parameters)}")
    for place, parameter in zip(places, parameters, strict=True):
        place.replace(dialect.parse(f"SELECT {parameter}").expressions[0])
    return tree.sql(dialect="athena")


def _complete_location(execution: dict[str, Any]) -> None:
    """The location is a folder, with or without a slash at its end."""
    name = f"{execution['QueryExecutionId']}.csv"
    folder = execution["ResultConfiguration"]["OutputLocation"].removesuffix(name)
    execution["ResultConfiguration"]["OutputLocation"] = f"{folder.rstrip('/')}/{name}"


async def _execute(stock: Any, query_id: str, *args: Any) -> None:
    _query_id.set(query_id)
    await stock(query_id, *args)
    execution = athena._executions.get(query_id)
    if execution and str(execution.get("_error") or "").startswith("Bytes scanned limit"):
        execution["Status"]["State"] = "CANCELLED"


async def _run(stock: Any, query: str, database: str, catalog: str | None = None) -> dict[str, Any]:
    tree = dialect.parse(query)
    if not isinstance(tree, exp.Query):
        return dict(await stock(query, database, catalog))
    # On the event loop: no request changes the bucket between the reading of a pointer and of its target.
    tables, views = _closure(tree, database or "default")
    scanned = sum(len(split.data) for table in tables for split in table.splits)
    _check_limit(scanned)
    folder = Path(tempfile.mkdtemp(prefix="athena-"))
    try:
        result = await asyncio.to_thread(_query, tree, tables, views, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    execution = athena._executions.get(_query_id.get())
    if execution is not None:
        execution["_scanned"] = scanned
    return result


def _check_limit(scanned: int) -> None:
    execution = athena._executions.get(_query_id.get()) or {}
    workgroup = athena._workgroups.get(execution.get("WorkGroup", "")) or {}
    limit = (workgroup.get("Configuration") or {}).get("BytesScannedCutoffPerQuery")
    if limit and scanned > int(limit):
        raise LimitExceeded(f"Bytes scanned limit was exceeded: {scanned} of {limit}")


Views = list[tuple[str, str, exp.Expr]]


def _closure(tree: exp.Expr, database: str) -> tuple[list[athena_tables.Table], Views]:
    """Every table the query reads, through views as well; views in an order in which each finds what it needs."""
    tables: dict[tuple[str, str], athena_tables.Table] = {}
    views: Views = []

    def visit(statement: exp.Expr, default: str) -> None:
        for name in sorted(dialect.tables_of(statement, default)):
            if name in tables or any(name == (owner, view) for owner, view, _ in views):
                continue
            definition = athena_tables.find(*name)
            if definition is None:
                raise ValueError(f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{name[0]}.{name[1]}' does not exist")
            text = athena_tables.view_text(definition)
            if text is None:
                tables[name] = athena_tables.snapshot(*name, definition)
            else:
                inner = dialect.parse(text)
                visit(inner, name[0])
                views.append((*name, inner))

    visit(tree, database)
    return list(tables.values()), views


def _query(tree: exp.Expr, tables: list[athena_tables.Table], views: Views, folder: Path) -> dict[str, Any]:
    try:
        with duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"}) as connection:
            return _answer(connection, tree, tables, views, folder)
    except duckdb.Error as error:
        raise ValueError(_reason(error)) from error


def _answer(
    connection: duckdb.DuckDBPyConnection,
    tree: exp.Expr,
    tables: list[athena_tables.Table],
    views: Views,
    folder: Path,
) -> dict[str, Any]:
    connection.execute("SET TimeZone = 'UTC'")
    for macro in dialect.MACROS:
        connection.execute(macro)
    columns = {(table.database, table.name): dict(table.columns + table.keys) for table in tables}
    for index, table in enumerate(tables):
        part = folder / str(index)
        part.mkdir()
        athena_tables.create_view(connection, table, part)
    for database, name, statement in views:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
        sql, described = _described(connection, statement, columns)
        connection.execute(f'CREATE VIEW "{database}"."{name}" AS {sql}')
        columns[database, name] = dict(described)
    sql, described = _described(connection, tree, columns)
    rows = connection.execute(_as_text(sql, [kind for _, kind in described])).fetchall()
    return {
        "columns": [name.lower() for name, _ in described],
        "column_types": [athena_type(kind) for _, kind in described],
        "rows": [list(row) for row in rows],
    }


def _described(
    connection: duckdb.DuckDBPyConnection, tree: exp.Expr, columns: dialect.Columns
) -> tuple[str, list[tuple[str, str]]]:
    """The first translation that DuckDB accepts, with the names and types of its columns."""
    refused: duckdb.Error | None = None
    for sql in dialect.translate(tree, columns):
        try:
            described = connection.execute(f"DESCRIBE {sql}").fetchall()
        except duckdb.Error as error:
            refused = refused or error
            continue
        return sql, [(str(row[0]), str(row[1])) for row in described]
    raise present(refused, "translate", "the query")


def _reason(error: duckdb.Error) -> str:
    if "JSON" in str(error):
        return f"HIVE_CURSOR_ERROR: Row is not a valid JSON Object - {error}"
    wording = isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException)
    return f"SYNTAX_ERROR: {error}" if wording else f"GENERIC_USER_ERROR: {error}"


def _as_text(sql: str, kinds: list[str]) -> str:
    names = [f"c{index}" for index in range(len(kinds))]
    texts = [_TEXT.get(kind, "CAST({c} AS VARCHAR)").format(c=name) for name, kind in zip(names, kinds, strict=True)]
    return f"SELECT {', '.join(texts)} FROM ({sql}) AS result({', '.join(names)})"


async def _save(_stock: Any, query_id: str) -> None:
    execution = athena._executions[query_id]
    results = execution["_results"]
    execution["Statistics"]["DataScannedInBytes"] = execution.pop("_scanned", 0)
    lines = [",".join(_quoted(name) for name in results["columns"])]
    lines += [",".join(_quoted(value) for value in row) for row in results["rows"]]
    place = urlparse(execution["ResultConfiguration"]["OutputLocation"])
    types = ",".join(execution.get("_column_types") or [])
    for key, body in (("", "\n".join(lines) + "\n"), (".metadata", f"{','.join(results['columns'])}\n{types}")):
        content = body.encode()
        headers = {"content-type": "application/octet-stream", "content-length": str(len(content))}
        answer = s3._put_object(place.netloc, place.path.lstrip("/") + key, content, headers)
        if isinstance(answer, tuple) and answer[0] >= 300:
            raise ValueError(f"Unable to verify/create output bucket {place.netloc}: {answer[2]!r}")


def _quoted(value: Any) -> str:
    return "" if value is None else '"' + str(value).replace('"', '""') + '"'


def _results(stock: Any, data: dict[str, Any]) -> Any:
    answer = stock(data)
    if answer[0] != 200:
        return answer
    body = json.loads(answer[2])
    for column in body["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]:
        if column["Type"].startswith("decimal("):
            precision, scale = column["Type"].removeprefix("decimal(").rstrip(")").split(",")
            column.update(Type="decimal", Precision=int(precision), Scale=int(scale))
    return answer[0], answer[1], json.dumps(body).encode()
