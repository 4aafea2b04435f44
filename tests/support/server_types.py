"""The types that a server has, asked of itself: every type that a column may be of, and values of each.

No list of types is ours: ``pg_type`` says what there is, extensions too, and the server says which of a heap of texts
each type takes as values.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.extraction import ScratchDatabase

# One type or another takes each; which, the server says.
TEXTS = (
    "7", "0", "-1", "1.50", "t", "a", "a b", "NaN", "Infinity", "2026-11-10", "2026-11-10 12:34:56.789", "12:34:56+02",
    "1 mon 2 days", "{}", "[1, 2]", '{"a": 1.50}', "empty", "(1,2)", "[1,5)", "{[1,3)}", "(1,2),(3,4)", "<(1,2),3>",
    "{1,-1,0}", "[(1,2),(3,4)]", "((1,2),(3,4))", "10.1.2.0/24", "10.1.2.3", "08:00:2b:01:02:03",
    "08:00:2b:01:02:03:04:05", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "0/16B3748", "10:20:10,14", "$.a", "fat & rat",
    "fat:2 cat", "<a b='c'>d</a>", "101", r"\xDEAD", "[2026-01-01,2026-02-01)", "{[2026-01-01,2026-02-01)}", "0 1",
    "pg_type", "english", "simple", "int4", "now", "int4pl", "abs(int4)", "+", "+(int4,int4)", "UTF8", "C", "{1,2}",
    "YES", "a=>1, b=>NULL", "a.b.c", "*.b", "1 & 2", "1..2", "978-3-16-148410-0", "9783161484100", "036000291452",
    "1144875X", "979-0-060-11561-5", "M060115615", "POINT(1 2)", "SRID=4326;LINESTRING(0 0, 1.1 1.2)",
    "BOX(0 0,1 1)", "BOX3D(0 0 0,1 1 1)", "[1,2,3]", "{1:1.5}/3", "pg_monitor=r/pg_monitor", "public", "(1,2,3)",
    "(6378168,0,0)", 'SPHEROID["WGS 84",6378137,298.25]', "null",
)  # fmt: skip
MOST = 4  # values of a type
_VALUE_STATE = r"""
CREATE FUNCTION state_of(value text, type text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('SELECT %L::%s', value, type); RETURN 'valid'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$
"""
# With the schema, whatever the search path is; an array by its own name, as _pair.
_NAME = "CASE n.nspname WHEN 'pg_catalog' THEN format_type(t.oid, -1) ELSE format('%I.%I', n.nspname, t.typname) END"
_TYPES = f"""
SELECT {_NAME} FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_type e ON t.typcategory = 'A' AND e.oid = t.typelem LEFT JOIN pg_class ec ON ec.oid = e.typrelid
WHERE t.typisdefined AND t.typtype <> 'p' AND coalesce(e.typtype, 'b') <> 'p'
  AND coalesce(c.relkind, 'c') = 'c' AND coalesce(ec.relkind, 'c') = 'c'
ORDER BY t.oid
"""
_OWN = f"""
SELECT {_NAME}, enumlabel::text FROM pg_enum
JOIN pg_type t ON t.oid = enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace
UNION ALL
SELECT {_NAME}, '(' || repeat(',', c.relnatts - 1) || ')' FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
"""
_TAKE_NOTHING = {"0A000", "XX000"}  # states of types that the server makes itself, as pg_node_tree and gtrgm


@dataclass(frozen=True)
class ServerType:
    """A type by the name that a column is declared by, and SQL of some of its values; none where it takes none."""

    name: str
    values: tuple[str, ...]


def types_of(database: ScratchDatabase) -> list[ServerType]:
    """Every type that a column of the database may be of; fails where one takes none of the texts."""
    database.run(_VALUE_STATE)
    names = [name for (name,) in database.rows(_TYPES)]
    texts = ", ".join(f"({number}, {_quoted(text)})" for number, text in enumerate(TEXTS))
    asked = f"unnest(ARRAY[{', '.join(map(_quoted, names))}]) t(name), (VALUES {texts}) v(n, text) ORDER BY v.n"
    states: dict[str, list[tuple[str, str]]] = {}
    for name, text, state in database.rows(f"SELECT t.name, v.text, state_of(v.text, t.name) FROM {asked}"):
        states.setdefault(name, []).append((text, state))
    for name, text in database.rows(_OWN):
        states[name].append((text, "valid"))
    untried = [name for name in names if not {state for _, state in states[name]} & {"valid", *_TAKE_NOTHING}]
    assert not untried, f"no text is of these types, add one of each: {untried}"
    types = []
    for name in names:
        valid = [text for text, state in states[name] if state == "valid"]
        values = [f"{_quoted(text)}::{name}" for text in _different(valid)]
        types.append(ServerType(name, tuple(values)))
    return types


def _different(texts: list[str]) -> list[str]:
    """The first, the last and some between."""
    return texts if len(texts) <= MOST else [*texts[: MOST // 2], *texts[-(MOST - MOST // 2) :]]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def extensions_of(database: ScratchDatabase) -> list[str]:
    """Makes every extension that the server has at hand and can make; the statements that make them once more."""
    available = "SELECT name FROM pg_available_extensions WHERE installed_version IS NULL ORDER BY name"
    for (name,) in database.rows(available):
        attempt = f'CREATE EXTENSION IF NOT EXISTS "{name}" CASCADE'
        database.run(f"DO $$ BEGIN {attempt}; EXCEPTION WHEN OTHERS THEN NULL; END $$")
    names = database.rows("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname")
    return [f'CREATE EXTENSION IF NOT EXISTS "{name}" CASCADE' for (name,) in names]
