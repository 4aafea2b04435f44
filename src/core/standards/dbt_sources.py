"""dbt's sources of a lake (``sources.yml``): its tables with descriptions, tests and freshness. Pure.

Tests are dbt's own four (``unique``, ``not_null``, ``accepted_values``, ``relationships``), so that a project needs no
package; what a contract checks beyond them is ``not_null`` of an expression. Freshness asks the table ``completeness``
(``core.standards.completeness``). The form is that of dbt 1.11:
https://docs.getdbt.com/reference/source-properties
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from core.contract.model import Column, Contracts, Latest, Table
from core.contract.references import parent_of, refers_to_unknown
from core.rendering.catalog import catalog_tables
from core.rendering.views import catalog_views
from core.standards.completeness import Promise, promise_of
from core.standards.sql import condition, key_of, literal, quoted

SOURCE = "starmend"
SCHEMA_VARIABLE = "starmend_schema"
COMPLETENESS = f"{{{{ source('{SOURCE}', 'completeness') }}}}"
_TEMPLATE = re.compile(r"[{}%#]*(?:\{[{%#]|[}%#]\})[{}%#]*")  # whole runs: beside a brace another mark would begin

Entry = dict[str, Any]


def dbt_sources(contracts: Contracts, *, schema: str, reader: bool = False) -> Entry:
    """The document; ``schema`` is the catalog's database where dbt is given no other (``starmend_schema``).

    With ``reader`` dbt-duckdb reads the sources by the plugin ``starmend_reader.dbt``; other adapters look past it.
    """
    catalog = {name: entry for name, entry in catalog_tables(contracts).items() if entry["analysts"]}
    views = catalog_views(contracts)
    star = {table.name: table for table in contracts.tables()}
    canaries = {contract.dataset for contract in contracts if contract.source and contract.source.canary}
    tables = []
    for name, entry in {**catalog, **views}.items():
        table = star.get(name.rpartition("_")[0] if name in views else name)
        if table is not None and table.dataset in canaries:
            continue
        columns = [*entry["columns"], *entry.get("partition_keys", ())]
        rules = _Rules(contracts, table, is_view=name in views) if table else None
        source = _table(name, entry["description"], columns, rules)
        if reader and table is None:  # the connection that asks how fresh another source is would not know a view
            source["config"] = {"meta": {"materialization": "table"}}
        tables.append(source)
    document = {
        "name": SOURCE,
        "description": "The star schema, and the pipeline's own account of it. Written from the contracts.",
        "schema": f"{{{{ var('{SCHEMA_VARIABLE}', '{schema}') }}}}",
        **({"config": {"meta": {"plugin": SOURCE}}} if reader else {}),
        "tables": tables,
    }
    return {"version": 2, "sources": [document]}


class _Rules:
    """What the contract promises of a table, or of its view, as dbt's tests."""

    def __init__(self, contracts: Contracts, table: Table, *, is_view: bool) -> None:
        self._contracts = contracts
        self._table = table
        self._is_view = is_view
        latest = next((column.name for column in table.columns if isinstance(column.rule, Latest)), "")
        self._current = "" if is_view else latest  # the condition of rows whose parents are owed
        self._key = table.history_of if is_view and table.history_of else table.key

    @property
    def promise(self) -> Promise | None:
        return promise_of(self._contracts, self._table)

    def of_table(self) -> list[Entry]:
        """Tests of several columns at once, and conditions that dbt has no test of."""
        name = f"{self._table.name}{'_view' if self._is_view else ''}"
        tests = []
        if len(self._key) > 1:
            key = key_of(self._table) if self._key == self._table.key else f"row({', '.join(map(quoted, self._key))})"
            tests.append({"unique": {"name": f"{name}_key", "arguments": {"column_name": key}}})
        for column in self._table.columns:
            if kept := condition(column):
                broken = f"case when not ({kept}) then null else 0 end"
                test = {"name": f"{name}_{column.name}_check", "arguments": {"column_name": inert(broken)}}
                tests.append({"not_null": test})
        return tests

    def of_column(self, name: str) -> list[Any]:
        column = next((column for column in self._table.columns if column.name == name), None)
        if column is None:
            return []
        tests: list[Any] = ["unique"] if self._key == (name,) else []
        tests += ["not_null"] if column.required or name in self._table.key else []
        values = column.one_of or self._listed(name)
        if values:
            tests.append({"accepted_values": {"arguments": _values(column, values)}})
        if parent := self._parent(column):
            field = quoted(column.references.partition(".")[2])
            test: Entry = {"arguments": {"to": f"source('{SOURCE}', '{parent}')", "field": field}}
            if self._current:
                test["config"] = {"where": quoted(self._current)}
            tests.append({"relationships": test})
        return tests

    def _listed(self, name: str) -> tuple[str, ...]:
        """The values that the contract lists for a column which is a partition key."""
        return next((part.values for part in self._table.partition_by if part.name == name), ())

    def _parent(self, column: Column) -> str:
        """The table in which each value has to be; empty where none has to. Views show unknown members as such."""
        if column.missing == "allow" or (refers_to_unknown(column) and not self._is_view):
            return ""
        return parent_of(column)


def _table(name: str, description: str, columns: Iterable[Mapping[str, str]], rules: _Rules | None) -> Entry:
    entry: Entry = {"name": name, "description": inert(description)}
    if rules and (promise := rules.promise):
        minutes = -(-promise.seconds // 60)
        entry["config"] = {
            "freshness": {"error_after": {"count": minutes, "period": "minute"}},
            "loaded_at_query": promise.query(COMPLETENESS),
        }
    if rules and (tests := rules.of_table()):
        entry["data_tests"] = tests
    entry["columns"] = [_column(column, rules) for column in columns]
    return entry


def _column(column: Mapping[str, str], rules: _Rules | None) -> Entry:
    entry: Entry = {"name": column["name"], "quote": True, "data_type": column["type"]}
    if column["comment"]:
        entry["description"] = inert(column["comment"])
    if rules and (tests := rules.of_column(column["name"])):
        entry["data_tests"] = tests
    return entry


def _values(column: Column, values: Iterable[str]) -> Entry:
    """Literals of SQL, unquoted by dbt: it would not double an apostrophe."""
    return {"values": [inert(literal(value, column.type)) for value in values], "quote": False}


def inert(text: str) -> str:
    """A text that dbt's templates leave as it is."""
    return _TEMPLATE.sub(lambda mark: f"{{{{ '{mark[0]}' }}}}", text)
