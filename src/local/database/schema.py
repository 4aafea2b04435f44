"""The tables of the sales source."""

from __future__ import annotations

from pathlib import Path

import pg8000.dbapi

from local.database.supervisor import EXTRACTOR

_HERE = Path(__file__).parent

# Parents before their children.
TABLES = (
    "department",
    "staff",
    "address",
    "counterparty",
    "currency",
    "design",
    "payment_type",
    "sales_order",
    "purchase_order",
    "transaction",
    "payment",
)


def key_of(table: str) -> str:
    """The primary key column: every table has one column of that name."""
    if table not in TABLES:
        raise KeyError(table)
    return f"{table}_id"


def create_tables(connection: pg8000.dbapi.Connection) -> None:
    """The bare tables, for a bulk load; the extractor may read them. Not committed."""
    _run(connection, "totesys_tables.sql")
    connection.cursor().execute(f"grant select on {', '.join(TABLES)} to {EXTRACTOR}")


def create_constraints(connection: pg8000.dbapi.Connection) -> None:
    """Keys, references and indexes; fails when the content breaks one. Not committed."""
    _run(connection, "totesys_constraints.sql")


def create(connection: pg8000.dbapi.Connection) -> None:
    """The whole empty schema, committed."""
    create_tables(connection)
    create_constraints(connection)
    connection.commit()


def counts(connection: pg8000.dbapi.Connection) -> dict[str, int]:
    """Rows per table, all from one snapshot."""
    cursor = connection.cursor()
    cursor.execute("select " + ", ".join(f"(select count(*) from {table})" for table in TABLES))
    return dict(zip(TABLES, cursor.fetchone(), strict=True))


def _run(connection: pg8000.dbapi.Connection, file: str) -> None:
    # Without parameters pg8000 sends a simple query, which may hold many statements.
    connection.cursor().execute((_HERE / file).read_text())
