"""The engine of a contract's database, by its name."""

from __future__ import annotations

from core.errors import BadContract
from ingestion.engines.port import Engine
from ingestion.engines.postgresql.engine import PostgreSql

_ENGINES: dict[str, Engine] = {"postgresql": PostgreSql()}


def engine_named(name: str) -> Engine:
    """Raises ``BadContract`` where this release has no such engine."""
    if name not in _ENGINES:
        remedy = f"Use one of: {', '.join(_ENGINES)}"
        raise BadContract("find engine", name, "this release has no such engine", remedy)
    return _ENGINES[name]
