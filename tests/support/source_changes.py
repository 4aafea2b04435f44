"""Databases that change by themselves: random changes of columns and tables, and what has to become of each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.zoo import Cage, Zoo

COLUMNS = {
    "id": ("int", "int"),
    "word": ("varchar(20)", "string?"),
    "units": ("int not null", "int"),
    "price": ("numeric(10,2)", "decimal(10,2)?"),
    "flag": ("boolean", "boolean?"),
}
TABLES = ("ants", "bees", "cats", "dogs")


def cages() -> list[Cage]:
    return [Cage(name, COLUMNS, ("id",)) for name in TABLES]


@dataclass(frozen=True)
class Alteration:
    """A change of ``{t}``: its statements and those that take it back.

    ``says`` is in the message about it, empty where the contract holds it already; ``halts`` in the failure of its
    table, empty where its rows still come.
    """

    name: str
    statements: Sequence[str]
    undo: Sequence[str]
    says: str
    halts: str = ""


_KEPT = "CREATE TABLE kept.{t} AS SELECT id, {c} FROM {t}"
_BACK = "UPDATE {t} SET {c} = k.{c} FROM kept.{t} AS k WHERE k.id = {t}.id"


def _dropped(column: str, kind: str, constraint: str = "") -> Alteration:
    back = [f"ALTER TABLE {{t}} ADD {column} {kind}", _BACK.replace("{c}", column), "DROP TABLE kept.{t}"]
    return Alteration(
        f"drop {column}",
        [_KEPT.replace("{c}", column), f"ALTER TABLE {{t}} DROP COLUMN {column}"],
        [*back, *([f"ALTER TABLE {{t}} ALTER {column} {constraint}"] if constraint else [])],
        f"column {column}", f"it has no {column}",
    )  # fmt: skip


ALTERATIONS = [
    Alteration("add", ["ALTER TABLE {t} ADD colour text"], ["ALTER TABLE {t} DROP colour"], "colour: string?"),
    Alteration(
        "add filled",
        ["ALTER TABLE {t} ADD level bigint NOT NULL DEFAULT 7"],
        ["ALTER TABLE {t} DROP level"],
        "level: bigint",
    ),
    _dropped("word", "varchar(20)"),
    _dropped("price", "numeric(10,2)"),
    _dropped("flag", "boolean"),
    Alteration(
        "rename",
        ["ALTER TABLE {t} RENAME word TO remark"],
        ["ALTER TABLE {t} RENAME remark TO word"],
        "column word was renamed to remark", "no field names its remark",
    ),
    Alteration(
        "widen int",
        ["ALTER TABLE {t} ALTER units TYPE bigint"],
        ["ALTER TABLE {t} ALTER units TYPE int"],
        "units: bigint",
    ),
    Alteration(
        "widen decimal",
        ["ALTER TABLE {t} ALTER price TYPE numeric(14,4)"],
        ["ALTER TABLE {t} ALTER price TYPE numeric(10,2)"],
        "price: decimal(14,4)?",
    ),
    Alteration(
        "widen text",
        ["ALTER TABLE {t} ALTER word TYPE text"],
        ["ALTER TABLE {t} ALTER word TYPE varchar(20)"],
        "",
    ),
    Alteration(
        "retype to text",
        ["ALTER TABLE {t} ALTER units TYPE text"],
        ["ALTER TABLE {t} ALTER units TYPE int USING units::int"],
        "units: string", "units is text, which no int can hold",
    ),
    Alteration(
        "retype to int",
        ["ALTER TABLE {t} ALTER flag TYPE int USING flag::int"],
        ["ALTER TABLE {t} ALTER flag TYPE boolean USING flag::boolean"],
        "flag: int?", "flag is integer, which no boolean can hold",
    ),
    Alteration(
        "may be null",
        ["ALTER TABLE {t} ALTER units DROP NOT NULL"],
        ["ALTER TABLE {t} ALTER units SET NOT NULL"],
        "column units may be null now",
    ),
    Alteration(
        "gone", ["ALTER TABLE {t} RENAME TO away"], ["ALTER TABLE away RENAME TO {t}"], "the table is gone", "no table"
    ),
    Alteration(
        "new table",
        ["CREATE TABLE new_{t} (id int PRIMARY KEY, at timestamp)", "GRANT SELECT ON new_{t} TO PUBLIC"],
        ["DROP TABLE new_{t}"],
        "a table that no contract names",
    ),
]  # fmt: skip


@dataclass
class ChangingSource:
    """A zoo whose tables are written and altered in turn; ``moments`` say when an alteration strikes."""

    animals: Zoo
    seed: int
    altered: dict[str, Alteration] = field(default_factory=dict)
    _ids: int = 0

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.animals.run("create schema kept")

    def write(self, table: str) -> None:
        """New rows and changed ones, by statements that name no column that may be gone."""
        if table in self.altered and self.altered[table].name == "gone":
            return
        for _ in range(self.draw.randint(1, 3)):
            self._ids += 1
            now = "timezone('UTC', clock_timestamp())"
            self.animals.run(
                f"insert into {table} (id, units, created_at, changed_at) "
                f"values ({self._ids}, '{self.draw.randrange(1000)}', {now}, {now})"
            )
        third = self.draw.randrange(3)
        self.animals.run(f"update {table} set changed_at = timezone('UTC', clock_timestamp()) where id % 3 = {third}")

    def alter(self, table: str, alteration: Alteration) -> None:
        for statement in alteration.statements:
            self.animals.run(statement.format(t=table))
        self.altered[table] = alteration

    def undo(self, table: str) -> None:
        for statement in self.altered.pop(table).undo:
            self.animals.run(statement.format(t=table))

    @property
    def halted(self) -> dict[str, str]:
        """The tables that must not be read now, with what their failure says."""
        return {table: alteration.halts for table, alteration in self.altered.items() if alteration.halts}
