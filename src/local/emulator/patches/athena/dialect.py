"""Athena's SQL (Trino's) for DuckDB.

sqlglot translates syntax and most functions. What it leaves is restored here, from Trino's documentation of functions
and operators, which the Athena User Guide refers to for engine version 3:

- ``5 / 2`` is 2; decimal division and ``avg`` of decimals are decimals of the operands' scale;
- ``date_diff`` counts whole units, not boundaries crossed;
- ``sequence`` over dates has dates as elements, and a step of one day when none is given;
- a timestamp cast to varchar shows milliseconds;
- a column without a name is ``_col<n>``;
- text is never compared with a number, date or timestamp: TYPE_MISMATCH, where DuckDB would cast.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

log = logging.getLogger("starmend.athena")

AT = "@"  # between a table's name and the snapshot of it that a query names

Columns = Mapping[tuple[str, str], Mapping[str, str]]

# Functions of Trino's that neither sqlglot nor DuckDB knows.
MACROS = (
    "CREATE MACRO to_iso8601(x) AS strftime(x, '%Y-%m-%dT%H:%M:%S.%g')",
    "CREATE MACRO map_agg(k, v) AS map(list(k), list(v))",
    "CREATE MACRO every(x) AS bool_and(x)",
)
_JODA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "%g"}
_NUMBERS = exp.DataType.NUMERIC_TYPES
_INTEGERS = exp.DataType.INTEGER_TYPES
_TEXT = exp.DataType.TEXT_TYPES
_MOMENTS = exp.DataType.TEMPORAL_TYPES
_DECIMALS = {exp.DataType.Type.DECIMAL}
_DATE = exp.DataType.Type.DATE


def parse(query: str) -> exp.Expr:
    """The statement as a tree; ValueError with Athena's own words."""
    try:
        tree = sqlglot.parse_one(query, read="athena")
    except SqlglotError as error:
        raise ValueError(f"SYNTAX_ERROR: {str(error).splitlines()[0]}") from error
    return tree


def tables_of(tree: exp.Expr, database: str) -> set[tuple[str, str]]:
    """(database, table) of every table the query reads; completes the names in the tree and drops catalogs."""
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    names = set()
    for table in tree.find_all(exp.Table):
        if not table.name or (not table.db and table.name.lower() in ctes):
            continue
        table.set("catalog", None)
        if not table.db:
            table.set("db", exp.to_identifier(database, quoted=True))
        _name_snapshot(table)
        names.add((table.db, table.name))
    return names


def _name_snapshot(table: exp.Table) -> None:
    """``FOR VERSION AS OF`` a number makes a table of its own, which goes by the name that the query has for it."""
    version = table.args.get("version")
    if version is None:
        return
    number = version.expression
    if version.name != "VERSION" or not (isinstance(number, exp.Literal) and number.is_int):
        raise ValueError("NOT_SUPPORTED: only FOR VERSION AS OF a snapshot's number is known here")
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
    table.set("this", exp.to_identifier(f"{table.name}{AT}{number.name}", quoted=True))
    table.set("version", None)


def translate(tree: exp.Expr, columns: Columns) -> Iterator[str]:
    """DuckDB's SQL for the query: first with every type known, then, should DuckDB refuse that, as it was written."""
    name_outputs(tree)
    for prepare in (_resolved, _unresolved):
        try:
            prepared = prepare(tree.copy(), columns)
        except SqlglotError as error:
            log.info("types not resolved: %s", error)
            continue
        _refuse_mixed_comparisons(prepared)
        yield _rewritten(prepared).sql(dialect="duckdb")


def name_outputs(tree: exp.Expr) -> None:
    """Name the columns without a name as Athena does, in the SELECT that gives the result its names."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    for index, column in enumerate(select.expressions):
        if not isinstance(column, exp.Alias | exp.Column | exp.Star) and not column.is_star:
            column.replace(exp.alias_(column.copy(), f"_col{index}"))


def _resolved(tree: exp.Expr, columns: Columns) -> exp.Expr:
    schema = MappingSchema(dialect="athena", normalize=False)
    for (database, table), kinds in columns.items():
        typed = {name: exp.DataType.build(kind, dialect="duckdb") for name, kind in kinds.items()}
        schema.add_table(exp.table_(table, db=database), typed)
    tree = qualify(
        tree,
        schema=schema,
        dialect="athena",
        validate_qualify_columns=False,
        expand_stars=False,
        quote_identifiers=False,
    )
    return annotate_types(tree, schema=schema, dialect="athena")


def _unresolved(tree: exp.Expr, _columns: Columns) -> exp.Expr:
    return annotate_types(tree, dialect="athena")


def _refuse_mixed_comparisons(tree: exp.Expr) -> None:
    for node in tree.find_all(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In):
        others = [n for n in (*node.args.values(), *(node.args.get("expressions") or ())) if isinstance(n, exp.Expr)]
        texts = [n for n in others if isinstance(n, exp.Literal) and n.is_string]
        typed = [n for n in others if n.type and n.type.this in (_NUMBERS | _MOMENTS)]
        if texts and typed:
            kind = typed[0].type.sql(dialect="athena").lower() if typed[0].type else ""
            shown = f"{kind} {node.key} varchar({len(texts[0].name)})"
            raise ValueError(f"TYPE_MISMATCH: Cannot apply operator: {shown} in {node.sql(dialect='athena')}")


def _rewritten(tree: exp.Expr) -> exp.Expr:
    """The tree with every node rewritten, inner ones first, so that outer ones see the inner results."""
    for node in reversed(list(tree.walk(bfs=False))):
        new = _rewrite(node)
        if new is not node:
            new.type = new.to if isinstance(new, exp.Cast) else node.type
            node.replace(new)
    return tree


def _rewrite(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Div):
        return _division(node)
    if isinstance(node, exp.Avg) and _is(node.this, _DECIMALS):
        return exp.cast(node.copy(), _widest(node.this))
    if isinstance(node, exp.DateDiff):
        unit = exp.Literal.string(str(node.args["unit"].name if node.args.get("unit") else "day").lower())
        return exp.Anonymous(this="date_sub", expressions=[unit, node.expression.copy(), node.this.copy()])
    if isinstance(node, exp.GenerateSeries):
        return _sequence(node)
    if isinstance(node, exp.Cast) and node.to.this in _TEXT and _is(node.this, _MOMENTS - {_DATE}):
        form = exp.Literal.string("%Y-%m-%d %H:%M:%S.%g")
        return exp.Anonymous(this="strftime", expressions=[node.this.copy(), form])
    if isinstance(node, exp.Anonymous) and node.name.lower() == "format_datetime":
        moment, form = node.expressions
        return exp.Anonymous(this="strftime", expressions=[moment.copy(), exp.Literal.string(_strftime(form.name))])
    return node


def _division(node: exp.Div) -> exp.Expr:
    left, right = node.left, node.right
    if _is(left, _INTEGERS) and _is(right, _INTEGERS):
        return exp.IntDiv(this=left.copy(), expression=right.copy())
    exact = {*_INTEGERS, *_DECIMALS}
    if _is(left, exact) and _is(right, exact):
        scale = max(_scale(left), _scale(right))
        return exp.cast(exp.Div(this=left.copy(), expression=right.copy()), f"DECIMAL(38, {scale})")
    return node


def _sequence(node: exp.GenerateSeries) -> exp.Expr:
    start = node.args["start"]
    dated = _is(start, {_DATE}) or (isinstance(start, exp.Cast) and start.to.this == _DATE)
    if not dated:
        return node
    series = node.copy()
    if not series.args.get("step"):
        series.set("step", exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY")))
    return exp.cast(series, "DATE[]")


def _is(node: exp.Expr | None, kinds: object) -> bool:
    return node is not None and node.type is not None and node.type.this in kinds  # type: ignore[operator]


def _scale(node: exp.Expr) -> int:
    parameters = node.type.expressions if node.type else []
    return int(parameters[1].name) if len(parameters) > 1 else 0


def _widest(node: exp.Expr) -> str:
    return f"DECIMAL(38, {_scale(node)})"


def _strftime(joda: str) -> str:
    for letters, directive in _JODA.items():
        joda = joda.replace(letters, directive)
    return joda.replace("'", "")
