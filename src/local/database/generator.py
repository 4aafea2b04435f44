"""Seeded content for the sales source: the same arguments give the same rows, to the millisecond and the penny."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import numpy as np
import pg8000.dbapi
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from local.database import schema
from local.database import vocabulary as words

DEFAULT_SALES_ORDERS = 50_000
DAYS = 90
DAY_MS = 86_400_000

_PURCHASES_PER_SALE = 0.6
_CHANGED = 0.3  # share of rows that were updated after they were made
_BATCHED = 0.05  # share of those that a nightly job updated, all at the same millisecond
_REFUNDED = 0.02
_PAID = 0.7
_DESIGNS, _STAFF, _ADDRESSES, _COUNTERPARTIES = 300, 40, 250, 150

Columns = dict[str, Any]  # whatever Arrow makes a column of


def fill(
    connection: pg8000.dbapi.Connection,
    *,
    now: dt.datetime,
    sales_orders: int = DEFAULT_SALES_ORDERS,
    seed: int = 0,
) -> dict[str, int]:
    """Create the schema in an empty database and fill it, in one committed transaction; rows per table.

    Every ``created_at`` and ``last_updated`` lies in the 90 days before ``now`` (aware), and before it.
    """
    tables = generate(now=now, sales_orders=sales_orders, seed=seed)
    schema.create_tables(connection)
    cursor = connection.cursor()
    for name in schema.TABLES:
        table = tables[name]
        text = io.BytesIO()
        pyarrow.csv.write_csv(table, text, pyarrow.csv.WriteOptions(include_header=False))
        text.seek(0)
        cursor.execute(f"copy {name} ({', '.join(table.column_names)}) from stdin (format csv)", stream=text)
        # One further than the last id, so that the next insert does not collide.
        cursor.execute(
            f"select setval(pg_get_serial_sequence('{name}', '{schema.key_of(name)}'), {max(table.num_rows, 1)})"
        )
    schema.create_constraints(connection)
    connection.commit()
    connection.autocommit = True
    cursor.execute("analyze")
    connection.autocommit = False
    return {name: tables[name].num_rows for name in schema.TABLES}


def generate(*, now: dt.datetime, sales_orders: int = DEFAULT_SALES_ORDERS, seed: int = 0) -> dict[str, pa.Table]:
    """The rows of every table as Arrow, sorted by key; keys count from 1 in order of creation."""
    end = int(now.astimezone(dt.UTC).timestamp() * 1000)
    draw = np.random.default_rng(seed)
    tables = _small_tables(draw, end)
    purchase_orders = max(1, int(sales_orders * _PURCHASES_PER_SALE))
    sales = _orders(draw, sales_orders, end)
    purchases = _orders(draw, purchase_orders, end)
    tables["sales_order"] = _table(
        {
            "sales_order_id": _ids(sales_orders),
            "design_id": _picks(draw, sales_orders, _DESIGNS),
            "staff_id": sales["staff_id"],
            "counterparty_id": sales["counterparty_id"],
            "units_sold": sales["quantity"],
            "unit_price": _money(sales["pennies"]),
            **_order_columns(sales),
        }
    )
    tables["purchase_order"] = _table(
        {
            "purchase_order_id": _ids(purchase_orders),
            "staff_id": purchases["staff_id"],
            "counterparty_id": purchases["counterparty_id"],
            "item_code": np.char.add("ITEM", draw.integers(1000, 10000, purchase_orders).astype(str)),
            "item_quantity": purchases["quantity"],
            "item_unit_price": _money(purchases["pennies"]),
            **_order_columns(purchases),
        }
    )
    transactions = _transactions(draw, sales, purchases, end)
    tables["transaction"] = transactions.pop("table")
    tables["payment"] = _payments(draw, transactions, end)
    return tables


def _small_tables(draw: np.random.Generator, end: int) -> dict[str, pa.Table]:
    start = end - DAYS * DAY_MS
    currencies, types = list(words.CURRENCIES), list(words.PAYMENT_TYPES)
    fixed = {"created_at": _instants(np.full(8, start)), "last_updated": _instants(np.full(8, start))}
    names, locations, managers = (list(column) for column in zip(*words.DEPARTMENTS, strict=True))
    return {
        "department": _table(
            {
                "department_id": _ids(len(names)),
                "department_name": names,
                "location": locations,
                "manager": managers,
                **fixed,
            }
        ),
        "currency": _table(_few("currency_id", "currency_code", currencies, fixed)),
        "payment_type": _table(_few("payment_type_id", "payment_type_name", types, fixed)),
        "staff": _staff(draw, end),
        "address": _addresses(draw, end),
        "counterparty": _counterparties(draw, end),
        "design": _designs(draw, end),
    }


def _few(key: str, name: str, values: list[str], fixed: Columns) -> Columns:
    return {key: _ids(len(values)), name: values, **{column: at[: len(values)] for column, at in fixed.items()}}


def _staff(draw: np.random.Generator, end: int) -> pa.Table:
    first = draw.choice(words.FIRST_NAMES, _STAFF)
    # Each last name twice, so that first and last name together are rarely shared, as in life.
    last = draw.permutation(np.array(words.LAST_NAMES * 2))[:_STAFF]
    numbers = np.arange(1, _STAFF + 1)
    return _table(
        {
            "staff_id": numbers,
            "first_name": first,
            "last_name": last,
            "department_id": _picks(draw, _STAFF, len(words.DEPARTMENTS)),
            "email_address": [
                f"{names[0]}.{names[1]}.{number}@totesys.example".lower()
                for *names, number in zip(first, last, numbers, strict=True)
            ],
            **_times(draw, _STAFF, end, all_from_start=True),
        }
    )


def _addresses(draw: np.random.Generator, end: int) -> pa.Table:
    rows = []
    for _ in range(_ADDRESSES):
        country, cities, form = words.COUNTRIES[draw.integers(len(words.COUNTRIES))]
        street = f"{draw.integers(1, 200)} {draw.choice(words.STREETS)} {draw.choice(words.STREET_KINDS)}"
        unit = f"Unit {draw.integers(1, 40)}" if draw.random() < 0.3 else None
        district = str(draw.choice(words.DISTRICTS)) if draw.random() < 0.5 else None
        code = "".join(str(draw.integers(10)) if letter == "#" else letter for letter in form)
        phone = f"{draw.integers(1000, 10000)} {draw.integers(100_000, 1_000_000)}"
        rows.append((street, unit, district, str(draw.choice(cities)), code, country, phone))
    names = ("address_line_1", "address_line_2", "district", "city", "postal_code", "country", "phone")
    columns: Columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return _table({"address_id": _ids(_ADDRESSES), **columns, **_times(draw, _ADDRESSES, end, all_from_start=True)})


def _counterparties(draw: np.random.Generator, end: int) -> pa.Table:
    pairs = [f"{first} {second}" for first in words.COMPANY_WORDS for second in words.COMPANY_WORDS if first != second]
    names = draw.permutation(np.array(pairs))[:_COUNTERPARTIES]
    people = [f"{draw.choice(words.FIRST_NAMES)} {draw.choice(words.LAST_NAMES)}" for _ in range(2 * _COUNTERPARTIES)]
    contacts = [
        person if chance < 0.9 else None for person, chance in zip(people, draw.random(len(people)), strict=True)
    ]
    return _table(
        {
            "counterparty_id": _ids(_COUNTERPARTIES),
            "counterparty_legal_name": [f"{name} {draw.choice(words.COMPANY_KINDS)}" for name in names],
            "legal_address_id": _picks(draw, _COUNTERPARTIES, _ADDRESSES),
            "commercial_contact": contacts[:_COUNTERPARTIES],
            "delivery_contact": contacts[_COUNTERPARTIES:],
            **_times(draw, _COUNTERPARTIES, end, all_from_start=True),
        }
    )


def _designs(draw: np.random.Generator, end: int) -> pa.Table:
    names = [f"{draw.choice(words.MATERIALS)} {draw.choice(words.SHAPES)}" for _ in range(_DESIGNS)]
    return _table(
        {
            "design_id": _ids(_DESIGNS),
            "design_name": names,
            "file_location": draw.choice(["/private/designs", "/srv/designs", "/archive/designs"], _DESIGNS),
            "file_name": [f"{name.lower().replace(' ', '-')}-{number:04}.json" for number, name in enumerate(names, 1)],
            **_times(draw, _DESIGNS, end, all_from_start=True),
        }
    )


def _orders(draw: np.random.Generator, count: int, end: int) -> dict[str, np.ndarray]:
    """Columns that sales and purchases share, as plain numbers: pennies, milliseconds, ids."""
    created, updated = _moments(draw, count, end)
    return {
        "created": created,
        "updated": updated,
        "staff_id": _picks(draw, count, _STAFF),
        "counterparty_id": _picks(draw, count, _COUNTERPARTIES),
        "quantity": draw.integers(1, 10_000, count),
        "pennies": draw.integers(150, 100_000, count),
        "currency_id": _picks(draw, count, len(words.CURRENCIES)),
        "delivery_day": created // DAY_MS + draw.integers(2, 30, count),
        "payment_day": created // DAY_MS + draw.integers(2, 60, count),
        "location": _picks(draw, count, _ADDRESSES),
    }


def _order_columns(orders: dict[str, np.ndarray]) -> Columns:
    return {
        "currency_id": orders["currency_id"],
        "agreed_delivery_date": _days(orders["delivery_day"]),
        "agreed_payment_date": _days(orders["payment_day"]),
        "agreed_delivery_location_id": orders["location"],
        "created_at": _instants(orders["created"]),
        "last_updated": _instants(orders["updated"]),
    }


def _transactions(
    draw: np.random.Generator, sales: dict[str, np.ndarray], purchases: dict[str, np.ndarray], end: int
) -> dict[str, Any]:
    """One transaction per order, in order of creation, and the columns that payments take from each."""
    of_sale = np.arange(len(sales["created"])) + 1
    of_purchase = np.arange(len(purchases["created"])) + 1
    both = {name: np.concatenate([sales[name], purchases[name]]) for name in sales}
    order = np.argsort(both["created"], kind="stable")
    is_sale = np.concatenate([np.ones(len(of_sale), bool), np.zeros(len(of_purchase), bool)])[order]
    order_id = np.concatenate([of_sale, of_purchase])[order]
    created = both["created"][order]
    table = _table(
        {
            "transaction_id": _ids(len(order)),
            "transaction_type": np.where(is_sale, "SALE", "PURCHASE"),
            "sales_order_id": pa.array(order_id, mask=~is_sale),
            "purchase_order_id": pa.array(order_id, mask=is_sale),
            "created_at": _instants(created),
            "last_updated": _instants(_later(draw, created, end, share=0.05)),
        }
    )
    return {
        "table": table,
        "created": created,
        "is_sale": is_sale,
        "counterparty_id": both["counterparty_id"][order],
        "currency_id": both["currency_id"][order],
        "day": both["payment_day"][order],
        "pennies": (both["pennies"] * both["quantity"])[order],
    }


def _payments(draw: np.random.Generator, of: dict[str, Any], end: int) -> pa.Table:
    """One payment per transaction, and a refund after some of them."""
    count = len(of["created"])
    refunded = np.flatnonzero(draw.random(count) < _REFUNDED)
    source = np.concatenate([np.arange(count), refunded])
    refund = np.concatenate([np.zeros(count, bool), np.ones(len(refunded), bool)])
    created = np.concatenate([of["created"], _later(draw, of["created"][refunded], end, share=1)])
    order = np.argsort(created, kind="stable")
    source, refund, created = source[order], refund[order], created[order]
    rows = len(order)
    return _table(
        {
            "payment_id": _ids(rows),
            "transaction_id": source + 1,
            "counterparty_id": of["counterparty_id"][source],
            "payment_amount": _money(of["pennies"][source]),
            "currency_id": of["currency_id"][source],
            "payment_type_id": np.where(of["is_sale"][source], 1, 3) + refund,
            "paid": draw.random(rows) < _PAID,
            "payment_date": _days(of["day"][source]),
            "company_ac_number": draw.integers(10_000_000, 100_000_000, rows),
            "counterparty_ac_number": draw.integers(10_000_000, 100_000_000, rows),
            "created_at": _instants(created),
            "last_updated": _instants(_later(draw, created, end, share=_CHANGED)),
        }
    )


def _moments(draw: np.random.Generator, count: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    created = np.sort(draw.integers(end - DAYS * DAY_MS, end, count))
    return created, _later(draw, created, end, share=_CHANGED)


def _later(draw: np.random.Generator, created: np.ndarray, end: int, *, share: float) -> np.ndarray:
    """Times of rows' last writes: for a ``share`` of them at a random time after their creation, before ``end``."""
    count = len(created)
    moved = created + (draw.random(count) * (end - created)).astype(np.int64)
    # Two o'clock in the night that follows, when it has been already.
    nightly = (moved // DAY_MS + 1) * DAY_MS + 2 * 3_600_000
    batched = (draw.random(count) < _BATCHED) & (nightly < end)
    changed = draw.random(count) < share
    return np.where(changed, np.where(batched, nightly, moved), created)


def _times(draw: np.random.Generator, count: int, end: int, *, all_from_start: bool) -> Columns:
    created, updated = _moments(draw, count, end)
    if all_from_start:  # orders refer to all of them, so all of them are older than any order
        created = np.full(count, end - DAYS * DAY_MS)
        updated = np.where(draw.random(count) < _CHANGED, updated, created)
    return {"created_at": _instants(created), "last_updated": _instants(updated)}


def _ids(count: int) -> np.ndarray:
    return np.arange(1, count + 1)


def _picks(draw: np.random.Generator, count: int, among: int) -> np.ndarray:
    return draw.integers(1, among + 1, count)


def _money(pennies: np.ndarray) -> pa.Array:
    whole = pa.array(pennies).cast(pa.decimal128(19, 0))
    return pc.multiply(whole, pa.scalar(Decimal("0.01"))).cast(pa.decimal128(12, 2))


def _days(days: np.ndarray) -> np.ndarray:
    return np.datetime_as_string(days.astype("datetime64[D]"))


def _instants(milliseconds: np.ndarray) -> pa.Array:
    return pa.array(milliseconds.astype("datetime64[ms]"))


def _table(columns: Columns) -> pa.Table:
    return pa.table(dict(columns))
