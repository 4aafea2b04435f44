"""Athena's SQL, as the emulator runs it, over facts in memory."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pandas as pd
import pyarrow as pa

from local.emulator.patches.athena.dialect import MACROS, parse, tables_of, translate

COLUMNS = {"symbol": "string", "minute": "timestamp", "month": "string"}
SCHEMA = pa.schema([("symbol", pa.string()), ("minute", pa.timestamp("us")), ("month", pa.string())])


class MemoryAthena:
    """One table, ``fact_quote``, of which only the key and the partition are told; ``rows`` gives it as it is now."""

    def __init__(self, rows: Callable[[], pa.Table]) -> None:
        self._rows = rows
        self._duck = duckdb.connect()
        for definition in (*MACROS, 'create schema "db"'):
            self._duck.execute(definition)
        self.asked: list[str] = []

    def query(self, sql: str) -> pd.DataFrame:
        self.asked.append(sql)
        self._duck.register("rows", self._rows().select(SCHEMA.names).cast(SCHEMA))
        self._duck.execute('create or replace table "db".fact_quote as select * from rows')
        tree = parse(sql)
        tables_of(tree, "db")
        return self._duck.execute(next(translate(tree, {("db", "fact_quote"): COLUMNS}))).df()
