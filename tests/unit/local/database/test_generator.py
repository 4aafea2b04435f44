from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal

import pytest
from pg8000.dbapi import Connection
from tests.support.sources import FILLED_AT

from local.database import Database, generator, schema

SMALL = 500

# facts of the source: first column is the key, a question mark says that it may be null
COLUMNS = {
    "address": "address_id address_line_1 address_line_2? district? city postal_code country phone",
    "counterparty": "counterparty_id counterparty_legal_name legal_address_id commercial_contact? delivery_contact?",
    "currency": "currency_id currency_code",
    "department": "department_id department_name location? manager?",
    "design": "design_id design_name file_location file_name",
    "staff": "staff_id first_name last_name department_id email_address",
    "sales_order": "sales_order_id design_id staff_id counterparty_id units_sold unit_price currency_id"
    " agreed_delivery_date agreed_payment_date agreed_delivery_location_id",
    "purchase_order": "purchase_order_id staff_id counterparty_id item_code item_quantity item_unit_price currency_id"
    " agreed_delivery_date agreed_payment_date agreed_delivery_location_id",
    "payment_type": "payment_type_id payment_type_name",
    "transaction": "transaction_id transaction_type sales_order_id? purchase_order_id?",
    "payment": "payment_id transaction_id counterparty_id payment_amount currency_id payment_type_id paid payment_date"
    " company_ac_number counterparty_ac_number",
}


def _rows(connection: Connection, statement: str) -> list[tuple]:
    cursor = connection.cursor()
    cursor.execute(statement)
    return [tuple(row) for row in cursor.fetchall()]


def test_the_same_seed_gives_the_same_rows_and_another_seed_other_ones() -> None:
    once, again = (generator.generate(now=FILLED_AT, sales_orders=SMALL, seed=3) for _ in range(2))
    other = generator.generate(now=FILLED_AT, sales_orders=SMALL, seed=4)
    assert set(once) == set(schema.TABLES)
    for table in schema.TABLES:
        assert once[table].equals(again[table])
    for table in ("sales_order", "purchase_order", "payment", "staff", "address"):
        assert not once[table].equals(other[table])


def test_a_moved_now_moves_every_time_with_it() -> None:
    later = FILLED_AT + dt.timedelta(days=10)
    first = generator.generate(now=FILLED_AT, sales_orders=SMALL)["sales_order"]
    second = generator.generate(now=later, sales_orders=SMALL)["sales_order"]
    assert second["created_at"][0].as_py() - first["created_at"][0].as_py() == dt.timedelta(days=10)
    assert second["unit_price"].equals(first["unit_price"])


@pytest.mark.parametrize("table", schema.TABLES)
def test_rows_are_made_and_updated_within_the_ninety_days_before_now(table: str) -> None:
    rows = generator.generate(now=FILLED_AT, sales_orders=SMALL)[table]
    now = FILLED_AT.replace(tzinfo=None)
    for created, updated in zip(rows["created_at"].to_pylist(), rows["last_updated"].to_pylist(), strict=True):
        assert now - dt.timedelta(days=90) <= created <= updated < now


def test_about_a_third_of_the_orders_were_updated_and_some_at_the_same_millisecond() -> None:
    orders = generator.generate(now=FILLED_AT, sales_orders=5_000)["sales_order"].to_pylist()
    updated = [order["last_updated"] for order in orders if order["last_updated"] > order["created_at"]]
    assert 0.25 < len(updated) / len(orders) < 0.35
    assert len(set(updated)) < len(updated)


def test_money_is_decimal_and_a_payment_is_units_times_price() -> None:
    tables = generator.generate(now=FILLED_AT, sales_orders=SMALL)
    orders = {order["sales_order_id"]: order for order in tables["sales_order"].to_pylist()}
    booked = {row["transaction_id"]: row["sales_order_id"] for row in tables["transaction"].to_pylist()}
    payments = [row for row in tables["payment"].to_pylist() if booked[row["transaction_id"]]]
    assert len(payments) >= SMALL
    for payment in payments:
        order = orders[booked[payment["transaction_id"]]]
        assert isinstance(payment["payment_amount"], Decimal)
        assert payment["payment_amount"] == order["unit_price"] * order["units_sold"]
        assert payment["payment_amount"].as_tuple().exponent == -2


@pytest.mark.database
def test_the_tables_have_the_columns_of_the_source_and_only_the_optional_ones_are_nullable(
    connection: Connection,
) -> None:
    found = _rows(
        connection,
        "select table_name, column_name, is_nullable, data_type, datetime_precision, numeric_precision, numeric_scale"
        " from information_schema.columns where table_schema = 'public' order by table_name, ordinal_position",
    )
    for table, promised in COLUMNS.items():
        columns = [f"{name}{'?' if nullable == 'YES' else ''}" for t, name, nullable, *_ in found if t == table]
        assert columns == [*promised.split(), "created_at", "last_updated"]
    assert {row[0] for row in found} == set(COLUMNS)
    for _, name, _, kind, precision, digits, scale in found:
        if name in ("created_at", "last_updated"):
            assert (kind, precision) == ("timestamp without time zone", 3)
        if name in ("unit_price", "item_unit_price", "payment_amount"):
            assert (kind, digits, scale) == ("numeric", 10, 2)
        if name.startswith("agreed_") and name.endswith("_date"):
            assert kind == "text"


@pytest.mark.database
def test_every_table_has_its_primary_key_and_an_index_to_extract_by(connection: Connection) -> None:
    indexes = [row[0] for row in _rows(connection, "select indexdef from pg_indexes where schemaname = 'public'")]
    for table in schema.TABLES:
        key = schema.key_of(table)
        assert any(f"UNIQUE INDEX {table}_pkey ON public.{table} USING btree ({key})" in index for index in indexes)
        assert any(f"ON public.{table} USING btree (last_updated, {key})" in index for index in indexes)


@pytest.mark.database
def test_ids_go_on_after_the_generated_ones(connection: Connection) -> None:
    inserted = _rows(connection, "insert into currency (currency_code) values ('JPY') returning currency_id")
    assert inserted == [(4,)]


@pytest.mark.database
def test_dates_are_text_and_countries_currencies_and_types_are_the_known_ones(connection: Connection) -> None:
    malformed = r"select count(*) from sales_order where agreed_delivery_date !~ '^\d{4}-\d{2}-\d{2}$'"
    assert _rows(connection, malformed) == [(0,)]
    assert len(_rows(connection, "select distinct country from address")) > 4
    assert _rows(connection, "select currency_code from currency order by currency_id") == [
        ("GBP",),
        ("USD",),
        ("EUR",),
    ]
    assert [
        row[0] for row in _rows(connection, "select payment_type_name from payment_type order by payment_type_id")
    ] == [
        "SALES_RECEIPT",
        "SALES_REFUND",
        "PURCHASE_PAYMENT",
        "PURCHASE_REFUND",
    ]
    mixed = (
        "select count(*) from payment join transaction using (transaction_id) join payment_type using (payment_type_id)"
        " where (transaction_type = 'SALE') <> (payment_type_name like 'SALES%')"
    )
    assert _rows(connection, mixed) == [(0,)]


@pytest.mark.database
def test_fifty_thousand_orders_and_all_that_belongs_to_them_are_there_in_ten_seconds_of_cpu(
    server: Database,
) -> None:
    server.copy("full")
    connection = server.connect(dbname="full")
    began = time.process_time()
    told = generator.fill(connection, now=FILLED_AT)
    seconds = time.process_time() - began
    found = schema.counts(connection)
    connection.close()
    server.drop("full")
    assert found == told
    assert found["sales_order"] == 50_000
    assert found["purchase_order"] == 30_000
    assert found["transaction"] == 80_000
    assert found["payment"] > 80_000
    assert (found["department"], found["currency"], found["payment_type"], found["staff"]) == (8, 3, 4, 40)
    assert seconds < 10
