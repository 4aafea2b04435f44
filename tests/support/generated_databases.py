"""Databases of random names and types, with the part that each table plays known: what a proposal is held against."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

# Types by what a row's number makes of them; each may be quoted, counted and compared.
VALUES: dict[str, Callable[[str], str]] = {
    "integer": lambda n: f"({n} * 7) % 100",
    "bigint": lambda n: f"{n} * 10000000000",
    "smallint": lambda n: f"({n} % 300)::smallint",
    "numeric(12,2)": lambda n: f"({n} * 1.37)::numeric(12,2)",
    "numeric(8,5)": lambda n: f"({n} / 7.0)::numeric(8,5)",
    "double precision": lambda n: f"{n} / 3.0::float8",
    "text": lambda n: f"'w' || {n}",
    "varchar(40)": lambda n: f"'é ' || {n}",
    "char(3)": lambda n: f"'c' || ({n} % 9)",
    "boolean": lambda n: f"{n} % 2 = 0",
    "date": lambda n: f"date '2026-01-01' + ({n} % 300)::int",
    "uuid": lambda n: f"md5({n}::text)::uuid",
    "jsonb": lambda n: f"jsonb_build_object('n', {n})",
    "text[]": lambda n: f"ARRAY['a', {n}::text]",
    "time": lambda n: f"time '00:00' + ({n} % 86400) * interval '1 second'",
}
NUMBERS = ("integer", "bigint", "smallint")
MEASURES = ("numeric(12,2)", "double precision", "integer")
ATTRIBUTES = tuple(kind for kind in VALUES if kind not in ("date", "numeric(12,2)", "numeric(8,5)", "double precision"))
CLOCKS = (
    ("created_at", "updated_at"), ("inserted_on", "last_modified"),
    ("CreatedAt", "ModifiedDate"), ("add_time", "changed"),
)  # fmt: skip
SYLLABLES = ("ba", "ko", "ri", "tem", "lu", "na", "vos", "pel", "gi", "mar", "do", "sek")
DAYS = 400


@dataclass
class Part:
    """A table: its name in SQL, the role that it plays, its key and its clocks, by their names in the catalog."""

    name: str
    role: str
    key: tuple[str, ...]
    created_at: str
    changed_at: str
    rows: int
    columns: list[tuple[str, str, str]] = field(default_factory=list)  # name, type with constraints, value of number g

    def statements(self) -> list[str]:
        columns = ", ".join(f'"{name}" {kind}' for name, kind, _ in self.columns)
        key = ", ".join(f'"{name}"' for name in self.key)
        values = ", ".join(value for _, _, value in self.columns)
        return [
            f'CREATE TABLE "{self.name}" ({columns}, PRIMARY KEY ({key}))',
            f'INSERT INTO "{self.name}" SELECT {values} FROM generate_series(1, {self.rows}) AS g',
        ]


@dataclass
class GeneratedDatabase:
    """Statements that make it, and its tables."""

    parts: list[Part]
    extra: list[str]

    @property
    def statements(self) -> list[str]:
        return [statement for part in self.parts for statement in part.statements()] + self.extra + ["ANALYZE"]


def generated_database(seed: int) -> GeneratedDatabase:
    """Three to six dimensions, one to three facts, and tables that nobody can promise."""
    draw = random.Random(seed)
    words = _Words(draw)
    style = draw.choice(CLOCKS)
    dimensions = [_dimension(draw, words, style, number) for number in range(draw.randint(3, 6))]
    extra: list[str] = []
    for number, part in enumerate(dimensions[2:], 2):
        if draw.random() < 0.4:  # refers to an earlier one; with a number, and nothing below it, it could be a fact
            part.columns = [
                column for column in part.columns if column[0] in part.key or column[1].split()[0] not in NUMBERS
            ]
            extra += _refer(part, dimensions[draw.randrange(number)], draw)
    facts = [_fact(draw, words, style) for _ in range(draw.randint(1, 3))]
    for fact in facts:
        for parent in draw.sample(dimensions, 2):
            extra += _refer(fact, parent, draw)
    if draw.random() < 0.5:  # a trigger is a better witness than any name
        part = draw.choice(dimensions)
        part.changed_at = _renamed(part, part.changed_at, "stamp")
        extra += [
            "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.stamp = now(); RETURN NEW; END'",
            f'CREATE TRIGGER touched BEFORE UPDATE ON "{part.name}" FOR EACH ROW EXECUTE FUNCTION touch()',
        ]
    extra += [
        'CREATE TABLE "no key" (a int, updated_at timestamptz NOT NULL DEFAULT now())',
        "CREATE TABLE no_clock (id int PRIMARY KEY, b text)",
        f'CREATE VIEW seen AS SELECT * FROM "{dimensions[0].name}"',
    ]
    return GeneratedDatabase([*dimensions, *facts], extra)


class _Words:
    def __init__(self, draw: random.Random) -> None:
        self._draw, self._used = draw, set[str]()
        self._style = draw.choice(["snake", "Pascal", "plural"])

    def name(self) -> str:
        while True:
            syllables = self._draw.sample(SYLLABLES, 2)
            name = "".join(syllables)
            if name not in self._used:
                self._used.add(name)
                return {"snake": name, "Pascal": name.title(), "plural": f"{name}s"}[self._style]


def _part(draw: random.Random, words: _Words, style: tuple[str, str], role: str, rows: int) -> Part:
    name = words.name()
    key, kind = draw.choice([("id", "bigint"), (f"{name}_id", "integer"), (f"{name}_no", "uuid")])
    part = Part(name, role, (key,), *style, rows)
    value = "md5('k' || g)::uuid" if kind == "uuid" else "g"
    part.columns.append((key, kind, value))
    return part


def _add_clocks(draw: random.Random, part: Part) -> None:
    kind = draw.choice(["timestamptz", "timestamp(3)", "timestamp"])
    made = f"date_trunc('second', now() - g * interval '{DAYS * 86400 // part.rows} seconds')"
    zone = "" if kind == "timestamptz" else " AT TIME ZONE 'UTC'"
    part.columns.append((part.created_at, f"{kind} NOT NULL", f"({made}){zone}"))
    part.columns.append((part.changed_at, f"{kind} NOT NULL", f"({made} + interval '5 minutes'){zone}"))


def _dimension(draw: random.Random, words: _Words, style: tuple[str, str], number: int) -> Part:
    part = _part(draw, words, style, "dimension", 5 + 3 * number)
    for place in range(draw.randint(1, 4)):
        kind = draw.choice(ATTRIBUTES)
        null = draw.choice(["", " NOT NULL"])
        part.columns.append((f"{draw.choice(SYLLABLES)} {place}", f"{kind}{null}", VALUES[kind]("g")))
    _add_clocks(draw, part)
    return part


def _fact(draw: random.Random, words: _Words, style: tuple[str, str]) -> Part:
    part = _part(draw, words, style, "fact", draw.randint(60, 120))
    measure = draw.choice(MEASURES)
    part.columns.append(("amount", f"{measure} NOT NULL", VALUES[measure]("g")))
    happened = draw.choice(["date NOT NULL", "text NOT NULL", "timestamptz"])
    value = "date '2026-01-01' + (g % 200)::int"
    values = {"date NOT NULL": value, "text NOT NULL": f"({value})::text", "timestamptz": f"({value})::timestamptz"}
    part.columns.append((f"{draw.choice(['paid', 'shipped', 'booked'])}_on", happened, values[happened]))
    _add_clocks(draw, part)
    return part


def _refer(part: Part, parent: Part, draw: random.Random) -> list[str]:
    """Add a column that names a row of the parent, by a foreign key, or by its name alone where that tells."""
    key, kind, _ = parent.columns[0]
    by_name = key != "id" and draw.random() < 0.3
    name = key if by_name else f"{draw.choice(SYLLABLES)}_{parent.name}_ref"
    if any(name == column for column, _, _ in part.columns):
        return []
    number = f"(g % {parent.rows}) + 1"
    value = f"md5('k' || ({number}))::uuid" if kind == "uuid" else number
    part.columns.append((name, f"{kind} NOT NULL", value))
    if by_name:
        return []
    return [f'ALTER TABLE "{part.name}" ADD FOREIGN KEY ("{name}") REFERENCES "{parent.name}"']


def _renamed(part: Part, name: str, other: str) -> str:
    part.columns = [(other if column == name else column, kind, value) for column, kind, value in part.columns]
    return other
