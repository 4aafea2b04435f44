"""Databases of any shape under the whole pipeline: tables as a test describes them, loaded, harmed and compared."""

from __future__ import annotations

import datetime as dt
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.contracts import TODAY, folder_of
from tests.support.database_simulation import DatabaseSimulation, with_source
from tests.support.extraction import scratch_database
from tests.support.sources import Source, shared_server

from core.authoring.load import load
from core.contract.model import SourceTable
from local.database import Database

DATASET = "zoo"
Cell = Any
_GRANTS = """DO $$ DECLARE folder name; BEGIN
FOR folder IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
EXECUTE format('GRANT USAGE ON SCHEMA %I TO {user}', folder);
EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO {user}', folder);
END LOOP; END $$"""


def grants(user: str) -> str:
    """A statement that lets a role read every table of a database."""
    return _GRANTS.format(user=user)


def canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True)


def starred(name: str) -> str:
    """The warehouse's name of a column, which has small letters, digits and underscores only."""
    return re.sub(r"[^a-z0-9_]", "_", re.sub(r"^([^A-Za-z])", r"c\1", name).lower())


@dataclass(frozen=True)
class Cage:
    """A table: its columns by name (PostgreSQL's type, the contract's type), and its key.

    ``created_at`` and ``changed_at`` are added where no column has those names. ``sql`` are statements that make it,
    where it is more than a table; ``relation`` is what the contract says of it there. ``partition_by`` and
    ``since`` are its fact's.
    """

    name: str
    columns: Mapping[str, tuple[str, str]]
    key: Sequence[str]
    clock: str = "timestamp"
    sql: Sequence[str] = ()
    relation: str = ""
    partition_by: Sequence[str] = ("month(created_at)",)
    since: str = "2020-01-01"

    @property
    def all_columns(self) -> dict[str, tuple[str, str]]:
        clocks = dict.fromkeys(("created_at", "changed_at"), (f"{self.clock} not null", "timestamp"))
        return {**self.columns, **{name: kind for name, kind in clocks.items() if name not in self.columns}}

    def statements(self) -> list[str]:
        columns = [f'"{name}" {kind}' for name, (kind, _) in self.all_columns.items()]
        key = ", ".join(f'"{name}"' for name in self.key)
        return [*self.sql] or [f'CREATE TABLE "{self.name}" ({", ".join(columns)}, PRIMARY KEY ({key}))']

    def source(self) -> dict[str, Any]:
        described: dict[str, Any] = {
            "key": list(self.key),
            "created_at": "created_at",
            "changed_at": "changed_at",
            "columns": {name: kind for name, (_, kind) in self.all_columns.items()},
        }
        return described | ({"relation": self.relation} if self.relation else {})

    def fact(self) -> dict[str, Any]:
        columns: dict[str, Any] = {
            starred(name): {"type": kind.rstrip("?"), "from": name} for name, (_, kind) in self.all_columns.items()
        }
        columns["created_at"]["immutable"] = True
        return {
            "kind": "fact",
            "from": self.name,
            "grain": "one row per version of a row",
            "key": [*map(starred, self.key), "changed_at"],
            "version": ["changed_at", "checked_at"],
            "history_of": [*map(starred, self.key)],
            "partition_by": [*self.partition_by],
            "since": self.since,
            "columns": columns | {"deleted_at": "timestamp", "checked_at": "timestamp"},
        }


class Zoo(DatabaseSimulation):
    """A simulation of such tables."""

    cages: Sequence[Cage] = ()

    def insert(self, table: str, row: Mapping[str, Cell]) -> None:
        names, values = ", ".join(f'"{name}"' for name in row), ", ".join(row.values())
        self.run(f"insert into {self.relation(table)} ({names}) values ({values})")

    def relation(self, table: str) -> str:
        cage = next(cage for cage in self.cages if cage.name == table)
        return cage.relation or f'"{cage.name}"'

    def differences(self) -> list[str]:
        """Rows whose values in the warehouse are not those of the source, column by column, and rows too many."""
        wrong = []
        for cage in self.cages:
            table = self.contract.source_table(cage.name)
            theirs = self._source_rows(table)
            facts = self.lake.rows(f"fact_{cage.name}")
            names = [field.name for field in table.fields if not field.added]
            documents = [field.name for field in table.fields if field.type.name == "json"]
            ours = [{name: row[starred(name)] for name in names} for row in facts if row["is_latest"]]
            for row in ours:  # documents are kept as texts, and are equal where what they say is
                row |= {
                    name: canonical(json.loads(row[name], parse_float=str))
                    for name in documents
                    if row[name] is not None
                }
            key = [name for name in names if name in cage.key]
            left, right = ({repr([row[name] for name in key]): row for row in rows} for rows in (theirs, ours))
            assert (len(left), len(right)) == (len(theirs), len(ours))
            for place in sorted({*left, *right}):
                cells = [
                    f"{name} {left[place][name]!r} is {right[place][name]!r}"
                    for name in names
                    if place in left and place in right and repr(left[place][name]) != repr(right[place][name])
                ]
                alone = "" if place in left and place in right else "of one side alone"
                wrong += [f"{cage.name} {place}: {problem}" for problem in [*cells, alone] if problem]
        return wrong

    def _source_rows(self, table: SourceTable) -> list[dict[str, Any]]:
        """The source's rows as the warehouse should have them: PostgreSQL's own JSON of the row, or a value's text.

        A string is what the server prints, but for times, which have JSON's form, and what JSON shows as a string.
        """
        cage = next(cage for cage in self.cages if cage.name == table.name)
        fields = [field for field in table.fields if not field.added]
        pairs = [f"'{field.name}', t.\"{field.name}\"::text" for field in fields]
        parts = (", ".join(pairs[at : at + 50]) for at in range(0, len(pairs), 50))  # a function takes 100 arguments
        texts = " || ".join(f"jsonb_build_object({part})" for part in parts)
        statement = f"select row_to_json(t)::text, ({texts})::text from {self.relation(table.name)} t"
        rows = []
        for shown, printed in self.run(f"set intervalstyle = 'iso_8601'; {statement}"):
            value, text = json.loads(shown, parse_float=str), json.loads(printed)
            row = {}
            for field in fields:
                kind = cage.all_columns[field.name][0].split()[0]
                is_json = kind in ("json", "jsonb") or not isinstance(value[field.name], str)
                is_text = field.type.name == "double" or (field.type.name == "string" and is_json)  # -0 would be 0
                raw = text[field.name] if is_text else value[field.name]
                value_there = self._value(field.type.name, field.type.scale, raw)
                if field.type.name == "json" and raw is None and text[field.name] is not None:
                    value_there = canonical(None)  # JSON's null, which is no SQL null
                is_key = field.type.name == "double" and field.name in cage.key
                row[field.name] = value_there + 0.0 if is_key else value_there  # a key's -0 is 0, as in the index
            rows.append(row)
        return rows

    def _value(self, kind: str, scale: int, value: Any) -> Any:
        """A value of PostgreSQL's own JSON as a warehouse's Python value, by rules of this test alone."""
        if value is None:
            return None
        if kind == "timestamp":
            at = dt.datetime.fromisoformat(value)
            zoned = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(self.contract.source.timezone))  # type: ignore[union-attr]
            return zoned.astimezone(dt.UTC).replace(tzinfo=None)
        if kind == "date":
            return dt.date.fromisoformat(value)
        if kind == "decimal":
            return Decimal(str(value).replace("$", "").replace(",", "")).quantize(
                Decimal(1).scaleb(-scale), context=Context(prec=80)
            )
        if kind == "double":
            return float(value)
        if kind == "json":
            return canonical(value)
        return int(value) if kind in ("int", "bigint") else value


@contextmanager
def zoo(
    *cages: Cage, extra: Sequence[str] = (), encoding: str = "", server: Database | None = None, **settings: Any
) -> Iterator[Zoo]:
    """A simulation of these tables in a database of their own; nothing is loaded yet."""
    server = server or shared_server()
    written = {
        "dataset": DATASET,
        "source": {
            "kind": "database", "engine": "postgresql", "secret": "zoo-db", "every": "5 minutes",
            "tables": {cage.name: cage.source() for cage in cages},
        },
        "warehouse": {f"fact_{cage.name}": cage.fact() for cage in cages},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        contracts = load(folder_of(Path(folder), written), today=TODAY)
    contracts = with_source(contracts, DATASET, **{"margin": 0, "settle": 0, "sweep": 1, **settings})
    statements = [statement for cage in cages for statement in cage.statements()]
    granted = grants(server.extractor.user)
    with scratch_database(*extra, *statements, granted, encoding=encoding, server=server) as database:
        simulation = Zoo(Source(server, database.dbname), contracts=contracts, dataset=DATASET)
        simulation.cages = cages
        try:
            yield simulation
        finally:
            simulation.close()


__all__ = ["Cage", "Zoo", "replace", "zoo"]
