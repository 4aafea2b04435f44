"""Planned catalog tables and views, in the forms that Athena documents: projection, templates, columns, encoded views.

https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from tests.terraform.planned import Resource, short

LARGEST_PARAMETER = 512_000  # bytes of a value
UNITS = {"YEARS", "MONTHS", "WEEKS", "DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS"}
MOMENT = r"NOW(?:\s*[+-]\s*\d+\s*(?:YEARS|MONTHS|WEEKS|DAYS|HOURS|MINUTES|SECONDS))?"
SIMPLE = r"string|int|bigint|smallint|tinyint|boolean|double|float|date|timestamp|binary|decimal\(\d{1,2},\d{1,2}\)"
FIELD = rf"\w+:(?:{SIMPLE})"
TRINO = {"string": "varchar", "int": "integer", "timestamp": "timestamp(3)", "float": "real"}
# https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html, considerations: numbers of rows are not promised
OPENX = "org.openx.data.jsonserde.JsonSerDe"
FORMATS = {
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": {
        "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    },
    "org.apache.hive.hcatalog.data.JsonSerDe": {"org.apache.hadoop.mapred.TextInputFormat"},
    OPENX: {"org.apache.hadoop.mapred.TextInputFormat"},
    "org.apache.hadoop.hive.serde2.RegexSerDe": {"org.apache.hadoop.mapred.TextInputFormat"},
}


def tables(planned: Sequence[Resource]) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in planned:
        if resource.type == "aws_glue_catalog_table" and not is_shell(resource):
            yield short(resource.address), resource.values


def is_shell(resource: Resource) -> bool:
    """Whether it is a table of the mirror's, which the mirror itself fills in."""
    return (resource.values.get("parameters") or {}).get("table_type") == "ICEBERG"


def columns_and_keys(planned: Sequence[Resource]) -> Iterator[str]:
    """A column and a partition key never share a name, in any case; types are Athena's; parameters fit."""
    for address, table in tables(planned):
        keys = [key["name"] for key in table["partition_keys"] or ()]
        columns = [column for storage in table["storage_descriptor"] for column in storage["columns"]]
        names = [name.lower() for name in (*(column["name"] for column in columns), *keys)]
        if len(set(names)) < len(names):
            yield f"{address}: a name twice among columns and partition keys"
        if not columns:
            yield f"{address}: no column"
        for column in (*columns, *(table["partition_keys"] or ())):
            if not _is_type(column["type"]):
                yield f"{address}: {column['name']} is of type {column['type']}"
        for key, value in (table["parameters"] or {}).items():
            if len(key) > 255 or len(value.encode()) > LARGEST_PARAMETER:
                yield f"{address}: parameter {key[:60]} of {len(value.encode())} bytes"
        for storage in table["storage_descriptor"] if table["table_type"] == "EXTERNAL_TABLE" else ():
            library = storage["ser_de_info"][0]["serialization_library"]
            if storage["input_format"] not in FORMATS.get(library, ()):
                yield f"{address}: {library} does not read {storage['input_format']}"
            if library == OPENX and not table["name"].startswith("raw_"):
                yield f"{address}: {library} may give more rows, fewer rows or nulls"
            if not re.fullmatch(r"s3://[a-z0-9.-]+/(?:[^/]+/)*", storage["location"] or ""):
                yield f"{address}: location {storage['location']}"


def _is_type(text: str) -> bool:
    """Athena's words for types, from the inside out: what is nested becomes a simple type."""
    while (
        outer := re.sub(
            rf"array<(?:{SIMPLE})>|map<(?:{SIMPLE}),(?:{SIMPLE})>|struct<{FIELD}(?:,{FIELD})*>", "int", text
        )
    ) != text:
        text = outer
    return re.fullmatch(SIMPLE, text) is not None


def projections(planned: Sequence[Resource]) -> Iterator[str]:
    """Every partition key is projected, in the forms of its type, and stands in the template."""
    for address, table in tables(planned):
        parameters: Mapping[str, str] = table["parameters"] or {}
        keys = {key["name"]: key["type"] for key in table["partition_keys"] or ()}
        if bool(keys) != (parameters.get("projection.enabled") == "true"):
            yield f"{address}: partition keys without projection, or projection without keys"
        template = parameters.get("storage.location.template", "")
        if template and set(re.findall(r"\$\{(\w+)\}", template)) != set(keys):
            yield f"{address}: the template {template[-80:]} does not name every key once"
        if template and not (template.startswith("s3://") and template.endswith("/")):
            yield f"{address}: the template {template[-80:]}"
        projected = {
            name.split(".")[1] for name in parameters if name.count(".") > 1 and name.startswith("projection.")
        }
        if projected != set(keys):
            yield f"{address}: projected are {sorted(projected)}, keys are {sorted(keys)}"
        for key, kind in keys.items():
            rules = {
                name.removeprefix(f"projection.{key}."): value
                for name, value in parameters.items()
                if name.startswith(f"projection.{key}.")
            }
            yield from (f"{address}: {key}: {text}" for text in _projection(rules, kind))


def _projection(rules: Mapping[str, str], kind: str) -> Iterator[str]:
    checks = {"enum": _enum, "integer": _integer, "date": _date, "injected": _injected}
    if rules.get("type") not in checks:
        yield f"no kind of projection: {rules.get('type')}"
        return
    yield from checks[rules["type"]](rules, kind)


def _enum(rules: Mapping[str, str], kind: str) -> Iterator[str]:
    values = rules.get("values", "").split(",")
    if set(rules) != {"type", "values"} or not all(values) or len(set(values)) < len(values):
        yield "an enumeration of empty or repeated values"
    # A path of several folders is one value where the location's template has it whole (docs/emulator.md).
    if any(value != value.strip() or re.search(r"[\s=]|^/|//|/$", value) for value in values):
        yield "an enumerated value that no folder can be called"


def _integer(rules: Mapping[str, str], kind: str) -> Iterator[str]:
    bounds = re.fullmatch(r"(-?\d+),(-?\d+)", rules.get("range", ""))
    if not bounds or int(bounds[1]) > int(bounds[2]) or kind not in ("int", "bigint", "string"):
        yield f"an integer from {rules.get('range')} in a column of {kind}"
    if not set(rules) <= {"type", "range", "interval", "digits"}:
        yield f"{sorted(rules)} are no rules of an integer"


def _date(rules: Mapping[str, str], kind: str) -> Iterator[str]:
    pattern, (first, _, last) = rules.get("format", ""), rules.get("range", "").partition(",")
    if not re.fullmatch(r"(?:y{4}|M{2}|d{2}|H{2}|m{2}|s{2}|[-/:_])+", pattern) or kind not in ("string", "date"):
        yield f"a date of format {pattern} in a column of {kind}"
    literal = re.sub(r"[yMdHms]", r"\\d", pattern)
    for bound in (first, last):
        if not re.fullmatch(rf"{literal}|{MOMENT}", bound):
            yield f"{bound} is neither a date of the format {pattern} nor NOW with a distance"
    if rules.get("interval.unit") not in UNITS or not re.fullmatch(r"[1-9]\d*", rules.get("interval", "")):
        yield f"an interval of {rules.get('interval')} {rules.get('interval.unit')}"
    finest = {"y": "YEARS", "M": "MONTHS", "d": "DAYS", "H": "HOURS", "m": "MINUTES"}.get(pattern[-1:], "")
    if finest and rules.get("interval.unit") != finest:
        yield f"steps of {rules.get('interval.unit')} in a format whose finest part is {finest}"
    if not set(rules) <= {"type", "format", "range", "interval", "interval.unit"}:
        yield f"{sorted(rules)} are no rules of a date"


def _injected(rules: Mapping[str, str], kind: str) -> Iterator[str]:
    if set(rules) != {"type"} or kind != "string":
        yield "an injected key has no rules and is a string"


def views(planned: Sequence[Resource]) -> Iterator[str]:
    """A view is Athena's JSON in base64; its columns are its query's and the catalog's, in the engine's types."""
    known = {
        table["name"]: {
            c["name"] for c in (*table["storage_descriptor"][0]["columns"], *(table["partition_keys"] or ()))
        }
        for _, table in tables(planned)
        if table["table_type"] == "EXTERNAL_TABLE"
    }
    for address, table in tables(planned):
        if table["table_type"] != "VIRTUAL_VIEW":
            continue
        encoded = re.fullmatch(r"/\* Presto View: ([A-Za-z0-9+/=]+) \*/", table["view_original_text"] or "")
        if (
            not encoded
            or table["view_expanded_text"] != "/* Presto View */"
            or table["parameters"].get("presto_view") != "true"
        ):
            yield f"{address}: not in the form in which Athena keeps a view"
            continue
        view = json.loads(base64.b64decode(encoded[1]))
        yield from (f"{address}: {text}" for text in _view(view, table, known))


def _view(view: dict[str, Any], table: dict[str, Any], known: Mapping[str, set[str]]) -> Iterator[str]:
    catalog = [
        (column["name"], TRINO.get(column["type"], column["type"]))
        for column in table["storage_descriptor"][0]["columns"]
    ]
    if [(column["name"], column["type"]) for column in view["columns"]] != catalog:
        yield "its columns differ from the catalog's"
    if view["catalog"] != "awsdatacatalog" or view["schema"] != table["database_name"]:
        yield f"it lies in {view['catalog']}.{view['schema']}"
    query = sqlglot.parse_one(view["originalSql"], read="athena")
    for name in (*query.find_all(exp.Table), *query.find_all(exp.Column)):
        if not name.this.quoted:
            yield f"{name.name} is not quoted: a reserved word would break the view"
    selected = [column.alias_or_name for column in query.selects]
    sources = [source.name for source in query.find_all(exp.Table)]
    if selected != [name for name, _ in catalog] or not all(
        set(selected) <= known.get(source, set()) for source in sources
    ):
        yield f"it selects what {sources} do not have"
