"""Relations that analysts read: star tables, their views and the pipeline's records, as the catalog has them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from core.contract.model import Contracts, Table
from core.rendering.catalog import catalog_tables
from core.rendering.views import UnknownMember, views_of
from core.warehouse.arrow_types import table_schema

MARK = pa.timestamp("us")  # when something was seen of a row; null: it was not
_PLAIN = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
}


@dataclass(frozen=True, slots=True)
class Relation:
    """Something that can be read by its name: ``columns`` in Athena's order, partition keys last, with their types.

    ``table`` is the star table that its rows are of; a view's are those in which the column ``condition`` is true, or
    null where it ``is_mark``. Without a table it is a record of the pipeline: JSON lines below ``location``. ``keys``
    are the partition keys, ``projection`` says which values of them the catalog lists.
    """

    name: str
    description: str
    columns: pa.Schema
    keys: tuple[str, ...] = ()
    table: Table | None = None
    condition: str = ""
    unknown: Mapping[str, UnknownMember] = field(default_factory=dict)
    location: str = ""
    projection: Mapping[str, str] = field(default_factory=dict)
    is_mark: bool = False

    @property
    def kind(self) -> str:
        """``fact``, ``dimension``, ``rollup``, ``calendar``, ``view`` or ``record``."""
        return "view" if self.condition else self.table.kind if self.table else "record"


def relations_of(contracts: Contracts) -> dict[str, Relation]:
    """The relations that analysts may read, by name."""
    catalog = catalog_tables(contracts)
    relations = {name: _relation(contracts, name, entry) for name, entry in catalog.items() if entry["analysts"]}
    for view in views_of(contracts, catalog):
        base = relations[view.table.name]
        shown = pa.schema([each for each in base.columns if each.name != view.condition])
        relations[view.name] = Relation(
            view.name, view.description, shown, base.keys, view.table, view.condition, view.unknown,
            projection=base.projection, is_mark=view.is_mark,
        )  # fmt: skip
    return dict(sorted(relations.items()))


def _relation(contracts: Contracts, name: str, entry: Mapping[str, Any]) -> Relation:
    keys = {each["name"]: type_named(each["type"]) for each in entry["partition_keys"]}
    table = contracts.table(name) if entry["format"] == "pointers" else None
    promised = table_schema(table) if table else None
    columns = [
        (each["name"], promised.field(each["name"]).type if promised else type_named(each["type"]))
        for each in entry["columns"]
    ]
    schema = pa.schema([*columns, *keys.items()])
    return Relation(
        name,
        entry["description"],
        schema,
        tuple(keys),
        table,
        location=entry["location"],
        projection=entry["projection"],
    )


def stored_columns(relation: Relation) -> pa.Schema:
    """The columns that objects and paths of a relation hold together, a view's condition included."""
    if not relation.condition:
        return relation.columns
    condition = pa.field(relation.condition, MARK if relation.is_mark else pa.bool_())
    return pa.schema([*relation.columns, condition])


_PIECE = re.compile(r"array<|struct<|[A-Za-z_]\w*|[(),:>]|\d+")


def type_named(text: str) -> pa.DataType:
    """The Arrow type of a type of the catalog: ``bigint``, ``array<struct<table:string,rows:bigint>>``."""
    return _type(iter(_PIECE.findall(text)))


def _type(pieces: Iterator[str]) -> pa.DataType:
    word = next(pieces)
    if word == "array<":
        item = _type(pieces)
        next(pieces)  # >
        return pa.list_(item)
    if word == "struct<":
        fields = []
        separator = ","
        while separator == ",":
            name = next(pieces)
            next(pieces)  # :
            fields.append(pa.field(name, _type(pieces)))
            separator = next(pieces)
        return pa.struct(fields)
    return _PLAIN[word]
