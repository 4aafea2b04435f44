"""Random contracts, good ones with a few random changes, and objects that fit them.

What the contract check accepts must process: ``failure_of`` says what came of one contract, or nothing.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import yaml
from tests.support.lake import NOW, MemoryLake

from core.authoring.load import examine
from core.contract.codec import load_rendered
from core.contract.model import (
    Aggregated,
    Check,
    Column,
    Contract,
    Contracts,
    Feed,
    GroupValue,
    LookedUp,
    SourceTable,
    Table,
    Take,
    TakeByKind,
)
from core.contract.types import ColumnType
from core.feeds.partitions import column_of
from core.rendering.render import render
from core.time import iso
from processing.derived.dimensions import derive_static
from processing.derived.rollups import derive_rollup
from processing.plan import static_tables

TODAY = date(2026, 11, 20)
LOOKUPS = {
    "codes": "code,title,level\nA,First,1\nB,Second,2\nC,Third,3\n",
    "levels": "level,title\n1,First\n2,Second\n3,Third\n",
}
TYPES = (
    "string", "int", "bigint", "boolean", "date", "timestamp", "double", "json", "decimal(10,2)", "decimal(18,6)",
)  # fmt: skip
NAMES = (
    "amount", "month", "day", "hour", "sale_id_bucket", "symbol_bucket", "name", "Name", "is_latest", "deleted_at",
    "checked_at", "kind", "provenance", "valid_from", "code", "date_id", "created_at", "sale_id", "symbol", "minute",
    "starmend_deleted_at",
)  # fmt: skip
TABLES = (
    "processing_log", "completeness", "quarantine", "raw_sale", "raw_shop", "current_person", "fact_sale_now",
    "fact_sale_hourly_complete", "entities", "person", "sale", "shop", "fact_sale", "dim_person",
)  # fmt: skip
LITERALS = (
    "0",
    "0.5",
    "0.001",
    "abc",
    "true",
    "2026-01-01",
    "2026-01-01T10:00:00Z",
    "1e3",
    "99999999999999",
    "-1",
    "A",
)
VALUES = ("A", "B", "1", "1.5", "1.50", "true", "2026-11-02", "a b", "observed", "repaired", "late", "live", "history")
OPERATORS = (">", ">=", "<", "<=", "=", "!=")
PARTS = ("month", "day", "hour", "year", "week", "bucket", "")
AGGREGATES = ("first", "last", "min", "max", "sum", "count", "expected", "repaired", "absent", "complete", "median")


def written_contract(draw: random.Random) -> dict[str, Any]:
    """A contract as its author writes it: a good one, and up to four changes of which any may be wrong."""
    contract = good_contract(draw)
    for _ in range(draw.choice((0, 1, 1, 2, 2, 3, 4))):
        changed(contract, draw)
    return contract


def good_contract(draw: random.Random) -> dict[str, Any]:
    """A contract as its author writes it who makes no mistake, as far as that is without trying."""
    return _database(draw) if draw.random() < 0.65 else _feed(draw)


def _database(draw: random.Random) -> dict[str, Any]:
    person: dict[str, Any] = {"person_id": "int", "code": "string", "born": "date?", "changed_at": "timestamp"}
    sale: dict[str, Any] = {"sale_id": draw.choice(("int", "bigint", "string")), "person_id": "int"}
    sale |= {"created_at": "timestamp", "changed_at": "timestamp", "due": "string", "code": "string"}
    extra = {f"extra_{number}": draw.choice(TYPES) + draw.choice(("", "?")) for number in range(draw.randrange(4))}
    sale |= extra
    columns: dict[str, Any] = {"sale_id": sale["sale_id"], "person_id": "int", "changed_at": "timestamp"}
    columns["created_at"] = {"type": "timestamp", "immutable": True}
    columns["due"] = draw.choice(("string", "date", "timestamp"))
    columns |= {name: kind.rstrip("?") for name, kind in extra.items()}
    columns["record_id"] = {"type": "bigint", "surrogate": ["sale_id", "changed_at"]}
    columns["title"] = {"type": "string", "lookup": {"table": "codes", "by": "code", "column": "title"}}
    columns["deleted_at"] = columns["checked_at"] = "timestamp"
    fact: dict[str, Any] = {"kind": "fact", "from": "sale", "grain": "sales", "key": ["sale_id", "changed_at"]}
    fact |= {"version": ["changed_at", "checked_at"], "partition_by": draw.choice(_partitions("sale_id", "created_at"))}
    fact |= {"history_of": "sale_id", "since": "2024-01-01", "columns": columns}
    people: dict[str, Any] = {"person_id": "int", "code": "string", "born": "date"}
    dimension = {"kind": "dimension", "from": "person", "key": "person_id", "columns": people}
    buyers: dict[str, Any] = {"sale_id": sale["sale_id"], "buyer": {"type": "string", "from": "person.code"}}
    buyer = {"kind": "dimension", "from": "sale", "key": "sale_id", "join": {"person": "person_id"}, "columns": buyers}
    tables: dict[str, Any] = {"sale": {"key": "sale_id", "changed_at": "changed_at", "columns": sale}}
    tables["person"] = {"key": "person_id", "changed_at": "changed_at", "columns": person}
    source = {"kind": "database", "engine": "postgresql", "secret": "shop-db", "every": "5 minutes", "tables": tables}
    warehouse = {"fact_sale": fact, "dim_person": dimension, "dim_buyer": buyer}
    return {"dataset": "shop", "source": source, "warehouse": warehouse | _days(draw)}


def _feed(draw: random.Random) -> dict[str, Any]:
    call = {"path": "/{entity}", "fields": {"price": "p", "volume": "v", "extra": "x"}, "time": "t"}
    rest = {"rest": {"url": "https://prices.example", "live": call, "history": call}}
    columns: dict[str, Any] = {"symbol": "string", "minute": "timestamp"}
    columns |= {"price": {"type": "decimal(18,6)", "required": True}, "volume": "bigint", "extra": draw.choice(TYPES)}
    columns["provenance"] = {"type": "string", "one_of": ["observed", "late", "repaired"]}
    columns["provenance"]["rank"] = ["repaired", "late", "observed"]
    columns["fetched_at"] = "timestamp"
    fact: dict[str, Any] = {"kind": "fact", "grain": "points", "key": ["symbol", "minute"], "since": "2026-01-01"}
    fact |= {"version": ["provenance", "fetched_at"], "partition_by": draw.choice(_partitions("symbol", "minute"))}
    unit = draw.choice(("hour", "day"))
    aggregates: dict[str, Any] = {"open": {"type": "decimal(18,6)", "aggregate": "first(price)"}}
    aggregates |= {"total": {"type": "bigint", "aggregate": "sum(volume)"}}
    aggregates |= {
        f"{function}_{name}": {"type": _longer(columns[name], function, draw), "aggregate": f"{function}({name})"}
        for function, name in draw.sample([(each, of) for each in _VALUED for of in ("price", "extra")], 4)
        if function != "sum" or name == "price" or columns[name].startswith(("decimal", "int", "bigint", "double"))
    }
    aggregates |= {name: {"type": "int", "aggregate": f"{name}()"} for name in ("expected", "repaired", "absent")}
    aggregates |= {"complete": {"type": "boolean", "aggregate": "complete()"}}
    rollup = {"kind": "rollup", "from": "fact_sale", "by": ["symbol", f"{unit}(minute)"], "columns": aggregates}
    entity = {"kind": "dimension", "from": "entities", "key": "symbol", "columns": {"symbol": "string"}}
    warehouse = {"fact_sale": fact | {"columns": columns}, "fact_sale_hourly": rollup, "dim_symbol": entity}
    source: dict[str, Any] = {"kind": "feed", "provider": rest, "history": copy.deepcopy(rest), "secret": "key"}
    source |= {"every": draw.choice(("1 minute", "1 hour")), "calendar": "always", "point": ["symbol", "minute"]}
    source |= {"entities": ["AAPL", "MSFT", "ZM"], "settle": "3 minutes", "complete_within": "2 hours"}
    return {"dataset": "shop", "source": source | {"rate_limit": "60 / minute"}, "warehouse": warehouse | _days(draw)}


_VALUED = ("first", "last", "min", "max", "sum")  # aggregates that are of a column's values


def _longer(column: Any, function: str, draw: random.Random) -> str:
    """A type that holds the aggregate of a column: its own, or a longer one."""
    kind = str(column if isinstance(column, str) else column["type"])
    if kind.startswith("decimal"):
        precision, scale = map(int, kind.removeprefix("decimal(").rstrip(")").split(","))
        return draw.choice((kind, f"decimal({precision + 6},{scale})", f"decimal(38,{scale + 2})"))
    return "bigint" if kind == "int" and (function == "sum" or draw.random() < 0.5) else kind


def _partitions(key: str, time: str) -> tuple[Any, ...]:
    parts = (f"month({time})", [f"bucket({key}, 4)", f"day({time})"], f"year({time})", f"bucket({key}, 8)")
    return (*parts, ["symbol", "month(minute)"]) if key == "symbol" else parts


def _days(draw: random.Random) -> dict[str, Any]:
    return {"dim_date": {"kind": "calendar", "from": "2026-11-01", "to": "2026-11-30"}} if draw.random() < 0.3 else {}


# ---------------------------------------------------------------- changes

Change = Callable[[dict[str, Any], random.Random], None]


def _table(contract: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    tables = [table for table in contract["warehouse"].values() if "columns" in table]
    chosen: dict[str, Any] = draw.choice(tables)
    return chosen


def _column(contract: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """A column of some warehouse table, as a mapping that may be changed."""
    columns = _table(contract, draw)["columns"]
    name = draw.choice(list(columns))
    columns[name] = {"type": columns[name]} if isinstance(columns[name], str) else dict(columns[name])
    chosen: dict[str, Any] = columns[name]
    return chosen


def _source_columns(contract: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    tables = contract["source"].get("tables")
    return draw.choice(list(tables.values()))["columns"] if tables else {}


def _retype(contract: dict[str, Any], draw: random.Random) -> None:
    _column(contract, draw)["type"] = draw.choice(TYPES)


def _retype_source(contract: dict[str, Any], draw: random.Random) -> None:
    if columns := _source_columns(contract, draw):
        columns[draw.choice(list(columns))] = draw.choice(TYPES) + draw.choice(("", "?"))


def _retype_both(contract: dict[str, Any], draw: random.Random) -> None:
    """A field and the columns of its name get one other type."""
    if columns := _source_columns(contract, draw):
        name, kind = draw.choice(list(columns)), draw.choice(TYPES)
        columns[name] = kind
        for table in contract["warehouse"].values():
            if isinstance(table.get("columns", {}).get(name), str):
                table["columns"][name] = kind


def _check_column(contract: dict[str, Any], draw: random.Random) -> None:
    _column(contract, draw)["check"] = f"{draw.choice(OPERATORS)} {draw.choice(LITERALS)}"


def _list_values(contract: dict[str, Any], draw: random.Random) -> None:
    column, values = _column(contract, draw), draw.sample(VALUES, draw.randrange(1, 4))
    column["one_of"] = values
    if draw.random() < 0.5:
        column["rank"] = draw.sample(values, len(values))


def _rename(contract: dict[str, Any], draw: random.Random) -> None:
    """A column gets another name, and still takes the field that it took."""
    columns = _table(contract, draw)["columns"]
    name = draw.choice(list(columns))
    column = columns.pop(name)
    column = {"type": column} if isinstance(column, str) else dict(column)
    if not {"surrogate", "lookup", "aggregate", "from"} & column.keys():
        column["from"] = name
    columns[draw.choice(NAMES)] = column


def _add_source_column(contract: dict[str, Any], draw: random.Random) -> None:
    if columns := _source_columns(contract, draw):
        columns[draw.choice(NAMES)] = draw.choice(TYPES) + draw.choice(("", "?"))


def _rename_table(contract: dict[str, Any], draw: random.Random) -> None:
    tables = contract["warehouse"]
    if draw.random() < 0.3 and "tables" in contract["source"]:
        tables = contract["source"]["tables"]
    name, other = draw.choice(list(tables)), draw.choice(TABLES)
    tables[other] = tables.pop(name)
    for table in contract["warehouse"].values():
        if table.get("from") == name:
            table["from"] = other


def _take_another(contract: dict[str, Any], draw: random.Random) -> None:
    names = [*NAMES, "person.code", "person.person_id", "sale.due"]
    _column(contract, draw)["from"] = draw.choice((draw.choice(names), {"live": "price", "history": "volume"}))
    if draw.random() < 0.3:
        _column(contract, draw)["as"] = draw.choice(("date", "time"))


def _rule(contract: dict[str, Any], draw: random.Random) -> None:
    """A column gets another origin, whichever table it is in."""
    names = list(_table(contract, draw)["columns"])
    aggregate = f"{draw.choice(AGGREGATES)}({draw.choice((*names, '', '', 'price'))})"
    lookup = {"table": draw.choice(tuple(LOOKUPS)), "by": draw.choice((*NAMES, "person_id"))}
    lookup["column"] = draw.choice(("title", "level", "code"))
    surrogate = draw.sample(names, min(2, len(names)))
    origin = draw.choice(({"aggregate": aggregate}, {"lookup": lookup}, {"surrogate": surrogate}))
    _table(contract, draw)["columns"][draw.choice(NAMES)] = {"type": draw.choice(TYPES), **origin}


def _rekey(contract: dict[str, Any], draw: random.Random) -> None:
    table = _table(contract, draw)
    names = [*table["columns"], "is_latest"]
    role = draw.choice(("key", "version", "history_of")) if table["kind"] == "fact" else "key"
    if table["kind"] != "rollup":
        table[role] = [draw.choice(names) for _ in range(draw.randrange(1, 3))]


def _rekey_source(contract: dict[str, Any], draw: random.Random) -> None:
    if tables := contract["source"].get("tables"):
        table = draw.choice(list(tables.values()))
        names = list(table["columns"])
        change = draw.choice(({"key": draw.sample(names, 1)}, {"changed_at": draw.choice(names)}))
        table.update(change)
    else:
        contract["source"]["point"] = draw.sample(NAMES, 2) if draw.random() < 0.5 else ["symbol", "symbol"]


def _repartition(contract: dict[str, Any], draw: random.Random) -> None:
    tables = [table for table in contract["warehouse"].values() if table["kind"] in ("fact", "rollup")]
    if not tables:  # another change took the last one's name
        return
    table = draw.choice(tables)
    names = [*table["columns"], "symbol", "minute"]

    def part() -> str:
        kind, name = draw.choice(PARTS), draw.choice(names)
        return name if not kind else f"{kind}({name}, 4)" if kind == "bucket" else f"{kind}({name})"

    if table["kind"] == "rollup" and draw.random() < 0.5:
        table["by"] = [part() for _ in range(draw.randrange(1, 3))]
        return
    table["partition_by"] = parts = [part() for _ in range(draw.randrange(1, 3))]
    for name, column in table["columns"].items():
        if any(name in text for text in parts) and draw.random() < 0.7:
            column = {"type": column} if isinstance(column, str) else dict(column)
            table["columns"][name] = column | {"immutable": True}


def _roll_up(contract: dict[str, Any], draw: random.Random) -> None:
    """A rollup gets other groups or another aggregate."""
    for table in contract["warehouse"].values():
        if table["kind"] == "rollup" and draw.random() < 0.3:
            table["by"] = draw.sample(["symbol", "minute", "day(minute)", "year(minute)", "week(minute)", "price"], 2)
        elif table["kind"] == "rollup":
            aggregate = f"{draw.choice(AGGREGATES)}({draw.choice(('', 'price', 'volume', 'symbol', 'provenance'))})"
            table["columns"]["aggregate"] = {"type": draw.choice(TYPES), "aggregate": aggregate}


def _join(contract: dict[str, Any], draw: random.Random) -> None:
    dimensions = [table for table in contract["warehouse"].values() if table["kind"] == "dimension"]
    if dimensions:
        table = draw.choice(dimensions)
        table["join"] = {draw.choice(("person", "sale")): draw.choice((*NAMES, "person_id", "due", "changed_at"))}
        fields = ("code", "person_id", "due", "changed_at", "born")
        field = f"{next(iter(table['join']))}.{draw.choice(fields)}"
        table["columns"]["joined"] = {"type": draw.choice(TYPES), "from": field}


def _refer(contract: dict[str, Any], draw: random.Random) -> None:
    target = draw.choice(("dim_person.person_id", "dim_person.code", "dim_date.date_id", "dim_symbol.symbol"))
    _column(contract, draw)["references"] = target


def _flag(contract: dict[str, Any], draw: random.Random) -> None:
    _column(contract, draw)[draw.choice(("required", "immutable"))] = True


def _time(contract: dict[str, Any], draw: random.Random) -> None:
    contract["source"]["every"] = draw.choice(("0 minutes", "30 seconds", "1 minute", "7 minutes", "1 day"))


def _bound(contract: dict[str, Any], draw: random.Random) -> None:
    table = draw.choice(list(contract["warehouse"].values()))
    if table["kind"] == "calendar":
        table["to"] = draw.choice(("2020-01-01", "2026-12-01"))
    elif table["kind"] == "fact":
        table["since"] = draw.choice(("1900-01-01", "2026-11-20", "2040-01-01"))
    elif "entities" in contract["source"]:
        attributes = {"name": draw.choice(("Apple", "5")), "code": "A"}
        contract["source"]["entities"] = {"AAPL": {"attributes": attributes}, "MSFT": {"valid_from": "2026-01-01"}}
        table["columns"][draw.choice(("name", "valid_from", "code"))] = draw.choice(TYPES)


def _name_entities(contract: dict[str, Any], draw: random.Random) -> None:
    if "entities" in contract["source"]:
        contract["source"]["entities"] = draw.sample(["ON", True, 448, 750, "ON", "a b", "", "B,C", 1.5, None], 3)


def _keep_history(contract: dict[str, Any], draw: random.Random) -> None:
    table = _table(contract, draw)
    if table["kind"] == "fact" and table.pop("history_of", None) is None:
        table["history_of"] = [draw.choice(table["key"])] if isinstance(table["key"], list) else [table["key"]]


_CHANGES: Sequence[Change] = (
    _retype, _retype_source, _retype_both, _check_column, _list_values, _rename, _add_source_column, _rename_table,
    _take_another, _rule, _rekey, _rekey_source, _repartition, _roll_up, _join, _refer, _flag, _time, _bound,
    _name_entities, _keep_history,
)  # fmt: skip


def changed(contract: dict[str, Any], draw: random.Random) -> None:
    """Change one thing of a written contract, in place; the result may be refused."""
    draw.choice(_CHANGES)(contract, draw)


# ---------------------------------------------------------------- objects that fit


@dataclass(frozen=True)
class _Wish:
    """What the tables want of a field's values beside its type."""

    check: Check | None = None
    values: tuple[str, ...] = ()
    as_type: ColumnType | None = None


def lines_of(contract: Contract, contracts: Contracts, source: SourceTable, *, count: int = 3) -> list[bytes]:
    """Lines of a source table that keep all that the contract says of them, and one that changes the first of them."""
    columns: dict[str, list[Column]] = {}
    looked_up: dict[str, list[str]] = {}
    for table in contract.tables:
        if table.source in (source.name, "entities") and table.kind in ("fact", "dimension"):
            for column in table.columns:
                rule = column.rule
                names = (rule.field,) if isinstance(rule, Take) else ()
                names = (rule.live, rule.history) if isinstance(rule, TakeByKind) else names
                for name in names:
                    columns.setdefault(name, []).append(column)
                if isinstance(rule, LookedUp):
                    first = next(iter(contracts.lookup(rule.lookup).columns.values()))
                    looked_up[rule.by] = list(first)
    feed = contract.source if isinstance(contract.source, Feed) else None
    lines = []
    for number in (*range(count), 0):
        line: dict[str, Any] = {}
        for field in source.fields:
            if field.added:
                continue
            line[field.name] = _value(field.type, number, columns.get(field.name, ()), looked_up.get(field.name))
        if feed is not None:
            line |= {"kind": ("live", "history")[number % 2], "provenance": ("observed", "repaired")[number % 2]}
            line[feed.entity_column] = feed.entities[number % len(feed.entities)].name
            slot = int(NOW.timestamp()) // feed.every - number
            line[feed.time_column] = iso(slot * feed.every)
        if len(lines) == count and source.changed_at:
            line[source.changed_at] = "2026-11-20T14:30:00"
        lines.append(_encoded(line))
    return lines


def _encoded(line: Mapping[str, Any]) -> bytes:
    """One line; decimals are written digit by digit."""
    parts = (f"{json.dumps(name)}:{_as_json(value)}" for name, value in line.items())
    return f"{{{','.join(parts)}}}\n".encode()


def _as_json(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def _value(kind: ColumnType, number: int, columns: Sequence[Column], keys: Sequence[Any] | None) -> Any:
    """A value of the type, the ``number``-th, that satisfies the columns which take it as far as any of it does."""
    targets = {column.type.name for column in columns if isinstance(column.rule, Take) and column.rule.form == "value"}
    as_kept = _as_json if kind.name == "json" else lambda value: value
    pool = [_plain(kind, number + offset, targets) for offset in range(3)]
    for column in columns:
        pool += [_typed(kind, text) for text in column.one_of]
        if column.check:
            pool += _near(kind, column.check.literal)
    keys = None if targets & {"date", "timestamp"} else [_typed(kind, key) for key in keys or ()]
    pool += keys or []
    fitting = [
        value for value in pool if value is not None and all(_satisfies(as_kept(value), column) for column in columns)
    ]
    fitting = [value for value in fitting if not keys or value in keys] or fitting
    return fitting[0] if fitting else pool[0]


def _plain(kind: ColumnType, number: int, targets: set[str]) -> Any:
    texts = "2026-11-02" if targets & {"date", "timestamp"} else f"text {number}"
    return {
        "string": texts,
        "json": {"number": number},
        "int": number + 1,
        "bigint": number + 1,
        "boolean": number % 2 == 0,
        "date": f"2026-11-{number + 2:02d}",
        "timestamp": f"2026-11-20T{number + 10:02d}:00:00",
        "double": number + 0.5,
        "decimal": Decimal(number + 1).scaleb(-min(kind.scale, 1)) if kind.precision else None,
    }[kind.name]


def _typed(kind: ColumnType, text: str) -> Any:
    try:
        if kind.name in ("int", "bigint"):
            return int(text)
        if kind.name == "boolean":
            return {"true": True, "false": False}[text]
        if kind.name == "decimal":
            return Decimal(text)
        if kind.name == "json":
            return json.loads(text, parse_float=Decimal)
        return float(text) if kind.name == "double" else text
    except (ValueError, ArithmeticError, KeyError):
        return None


def _near(kind: ColumnType, literal: str) -> list[Any]:
    value = _typed(kind, literal)
    if isinstance(value, bool):
        return [True, False]
    if isinstance(value, int | float):
        return [value, value + 1, value - 1]
    if isinstance(value, Decimal):
        step = Decimal(1).scaleb(-kind.scale)
        return [value, value + step, value - step]
    if kind.name in ("date", "timestamp"):
        return [literal, "2026-01-02", "2025-12-31"]
    return [literal, f"{literal}a", "", "2026-11-02"]


def _satisfies(value: Any, column: Column) -> bool:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if column.one_of and text not in column.one_of:
        return False
    if column.check is None:
        return True
    literal = column.check.literal
    typed = _typed(column.type, literal) if not isinstance(value, str) else literal
    if typed is None:
        return False
    left: Any = value[:10] if column.type.name in ("date", "timestamp") and isinstance(value, str) else value
    right: Any = typed[:10] if column.type.name in ("date", "timestamp") and isinstance(typed, str) else typed
    holds = {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}
    return bool(({"=": left == right, "!=": left != right} | holds)[column.check.operator])


# ---------------------------------------------------------------- what comes of it


def failure_of(contract: dict[str, Any], folder: Path) -> str | None:
    """Why a contract that the check accepts cannot be kept; empty where it can, None where the check refuses it."""
    (folder / "lookups").mkdir(exist_ok=True)
    for name, text in LOOKUPS.items():
        (folder / "lookups" / f"{name}.csv").write_text(text)
    (folder / "shop.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    try:
        contracts, problems = examine(folder, today=TODAY)
    except Exception as error:  # noqa: BLE001 - the check itself fell over
        return f"check: {type(error).__name__}: {error}"
    if any(not problem.warning for problem in problems):
        return None
    try:
        return _render_failure(contracts) or _processing_failure(contracts)
    except Exception as error:  # noqa: BLE001 - any raw exception is what is looked for
        return f"{type(error).__name__}: {error}"


def _render_failure(contracts: Contracts) -> str:
    text = render(contracts)
    if load_rendered(text) != contracts:
        return "rendered and read back it is another"
    document = json.loads(text)
    for name, table in document["catalog"].items():
        names = [column["name"].lower() for column in (*table["columns"], *table["partition_keys"])]
        if twice := {column for column in names if names.count(column) > 1}:
            return f"catalog: {name} has {sorted(twice)} twice"
    sources = sum(len(contract.source.tables) for contract in contracts if contract.source)
    star = sum(1 for _ in contracts.tables())
    if sum(1 for name in document["catalog"] if not name.startswith("current_")) < star + sources + 3:
        return "catalog: a table took another's name"
    return ""


def _processing_failure(contracts: Contracts) -> str:
    lake = MemoryLake(contracts)
    for table in static_tables(contracts):
        derive_static(lake.partitions, table, contracts)
    keys = _put_objects(lake, contracts)
    for batch in (keys[::2], keys[1::2], keys):
        if errors := lake.process(*batch):
            key, error = next(iter(errors.items()))
            return f"process {key}: {type(error).__name__}: {error}"
    for key in keys:
        if lake.receipt(key)["rejected"]:
            return f"{key}: {lake.quarantined(key)[0]['reason']}"
    for table in contracts.tables():
        if table.kind == "rollup":
            for path in lake.paths(table.source):
                derive_rollup(lake.services, table, path)
                if failure := _rollup_failure(lake, contracts, table, path):
                    return failure
        if not lake.rows(table.name):
            return f"{table.name} is empty"
    return ""


def _rollup_failure(lake: MemoryLake, contracts: Contracts, rollup: Table, path: str) -> str:
    """What is wrong with a rollup's partition; its values are compared with those that Python makes of the facts."""
    fact, feed = contracts.table(rollup.source), contracts.feed(rollup.dataset)
    entity, time = column_of(fact, feed.entity_column), column_of(fact, feed.time_column)
    units = {column.name: column.rule for column in rollup.columns if isinstance(column.rule, GroupValue)}
    by_entity, by_time = (next(name for name, rule in units.items() if rule.column == of) for of in (entity, time))
    length = len(
        {"year": "2026", "month": "2026-11", "day": "2026-11-20", "hour": "2026-11-20T14"}[units[by_time].unit]
    )

    def group_of(row: Mapping[str, Any], entity: str, time: str) -> tuple[Any, str]:
        return row.get(entity, path), row[time].isoformat()[:length]  # what the path says is not stored

    groups: dict[tuple[Any, str], list[dict[str, Any]]] = {}
    for row in sorted(lake.snapshot(fact.name, path).table.to_pylist(), key=lambda row: row[time]):
        groups.setdefault(group_of(row, entity, time), []).append(row)
    rows = {group_of(row, by_entity, by_time): row for row in lake.snapshot(rollup.name, path).table.to_pylist()}
    if rows.keys() != groups.keys():
        return f"{rollup.name}: groups {sorted(rows)}, and not {sorted(groups)}"
    for column in rollup.columns:
        rule = column.rule
        if not isinstance(rule, Aggregated) or rule.function not in _VALUED:
            continue
        for group, members in groups.items():
            expected = _aggregate(rule.function, [row[rule.column] for row in members])
            if rows[group][column.name] != expected:
                return f"{rollup.name}.{column.name} of {group} is {rows[group][column.name]}, and not {expected}"
    return ""


def _aggregate(function: str, values: Sequence[Any]) -> Any:
    """The aggregate of a group's values in the order of time."""
    if function in ("first", "last"):
        return values[0 if function == "first" else -1]
    present = [value for value in values if value is not None]
    if not present:
        return None
    with localcontext(Context(prec=80)):
        return {"min": min, "max": max, "sum": sum}[function](present)


def _put_objects(lake: MemoryLake, contracts: Contracts) -> list[str]:
    """Objects of every source table; of a database's two, the second with a change of a row of the first."""
    keys = []
    for contract in contracts:
        for source in contract.source.tables if contract.source else ():
            lines = lines_of(contract, contracts, source)
            if isinstance(contract.source, Feed):
                key = f"feeds/{contract.dataset}/2026/11/20/14/part-{source.name}.gz"
                keys.append(lake.put(key, lines))
                continue
            keys.append(lake.put_table(contract.dataset, source.name, 1, lines[:-1]))
            keys.append(lake.put_table(contract.dataset, source.name, 2, lines[-1:]))
    return keys


assert NOW.date() == TODAY
