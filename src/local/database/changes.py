"""Changes that an application makes to the sales source: inserts, updates, deletes, and late commits.

Everything is chosen by the seed and by what is in the tables; every change says which rows it touched. Rows are stamped
with ``at`` (aware), else with the start of their transaction by the server's clock, as the application's default is.
The server rounds stamps to milliseconds, half of them upwards.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from pg8000.dbapi import Connection, Cursor

from local.database import schema
from local.database import vocabulary as words

Touched = dict[str, list[int]]  # keys per table

_STAMP = "coalesce(%s::timestamp, timezone('UTC', now()))"


class Changes:
    """A seeded application. Every method is one committed transaction, but for :meth:`late_commit`.

    ``connect`` gives sessions of the owner; the object keeps one of them until :meth:`close`.
    """

    def __init__(self, connect: Callable[[], Connection], *, seed: int = 0) -> None:
        self._connect = connect
        self._connection = connect()
        self._seed = seed
        self._steps = 0
        self._draw = random.Random(seed)

    def close(self) -> None:
        self._connection.close()

    def insert_orders(self, n: int, *, at: dt.datetime | None = None) -> Touched:
        """Insert ``n`` sales orders, each with its transaction and payment."""
        with self._committed() as cursor:
            return self._insert_orders(cursor, n, at)

    def insert_orders_with_new_parents(self, n: int, *, at: dt.datetime | None = None) -> Touched:
        """As :meth:`insert_orders`, of a design, a counterparty and an address that are as new as the orders."""
        with self._committed() as cursor:
            country, cities, _ = self._draw.choice(words.COUNTRIES)
            address = _insert(
                cursor,
                "address",
                {
                    "address_line_1": f"{self._draw.randint(1, 199)} {self._draw.choice(words.STREETS)} Street",
                    "city": self._draw.choice(cities),
                    "postal_code": f"{self._draw.randint(10_000, 99_999)}",
                    "country": country,
                    "phone": f"{self._draw.randint(1000, 9999)} {self._draw.randint(100_000, 999_999)}",
                },
                at,
            )
            name = f"{self._draw.choice(words.COMPANY_WORDS)} {self._draw.choice(words.COMPANY_KINDS)}"
            counterparty = _insert(
                cursor, "counterparty", {"counterparty_legal_name": name, "legal_address_id": address}, at
            )
            design = _insert(cursor, "design", self._new_design(), at)
            parents = {"counterparty_id": counterparty, "design_id": design, "agreed_delivery_location_id": address}
            touched = self._insert_orders(cursor, n, at, parents)
        return {"address": [address], "counterparty": [counterparty], "design": [design], **touched}

    def insert_orphans(self, n: int, *, at: dt.datetime | None = None) -> Touched:
        """Insert sales orders of a design that does not exist, as a source fed by replication may hold for a while.

        :meth:`adopt` brings the design.
        """
        with self._committed() as cursor:
            cursor.execute("select nextval(pg_get_serial_sequence('design', 'design_id'))")
            missing = cursor.fetchone()[0]
            cursor.execute("set local session_replication_role = replica")  # no triggers, so no foreign keys
            return self._insert_orders(cursor, n, at, {"design_id": missing})

    def adopt(self, *, at: dt.datetime | None = None) -> Touched:
        """Insert every design that orders refer to and that is not there."""
        with self._committed() as cursor:
            cursor.execute(
                "select distinct design_id from sales_order where design_id not in (select design_id from design)"
            )
            missing = sorted(row[0] for row in cursor.fetchall())
            for key in missing:
                _insert(cursor, "design", {"design_id": key, **self._new_design()}, at)
        return {"design": missing}

    def update_orders(self, n: int, *, at: dt.datetime | None = None) -> Touched:
        """Change units and price of ``n`` sales orders."""
        with self._committed() as cursor:
            keys = self._choose(cursor, "sales_order", n)
            for key in keys:
                cursor.execute(
                    f"update sales_order set units_sold = units_sold + %s, unit_price = %s, last_updated = {_STAMP}"
                    " where sales_order_id = %s",
                    (self._draw.randint(1, 50), self._price(), _naive(at), key),
                )
        return {"sales_order": keys}

    def settle_payments(self, n: int, *, at: dt.datetime | None = None) -> Touched:
        """Mark ``n`` open payments (or as many as there are) as paid."""
        with self._committed() as cursor:
            keys = self._choose(cursor, "payment", n, "not paid")
            cursor.execute(
                f"update payment set paid = true, last_updated = {_STAMP} where payment_id = any(%s)",
                (_naive(at), keys),
            )
        return {"payment": keys}

    def rename_department(
        self, key: int | None = None, *, name: str | None = None, at: dt.datetime | None = None
    ) -> Touched:
        """Give a department (``key``, or any) another name."""
        return self._change_department("department_name", key, name or f"Department {self._draw.randint(100, 999)}", at)

    def move_department(
        self, key: int | None = None, *, location: str | None = None, at: dt.datetime | None = None
    ) -> Touched:
        """Give a department (``key``, or any) another location."""
        return self._change_department("location", key, location or f"Building {self._draw.randint(100, 999)}", at)

    def delete_rows(self, table: str, n: int) -> Touched:
        """Delete ``n`` rows, and all rows that refer to them; nothing in the source shows it afterwards."""
        with self._committed() as cursor:
            return _delete(cursor, table, self._choose(cursor, table, n))

    @contextmanager
    def late_commit(self, n: int = 1, *, updates: int = 0, at: dt.datetime | None = None) -> Iterator[LateCommit]:
        """A transaction of its own session: writes ``n`` orders and changes ``updates`` others, stamped now.

        Its rows become visible when :meth:`LateCommit.commit` is called, with the stamps of long before. What was not
        committed when the block ends is rolled back.
        """
        connection = self._connect()
        try:
            cursor = connection.cursor()
            touched = self._insert_orders(cursor, n, at)
            for key in self._choose(
                cursor, "sales_order", updates, f"sales_order_id <> all(array{touched['sales_order']}::int[])"
            ):
                cursor.execute(
                    f"update sales_order set unit_price = %s, last_updated = {_STAMP} where sales_order_id = %s",
                    (self._price(), _naive(at), key),
                )
                touched["sales_order"].append(key)
            late = LateCommit(connection, touched)
            yield late
            late.roll_back()
        finally:
            connection.close()

    def _insert_orders(
        self, cursor: Cursor, n: int, at: dt.datetime | None, fixed: dict[str, int] | None = None
    ) -> Touched:
        touched: Touched = {"sales_order": [], "transaction": [], "payment": []}
        parents = {
            "design_id": "design",
            "staff_id": "staff",
            "counterparty_id": "counterparty",
            "currency_id": "currency",
            "agreed_delivery_location_id": "address",
        }
        known = {column: _keys(cursor, table) for column, table in parents.items()}
        today = (at or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).date()
        for _ in range(n):
            order: dict[str, Any] = {column: self._draw.choice(keys) for column, keys in known.items()} | (fixed or {})
            order["units_sold"] = self._draw.randint(1, 9_999)
            order["unit_price"] = self._price()
            order["agreed_delivery_date"] = str(today + dt.timedelta(days=self._draw.randint(2, 29)))
            order["agreed_payment_date"] = str(today + dt.timedelta(days=self._draw.randint(2, 59)))
            sale = _insert(cursor, "sales_order", order, at)
            booked = _insert(cursor, "transaction", {"transaction_type": "SALE", "sales_order_id": sale}, at)
            payment = _insert(
                cursor,
                "payment",
                {
                    "transaction_id": booked,
                    "counterparty_id": order["counterparty_id"],
                    "payment_amount": order["unit_price"] * order["units_sold"],
                    "currency_id": order["currency_id"],
                    "payment_type_id": 1,
                    "paid": False,
                    "payment_date": order["agreed_payment_date"],
                    "company_ac_number": self._draw.randint(10_000_000, 99_999_999),
                    "counterparty_ac_number": self._draw.randint(10_000_000, 99_999_999),
                },
                at,
            )
            for table, key in (("sales_order", sale), ("transaction", booked), ("payment", payment)):
                touched[table].append(key)
        return touched

    def _change_department(self, column: str, key: int | None, value: str, at: dt.datetime | None) -> Touched:
        with self._committed() as cursor:
            chosen = self._choose(cursor, "department", 1)[0] if key is None else key
            cursor.execute(
                f"update department set {column} = %s, last_updated = {_STAMP} where department_id = %s",
                (value, _naive(at), chosen),
            )
        return {"department": [chosen]}

    def _choose(self, cursor: Cursor, table: str, n: int, condition: str = "true") -> list[int]:
        """``n`` keys by the seed, the same for the same content; other ones at every call."""
        self._steps += 1
        key = schema.key_of(table)
        cursor.execute(
            f"select {key} from {table} where {condition} order by md5(%s || {key}) limit %s",
            (f"{self._seed}/{self._steps}/", n),
        )
        return sorted(row[0] for row in cursor.fetchall())

    def _price(self) -> Decimal:
        return Decimal(self._draw.randint(150, 99_999)).scaleb(-2)

    def _new_design(self) -> dict[str, str]:
        material, shape = self._draw.choice(words.MATERIALS), self._draw.choice(words.SHAPES)
        file = f"{material}-{shape}-{self._draw.randint(0, 0xFFFF):04x}.json".lower()
        return {"design_name": f"{material} {shape}", "file_location": "/srv/designs", "file_name": file}

    @contextmanager
    def _committed(self) -> Iterator[Cursor]:
        try:
            yield self._connection.cursor()
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()


class LateCommit:
    """An open transaction that has written. ``touched`` are the keys that nobody else sees yet."""

    def __init__(self, connection: Connection, touched: Touched) -> None:
        self._connection = connection
        self._open = True
        self.touched = touched

    def commit(self) -> Touched:
        """Make the rows visible."""
        self._connection.commit()
        self._open = False
        return self.touched

    def prepare(self, name: str) -> None:
        """First half of a two-phase commit: the transaction survives its session, in ``pg_prepared_xacts``."""
        self._connection.cursor().execute(f"prepare transaction '{name}'")
        self._open = False

    def roll_back(self) -> None:
        if self._open:
            self._connection.rollback()
            self._open = False


def commit_prepared(connection: Connection, name: str) -> None:
    """Second half of :meth:`LateCommit.prepare`."""
    connection.rollback()
    connection.autocommit = True
    connection.cursor().execute(f"commit prepared '{name}'")
    connection.autocommit = False


def _keys(cursor: Cursor, table: str) -> list[int]:
    cursor.execute(f"select {schema.key_of(table)} from {table} order by 1")
    return [row[0] for row in cursor.fetchall()]


def _insert(cursor: Cursor, table: str, row: dict[str, Any], at: dt.datetime | None) -> int:
    cursor.execute(
        f"insert into {table} ({', '.join(row)}, created_at, last_updated)"
        f" values ({', '.join(['%s'] * len(row))}, {_STAMP}, {_STAMP}) returning {schema.key_of(table)}",
        (*row.values(), _naive(at), _naive(at)),
    )
    return int(cursor.fetchone()[0])


def _delete(cursor: Cursor, table: str, keys: Sequence[int]) -> Touched:
    """Delete rows, those that refer to them first; the references are read from the catalog."""
    touched: Touched = {}
    if not keys:
        return touched
    cursor.execute(
        "select conrelid::regclass::text, attname from pg_constraint join pg_attribute"
        " on attrelid = conrelid and attnum = conkey[1] where contype = 'f' and confrelid = %s::regclass order by 1, 2",
        (table,),
    )
    for child, column in cursor.fetchall():
        cursor.execute(f"select {schema.key_of(child)} from {child} where {column} = any(%s)", (list(keys),))
        for name, gone in _delete(cursor, child, [row[0] for row in cursor.fetchall()]).items():
            touched[name] = sorted({*touched.get(name, []), *gone})
    cursor.execute(f"delete from {table} where {schema.key_of(table)} = any(%s)", (list(keys),))
    touched[table] = sorted({*touched.get(table, []), *keys})
    return touched


def _naive(at: dt.datetime | None) -> dt.datetime | None:
    return None if at is None else at.astimezone(dt.UTC).replace(tzinfo=None)
