"""The catalog's types in DuckDB, and DuckDB's in Athena's results."""

from __future__ import annotations

_SIMPLE = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "binary": "BLOB",
    "varbinary": "BLOB",
    "string": "VARCHAR",
}

_ATHENA = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "UBIGINT": "bigint",
    "HUGEINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "varchar",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "INTERVAL": "interval day to second",
    "JSON": "json",
}

_FAMILIES = {
    "integer": {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"},
    "floating": {"FLOAT", "DOUBLE"},
    "text": {"VARCHAR"},
    "time": {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"},
}


def duckdb_type(hive: str) -> str:
    """``array<struct<a:int,b:decimal(18,6)>>`` as DuckDB writes it. ValueError for a type that the catalog has not."""
    hive = hive.strip().lower()
    if hive.startswith("array<"):
        return f"{duckdb_type(hive[6:-1])}[]"
    if hive.startswith("map<"):
        key, value = _split(hive[4:-1])
        return f"MAP({duckdb_type(key)}, {duckdb_type(value)})"
    if hive.startswith("struct<"):
        fields = [field.split(":", 1) for field in _split(hive[7:-1])]
        return "STRUCT({})".format(", ".join(f'"{name.strip()}" {duckdb_type(kind)}' for name, kind in fields))
    if hive.startswith("decimal"):
        return hive.upper() if "(" in hive else "DECIMAL(10,0)"
    if hive.startswith(("varchar", "char")):
        return "VARCHAR"
    if hive not in _SIMPLE:
        raise ValueError(f"HIVE_UNSUPPORTED_FORMAT: the catalog has no type {hive!r}")
    return _SIMPLE[hive]


def parts_of(hive: str) -> tuple[str, list[tuple[str, str]]]:
    """The outer type and its named parts; a scalar, as DuckDB writes it, has none."""
    hive = hive.strip().lower()
    if hive.startswith("array<"):
        return "array", [("", hive[6:-1])]
    if hive.startswith("map<"):
        return "map", [("", _split(hive[4:-1])[1])]
    if hive.startswith("struct<"):
        fields = [field.split(":", 1) for field in _split(hive[7:-1])]
        return "struct", [(name.strip(), kind) for name, kind in fields]
    return duckdb_type(hive), []


def athena_type(duckdb: str) -> str:
    """The type that Athena reports for a result column; decimals with precision and scale."""
    if duckdb.startswith("DECIMAL"):
        return duckdb.lower().replace(" ", "")
    for mark, name in (("[]", "array"), ("[", "array")):
        if duckdb.endswith(mark) or (mark == "[" and duckdb.endswith("]")):
            return name
    if duckdb.startswith("STRUCT"):
        return "row"
    if duckdb.startswith("MAP"):
        return "map"
    return _ATHENA.get(duckdb, "varchar")


def compatible(stored: str, declared: str) -> bool:
    """Whether Athena reads a Parquet column stored as one DuckDB type under a declaration of another."""
    return _family(stored) == _family(declared) or (_family(stored), _family(declared)) == ("integer", "decimal")


def _family(duckdb: str) -> str:
    base = duckdb.split("(")[0]
    if duckdb.endswith("]"):
        return "array"
    return next((name for name, members in _FAMILIES.items() if base in members), base.lower())


def _split(text: str) -> list[str]:
    """Split at the commas that stand outside every bracket."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += character in "<("
        depth -= character in ">)"
        if character == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]
