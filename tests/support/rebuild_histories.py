"""Random histories of a lake: whatever happened to it, a rebuild gives what the incremental road gave, or refuses."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.support.lake import MemoryLake, department, order, shipped_contracts, staff

from core.contract.model import Check, Contracts, Table
from core.contract.types import parse_type
from core.errors import InvalidData, PipelineBug
from core.landing.ingest_objects import TableObject
from core.warehouse.pointer import pointer_key
from processing.partitions.parquet import encode
from processing.restating.rebuild import rebuild_table

FACT = "fact_sales_order"
Rows = dict[tuple[Any, ...], dict[str, Any]]


def with_table(contracts: Contracts, table: Table, **contract: Any) -> Contracts:
    """The contracts with this table in place of the one of its name; ``contract``: fields of its dataset's."""
    changed = []
    for other in contracts.contracts:
        tables = tuple(table if known.name == table.name else known for known in other.tables)
        changed.append(replace(other, tables=tables, **contract) if other.dataset == table.dataset else other)
    return replace(contracts, contracts=tuple(changed))


def with_column(
    contracts: Contracts, name: str, column: str, *, contract: Mapping[str, Any] | None = None, **change: Any
) -> Contracts:
    """The contracts with one column of a table changed."""
    table = contracts.table(name)
    columns = tuple(replace(known, **change) if known.name == column else known for known in table.columns)
    return with_table(contracts, replace(table, columns=columns), **(contract or {}))


def halting(contracts: Contracts, most: int) -> Contracts:
    """Contracts by which one line of more units than these halts its object."""
    strict = {"quarantine_minimum": 1, "quarantine_share": 0.0}
    return with_column(contracts, FACT, "units_sold", check=Check("<=", str(most)), contract=strict)


# ---------------------------------------------------------------- a lake, and what may happen to it


def random_lake(source: random.Random) -> MemoryLake:
    """A lake after small objects of orders and staff, some twice, in any order."""
    lake = MemoryLake(shipped_contracts())
    keys = [
        lake.put_table("sales", "department", 1, [department(1, "Sales"), department(2, "Law")]),
        lake.put_table("sales", "staff", 1, [staff(number, 1 + number % 2) for number in range(4)]),
        lake.put_table("sales", "department", 2, [department(1, "Selling", "2026-11-20T11:00:00.000")]),
    ]
    for number in range(1, 7):
        lines = [
            order(
                (known := source.randrange(1, 15)),
                f"2026-11-20T10:{source.randrange(60):02d}:00.000",
                created_at=f"2026-{10 + known % 2}-01T00:00:00",
                units_sold=source.randrange(1, 20),
            )
            for _ in range(5)
        ]
        keys.append(lake.put_table("sales", "sales_order", number, lines))
    keys += source.sample(keys, 3)
    source.shuffle(keys)
    while keys:
        lake.process(*{keys.pop() for _ in range(min(len(keys), 3))})
    return lake


def pick(lake: MemoryLake, source: random.Random, table: str) -> str:
    """The pointer of one of the table's partitions."""
    return pointer_key(f"{table}/{source.choice(lake.paths(table))}".rstrip("/"))


def lose_pointer(lake: MemoryLake, source: random.Random) -> None:
    lake.partitions.delete([pick(lake, source, FACT)])


def lose_object(lake: MemoryLake, source: random.Random) -> None:
    lake.partitions.delete([lake.versions()[pick(lake, source, FACT)]])


def alter_object(lake: MemoryLake, source: random.Random) -> None:
    key = lake.versions()[pick(lake, source, FACT)]
    lake.partitions.objects[key] = b"PAR1" + lake.partitions.objects[key][9:]


def scribble(lake: MemoryLake, source: random.Random) -> None:
    lake.partitions.objects[pick(lake, source, FACT)] = b"\xff\x00 nonsense"


def point_abroad(lake: MemoryLake, source: random.Random) -> None:
    lake.partitions.objects[pick(lake, source, FACT)] = lake.partitions.objects[pointer_key("dim_staff")]


def forget_layouts(lake: MemoryLake, _source: random.Random) -> None:
    """As an earlier release would have left the objects."""
    for path in lake.paths(FACT):
        snapshot = lake.snapshot(FACT, path)
        footer = replace(snapshot.footer, layout=None)
        lake.partitions.objects[snapshot.key] = encode(snapshot.table, footer, key=snapshot.table.column_names[:2])


def turn_key(lake: MemoryLake, _source: random.Random) -> None:
    table = lake.services.contracts.table(FACT)
    turned = replace(table, key=tuple(reversed(table.key)))
    lake.services = replace(lake.services, contracts=with_table(lake.services.contracts, turned))


TYPES = [("units_sold", "bigint"), ("unit_price", "decimal(20,6)"), ("agreed_payment_date", "string")]


def change_type(lake: MemoryLake, source: random.Random) -> None:
    """To a type that holds every value, or to one that the stored rows cannot be read as."""
    name, kind = source.choice(
        [("units_sold", "bigint"), ("unit_price", "decimal(20,6)"), ("agreed_payment_date", "string")]
    )
    contracts = with_column(lake.services.contracts, FACT, name, type=parse_type(kind))
    lake.services = replace(lake.services, contracts=contracts)


def tighten(lake: MemoryLake, source: random.Random) -> None:
    lake.services = replace(lake.services, contracts=halting(lake.services.contracts, source.randrange(8, 20)))


def delete_input(lake: MemoryLake, source: random.Random) -> None:
    lake.ingest.delete([TableObject("sales", "sales_order", source.randrange(1, 7)).key])


def add_unprocessed(lake: MemoryLake, _source: random.Random) -> None:
    """More new keys than any object has, so that nobody sees by their count that others are gone."""
    months = ("2026-10-01T00:00:00", "2026-11-01T00:00:00")
    lake.put_table("sales", "sales_order", 9, [order(20 + n, created_at=months[n % 2]) for n in range(12)])


def swap_input(lake: MemoryLake, source: random.Random) -> None:
    delete_input(lake, source)
    add_unprocessed(lake, source)


Event = Callable[[MemoryLake, random.Random], None]
EVENTS: list[Event] = [
    lose_pointer,
    lose_object,
    alter_object,
    scribble,
    point_abroad,
    forget_layouts,
    turn_key,
    change_type,
    tighten,
    delete_input,
    add_unprocessed,
    swap_input,
]
DAMAGING = {lose_pointer, lose_object, alter_object, scribble, point_abroad, change_type}
SHRINKING = (tighten, delete_input)  # the ingest objects give less than they gave
HARMLESS = DAMAGING - {change_type} | {forget_layouts, turn_key}


def held(lake: MemoryLake, paths: Sequence[str] | None = None) -> Rows:
    """The fact's rows by key, of these partitions or of all."""
    tables = [lake.snapshot(FACT, path).table for path in (lake.paths(FACT) if paths is None else paths)]
    rows = [row for table in tables for row in table.to_pylist()]
    return {(row["sales_order_id"], row["last_updated"]): row for row in rows}


def sound_paths(lake: MemoryLake) -> list[str]:
    """The fact's partitions that can be read."""
    return [path for path in lake.paths(FACT) if _is_sound(lake, path)]


def _is_sound(lake: MemoryLake, path: str) -> bool:
    try:
        lake.snapshot(FACT, path)
    except PipelineBug:
        return False
    return True


def any_events(source: random.Random) -> list[Event]:
    return source.sample(EVENTS, source.choice([1, 1, 2]))


def double_faults(source: random.Random) -> list[Event]:
    """A partition is damaged, and what it would be made of gives less."""
    return [source.choice([lose_pointer, lose_object, alter_object, scribble]), source.choice(SHRINKING)]


def differences(seed: int, choose: Callable[[random.Random], list[Event]] = any_events) -> list[str]:
    """What was wrong with a rebuild after one or two random events; each with the seed that brings it back."""
    source = random.Random(seed)
    lake = random_lake(source)
    before = held(lake)
    keys = {path: held(lake, [path]).keys() for path in lake.paths(FACT)}
    events = choose(source)
    for event in events:
        try:
            event(lake, source)
        except Exception:  # noqa: BLE001  # the first event has broken what the second would touch
            events = events[:1]
    where = f"seed {seed}, after {', '.join(event.__name__ for event in events)}"
    try:
        list(rebuild_table(lake.services, FACT))
    except InvalidData as error:
        if set(events) <= HARMLESS:
            return [f"{where}: refused without a reason: {error}"]
        after = held(lake, paths := sound_paths(lake))  # the others are as broken as they were
        return [f"{where}: {key} is gone" for path in paths for key in keys[path] - after.keys()]
    except Exception as error:  # noqa: BLE001  # any other is a fault of the remedy
        return [f"{where}: {type(error).__name__}: {error}"]
    after = held(lake)
    faults = [f"{where}: {key} is gone" for key in before.keys() - after.keys()]
    if set(events) <= HARMLESS and after != before:
        faults.append(f"{where}: rows are not those of the incremental road")
    if set(events) <= {tighten, *HARMLESS}:
        faults += [f"{where}: {key} is older" for key in before if after.get(key, before[key]) != before[key]]
    return faults
