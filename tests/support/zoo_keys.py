"""Rows harmed and healed whose keys are of every type that PostgreSQL has and a contract may name."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tests.support.zoo import Cage, Zoo, zoo

LOADED = datetime(2026, 11, 10, 12)  # noqa: DTZ001
TYPES = [
    "CREATE TYPE mood AS ENUM ('calm', 'Wild', 'so so')",
    "CREATE DOMAIN short AS varchar(8)",
    "CREATE DOMAIN shorter AS short CHECK (length(VALUE) < 8)",
    "CREATE DOMAIN price AS numeric(12,3)",
    "CREATE DOMAIN moment AS timestamp(3)",
]
Draw = Callable[[random.Random], str]


def quoted(value: object, kind: str) -> str:
    text = str(value).replace("'", "''")
    return f"'{text}'::{kind}"


def number(draw: random.Random, places: int, digits: int = 9) -> str:
    text = f"{draw.randrange(10 ** draw.randint(1, digits)):0{places + 1}d}"
    return f"{draw.choice(['', '-'])}{text[:-places] if places else text}{'.' + text[-places:] if places else ''}"


def text(draw: random.Random, most: int) -> str:
    return "".join(draw.choice("aZ09 é\\'\",;\n\t{}€") for _ in range(draw.randint(1, most)))


def instant(draw: random.Random, micros: int = 1) -> datetime:
    at = datetime(1990, 1, 1) + timedelta(microseconds=draw.randrange(10**15) // micros * micros)  # noqa: DTZ001
    return draw.choice([at, at.replace(microsecond=0), at.replace(hour=0, minute=0, second=0, microsecond=0)])


def double(draw: random.Random) -> str:
    values = (draw.random(), draw.uniform(-1e9, 1e9), 10.0 ** draw.randint(-300, 300), draw.randint(-9, 9))
    return quoted(draw.choice(values), "float8")


def wild(kind: str) -> Draw:
    """Doubles that are infinite or no number; the last is another NaN than the one that is written."""
    texts = ("Infinity", "-Infinity", "NaN", "-0", "1.5")
    values = [*(quoted(text, kind) for text in texts), f"({quoted('Infinity', kind)} - {quoted('Infinity', kind)})"]
    return lambda draw: draw.choice(values)


def macaddr(draw: random.Random) -> str:
    return quoted(":".join(f"{draw.randrange(256):02X}" for _ in range(6)), "macaddr")


def interval(draw: random.Random) -> str:
    return quoted(f"{draw.randrange(99)} days {draw.randrange(99_999)} seconds", "interval")


# name: (PostgreSQL's type, the contract's, a random value)
KEYS: dict[str, tuple[str, str, Draw]] = {
    "timestamp": ("timestamp", "timestamp", lambda d: quoted(instant(d), "timestamp")),
    "timestamp3": ("timestamp(3)", "timestamp", lambda d: quoted(instant(d, 1000), "timestamp(3)")),
    "timestamptz": ("timestamptz", "timestamp", lambda d: quoted(f"{instant(d)}+05:30", "timestamptz")),
    "timestamp_text": ("timestamp", "string", lambda d: quoted(instant(d), "timestamp")),
    "timestamptz_text": ("timestamptz", "string", lambda d: quoted(f"{instant(d)}-03", "timestamptz")),
    "date": ("date", "date", lambda d: quoted(instant(d).date(), "date")),
    "date_text": ("date", "string", lambda d: quoted(instant(d).date(), "date")),
    "date_as_timestamp": ("date", "timestamp", lambda d: quoted(instant(d).date(), "date")),
    "numeric2": ("numeric(12,2)", "decimal(12,2)", lambda d: number(d, 2)),
    "numeric8": ("numeric(18,8)", "decimal(18,8)", lambda d: number(d, 8)),
    "numeric_wider": ("numeric(12,2)", "decimal(20,6)", lambda d: number(d, 2)),
    "numeric_text": ("numeric", "string", lambda d: number(d, d.randint(0, 9))),
    "numeric_bigint": ("numeric", "bigint", lambda d: number(d, 0)),
    "price": ("price", "decimal(12,3)", lambda d: number(d, 3)),
    "money": ("money", "decimal(15,2)", lambda d: quoted(number(d, 2), "money")),
    "float8": ("float8", "double", double),
    "infinite8": ("float8", "double", wild("float8")),
    "infinite4": ("float4", "double", wild("float4")),
    "infinite_text": ("float8", "string", wild("float8")),
    "float4": ("float4", "double", lambda d: quoted(round(d.uniform(-100, 100), 2), "float4")),
    "char5": ("char(5)", "string", lambda d: quoted(text(d, 5), "char(5)")),
    "varchar": ("varchar(20)", "string", lambda d: quoted(text(d, 20), "varchar(20)")),
    "shorter": ("shorter", "string", lambda d: quoted(text(d, 7), "shorter")),
    "mood": ("mood", "string", lambda d: quoted(d.choice(["calm", "Wild", "so so"]), "mood")),
    "uuid": ("uuid", "string", lambda d: quoted(uuid.UUID(int=d.getrandbits(128)), "uuid")),
    "inet": ("inet", "string", lambda d: quoted(f"10.{d.randrange(256)}.0.1{d.choice(['', '/8', '/32'])}", "inet")),
    "cidr": ("cidr", "string", lambda d: quoted(f"10.{d.randrange(256)}.0.0/16", "cidr")),
    "macaddr": ("macaddr", "string", macaddr),
    "boolean": ("boolean", "boolean", lambda d: d.choice(["true", "false"])),
    "boolean_text": ("boolean", "string", lambda d: d.choice(["true", "false"])),
    "smallint": ("smallint", "int", lambda d: str(d.randint(-32768, 32767))),
    "bigint": ("bigint", "bigint", lambda d: str(d.randint(-(2**63), 2**63 - 1))),
    "int_text": ("int", "string", lambda d: str(d.randint(-(2**31), 2**31 - 1))),
    "oid": ("oid", "bigint", lambda d: str(d.randrange(2**32))),
    "bytea": ("bytea", "string", lambda d: f"'\\x{d.getrandbits(40):010x}'::bytea"),
    "interval": ("interval", "string", interval),
    "time": ("time", "string", lambda d: quoted(instant(d).time(), "time")),
    "bits": ("bit(6)", "string", lambda d: f"B'{d.getrandbits(6):06b}'"),
    "range": ("int4range", "string", lambda d: f"int4range({d.randrange(9)}, {d.randrange(9, 99)})"),
    "array": ("text[]", "string", lambda d: f"ARRAY[{quoted(text(d, 4), 'text')}, {quoted(text(d, 4), 'text')}]"),
    "jsonb": ("jsonb", "string", lambda d: quoted(d.choice(['"a"', '{"a": 1}', "1.50", "[1, 2]"]), "jsonb")),
}  # fmt: skip


FEW = ["timestamp_text", "numeric8", "float8", "char5", "inet", "oid"]


def cage(name: str) -> Cage:
    kind, contract, _ = KEYS[name]
    return Cage(f"by_{name}", {"k": (kind, contract), "n": ("int", "int"), "note": ("text", "string?")}, ("k", "n"))


def fill(animals: Zoo, draw: random.Random, names: Sequence[str], rows: int) -> None:
    for name in names:
        for n in range(rows):
            at = LOADED + timedelta(seconds=draw.randrange(86_400))
            insert(animals, draw, name, n, at)


def insert(animals: Zoo, draw: random.Random, name: str, n: int, at: datetime) -> None:
    moment = quoted(at, "timestamp")
    row = {"k": KEYS[name][2](draw), "n": str(n), "note": "'first'", "created_at": moment, "changed_at": moment}
    animals.insert(f"by_{name}", row)


def check(seed: int, names: Sequence[str], rows: int = 4, **settings: str) -> None:
    """Row 0 is deleted, row 1 changed with an old time, row 100 late; the others are left alone."""
    draw = random.Random(seed)
    with zoo(*map(cage, names), extra=TYPES, **settings) as animals:
        fill(animals, draw, names, rows)
        animals.extract()
        assert animals.differences() == []
        animals.heal(run="first")
        assert animals.findings("first") == []
        for name in names:
            table = f"by_{name}"
            animals.run(f"delete from {table} where n = 0")
            animals.run(
                f"update {table} set note = 'second', changed_at = changed_at + interval '1 second' where n = 1"
            )
            insert(animals, draw, name, 100, LOADED)
        animals.heal(run="second")
        found = {(finding.kind, finding.table): len(finding.keys) for finding in animals.findings("second")}
        kinds = ("deleted_row", "missing_row", "stale_row")
        assert found == {(kind, f"by_{name}"): 1 for name in names for kind in kinds}
        assert animals.differences() == []
        for name in names:
            gone = [row["n"] for row in animals.lake.rows(f"fact_by_{name}") if row["deleted_at"] is not None]
            assert gone == [0], name
        assert animals.audited() == []
