"""Random contracts as their authors write them: good ones, and good ones with a few random changes."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

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
VALUED = ("first", "last", "min", "max", "sum")  # aggregates that are of a column's values


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
        for function, name in draw.sample([(each, of) for each in VALUED for of in ("price", "extra")], 4)
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
    missing = draw.choice(("alarm", "allow", "unknown"))
    _column(contract, draw)["references"] = draw.choice((target, {"on": target, "missing": missing}))


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


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")


def changed(contract: dict[str, Any], draw: random.Random) -> None:
    """Change one thing of a written contract, in place; the result may be refused."""
    draw.choice(_CHANGES)(contract, draw)
