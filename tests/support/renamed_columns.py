"""Source columns that get another name: in the contract as its author writes it, and in lines that are there."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.support.fitting_lines import encoded

from core.contract.model import Contract, Contracts, Database, Feed, SourceTable


def rename_source_column(contract: dict[str, Any], draw: random.Random) -> None:
    """Give a column of a source another name, in place, wherever the contract names it; it says the former one."""
    if "tables" in contract["source"]:
        _rename_column(contract, draw)
    else:
        _rename_field(contract, draw)


def without_former_names(contracts: Contracts) -> Contracts:
    """The contracts of somebody who had the new names from the start."""
    return replace(contracts, contracts=tuple(map(_without, contracts)))


def lines_by(names: Mapping[str, str], lines: Iterable[bytes]) -> bytes:
    """Lines with their fields under other names, written anew."""
    rows = (json.loads(line, parse_float=Decimal) for line in lines)
    return b"".join(encoded({names.get(name, name): value for name, value in row.items()}) for row in rows)


def _without(contract: Contract) -> Contract:
    def plain(table: SourceTable) -> SourceTable:
        return replace(table, fields=tuple(replace(field, was=()) for field in table.fields))

    source = contract.source
    if isinstance(source, Database):
        source = replace(source, tables=tuple(map(plain, source.tables)))
    elif isinstance(source, Feed):
        source = replace(source, table=plain(source.table))
    return replace(contract, source=source)


def _rename_column(contract: dict[str, Any], draw: random.Random) -> None:
    source = draw.choice(list(contract["source"]["tables"]))
    table = contract["source"]["tables"][source]
    old = draw.choice(list(table["columns"]))
    new = f"{old}_{draw.randrange(1000)}"
    written = table["columns"][old]
    shape = {"type": written} if isinstance(written, str) else dict(written)
    shape["was"] = [old, *shape.get("was", ())]
    table["columns"] = {new if each == old else each: shape if each == old else kind for each, kind in _items(table)}
    for role in ("key", "created_at", "changed_at"):
        if role in table:
            table[role] = _renamed(table[role], old, new)
    for star in contract["warehouse"].values():
        if star["kind"] not in ("fact", "dimension"):
            continue
        is_own = star.get("from") == source
        if is_own and "join" in star:
            star["join"] = {joined: new if on == old else on for joined, on in star["join"].items()}
        star["columns"] = {
            name: _taking(name, column, (old, new) if is_own else None, (f"{source}.{old}", f"{source}.{new}"))
            for name, column in _items(star)
        }


def _rename_field(contract: dict[str, Any], draw: random.Random) -> None:
    """A column of a feed's fact takes its field under another name, and so do all that take it."""
    facts = [star for star in contract["warehouse"].values() if star["kind"] == "fact"]
    fields = [_taken(name, column) for fact in facts for name, column in _items(fact)]
    taken = {field for field in fields if field in ("volume", "extra", "price")}
    calls = [contract["source"][role].get("rest") for role in ("provider", "history") if role in contract["source"]]
    if not taken or not all(isinstance(call, dict) for call in calls):
        return
    old = draw.choice(sorted(taken))
    new = f"{old}_{draw.randrange(1000)}"
    for call in calls:
        for kind in ("live", "history"):
            call[kind]["fields"] = {new if name == old else name: path for name, path in call[kind]["fields"].items()}
    for fact in facts:
        for name, column in _items(fact):
            if _taken(name, column) == old:
                shape = {"type": column} if isinstance(column, str) else dict(column)
                fact["columns"][name] = shape | {"from": new, "was": [old, *shape.get("was", ())]}


def _items(table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(table["columns"].items())


def _renamed(names: Any, old: str, new: str) -> Any:
    return [_renamed(name, old, new) for name in names] if isinstance(names, list) else new if names == old else names


def _taken(name: str, column: Any) -> Any:
    """The field that a warehouse column takes; None where it takes none."""
    if isinstance(column, str):
        return name
    return None if {"surrogate", "lookup", "aggregate"} & column.keys() else column.get("from", name)


def _taking(name: str, column: Any, own: tuple[str, str] | None, joined: tuple[str, str]) -> Any:
    shape = {"type": column} if isinstance(column, str) else dict(column)
    taken = _taken(name, column)
    if own and taken == own[0]:
        return shape | {"from": own[1]}
    if taken == joined[0]:
        return shape | {"from": joined[1]}
    if own and isinstance(shape.get("lookup"), dict) and shape["lookup"].get("by") == own[0]:
        return shape | {"lookup": shape["lookup"] | {"by": own[1]}}
    return column
