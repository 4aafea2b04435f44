"""Failures of generated contracts: whatever the check accepts must render, process, and sum up as Python does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Context, localcontext
from pathlib import Path
from typing import Any

import yaml
from tests.support.fitting_lines import lines_of
from tests.support.generated_contracts import LOOKUPS, TODAY, VALUED
from tests.support.lake import NOW, MemoryLake

from core.authoring.load import examine
from core.contract.codec import load_rendered
from core.contract.model import (
    Aggregated,
    Contracts,
    Feed,
    GroupValue,
    Table,
)
from core.feeds.partitions import column_of
from core.rendering.render import render
from processing.derived.dimensions import derive_static
from processing.derived.rollups import derive_rollup
from processing.plan import static_tables

assert NOW.date() == TODAY


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
        if not isinstance(rule, Aggregated) or rule.function not in VALUED:
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
