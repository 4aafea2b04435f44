"""Columns of every type that a server has by its own catalog, extensions too: each is proposed, loaded and healed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from tests.support.extraction import scratch_database
from tests.support.proposed import ENGINE
from tests.support.server_types import MOST, ServerType, extensions_of, types_of
from tests.support.sources import distribution_server, shared_server
from tests.support.zoo import Cage, Zoo, zoo

from core.contract.types import ColumnType
from core.sources.fitting import proposed
from local.database import Database

pytestmark = [pytest.mark.database, pytest.mark.long]
AT = "timestamp '2026-11-10 12:00'"
OURS = [
    "CREATE TYPE mood AS ENUM ('calm', 'Wild', 'so so')",
    "CREATE TYPE pair AS (number int, word text)",
    "CREATE TYPE nested_pair AS (first pair, moods mood[])",
    "CREATE DOMAIN numbers AS int[] CHECK (cardinality(VALUE) < 9)",
    "CREATE DOMAIN pair_of AS pair",
    "CREATE TYPE of_floats AS RANGE (subtype = float8)",
]
# No type of the contract but a text holds these of a number or a time: such a row is refused, with its reason.
BEYOND = {"decimal": ("nan", "infinity"), "date": ("infinity",), "timestamp": ("infinity",)}


def proposals(server: Database, extra: Sequence[str], types: Sequence[ServerType]) -> list[ColumnType]:
    """The contract's type that is proposed for a column of each of the server's."""
    columns = ", ".join(f"c{number} {kind.name}" for number, kind in enumerate(types))
    with scratch_database(*extra, f"CREATE TABLE cells ({columns})", server=server) as database:
        session = database.session()
        (table,) = [table for table in ENGINE.listed(session) if table.name == "cells"]
        session.close()
    return [proposed(column.type) for column in table.columns]


def insert(animals: Zoo, key: int, values: Mapping[str, str]) -> None:
    animals.insert("cells", {"id": str(key), **values, "created_at": AT, "changed_at": AT})


def refusals(animals: Zoo) -> list[str]:
    """The reasons of the lines in quarantine."""
    stored = [animals.lake.records.read(info.key) for info in animals.lake.records.list("quarantine/")]
    return [json.loads(line)["reason"] for entry in stored if entry for line in entry.body.splitlines()]


@pytest.mark.parametrize("of_the_system", [False, True], ids=["embedded", "system"])
def test_every_type_of_column_that_the_server_has_is_proposed_loaded_compared_and_healed(of_the_system: bool) -> None:
    server = distribution_server() if of_the_system else shared_server()
    with scratch_database(*OURS, server=server) as database:
        extra = [*OURS, *extensions_of(database)]
        types = types_of(database)
    columns, rows = {}, [{} for _ in range(MOST)]
    for number, (kind, contract) in enumerate(zip(types, proposals(server, extra, types), strict=True)):
        columns[f"c{number}"] = (kind.name, f"{contract}?")
        beyond = BEYOND.get(contract.name, ())
        values = [value for value in kind.values if not any(word in value.lower() for word in beyond)]
        for row, place in zip(rows, range(MOST), strict=True):
            row[f"c{number}"] = values[place % len(values)] if values else "NULL"
    with zoo(Cage("cells", {"id": ("int", "int"), **columns}, ("id",)), extra=extra, server=server) as animals:
        for key, row in enumerate(rows):
            insert(animals, key, row)
        insert(animals, MOST, {})
        animals.extract()
        assert refusals(animals) == []
        assert animals.differences() == []
        animals.heal(run="first")
        assert animals.findings("first") == []
        animals.run("delete from cells where id = 0")
        changes = ", ".join(f"{name} = {value}" for name, value in rows[1].items())
        animals.run(f"update cells set {changes} where id = {MOST}")  # without a new time
        animals.heal(run="second")
        assert {finding.kind for finding in animals.findings("second")} == {"deleted_row", "changed_row"}
        assert animals.differences() == []
