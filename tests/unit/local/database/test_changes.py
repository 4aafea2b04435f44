from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pg8000.dbapi import Connection
from tests.support.sources import Source, source

from local.database import schema
from local.database.changes import Changes, commit_prepared

pytestmark = pytest.mark.database

AT = dt.datetime(2026, 11, 20, 13, 0, 0, 123_000, tzinfo=dt.UTC)


def _rows(connection: Connection, statement: str, *values: Any) -> list[tuple]:
    connection.rollback()  # see what others have committed since
    cursor = connection.cursor()
    cursor.execute(statement, values)
    return [tuple(row) for row in cursor.fetchall()]


def _written_since(connection: Connection, table: str, moment: dt.datetime) -> list[int]:
    key = schema.key_of(table)
    naive = moment.replace(tzinfo=None)
    return [
        row[0] for row in _rows(connection, f"select {key} from {table} where last_updated >= %s order by 1", naive)
    ]


def test_inserted_orders_are_there_with_transaction_and_payment_under_the_keys_told(
    changes: Changes, connection: Connection
) -> None:
    before = schema.counts(connection)
    touched = changes.insert_orders(5, at=AT)
    connection.rollback()
    after = schema.counts(connection)
    assert {table: after[table] - before[table] for table in after if after[table] != before[table]} == {
        "sales_order": 5,
        "transaction": 5,
        "payment": 5,
    }
    for table, keys in touched.items():
        assert _written_since(connection, table, AT) == keys
    wrong = (
        "select count(*) from payment join transaction using (transaction_id) join sales_order using (sales_order_id)"
        " where payment_id = any(%s) and payment_amount <> units_sold * unit_price"
    )
    assert _rows(connection, wrong, touched["payment"]) == [(0,)]


def test_updates_touch_exactly_the_orders_told_and_stamp_them(changes: Changes, connection: Connection) -> None:
    columns = "select sales_order_id, units_sold, unit_price from sales_order order by 1"
    before = {row[0]: row for row in _rows(connection, columns)}
    keys = changes.update_orders(7, at=AT)["sales_order"]
    after = {row[0]: row for row in _rows(connection, columns)}
    assert len(keys) == 7
    assert sorted(key for key in before if before[key] != after[key]) == keys
    assert _written_since(connection, "sales_order", AT) == keys


def test_a_change_without_a_time_is_stamped_by_the_servers_clock(changes: Changes, connection: Connection) -> None:
    clock = "select timezone('UTC', clock_timestamp())::timestamp(3)"
    ((before,),) = _rows(connection, clock)
    (key,) = changes.update_orders(1)["sales_order"]
    ((at,),) = _rows(connection, "select last_updated from sales_order where sales_order_id = %s", key)
    ((after,),) = _rows(connection, clock)
    assert before <= at <= after


def test_one_department_is_renamed_and_one_is_moved(changes: Changes, connection: Connection) -> None:
    changes.rename_department(2, name="Procurement", at=AT)
    changes.move_department(3, location="York", at=AT)
    assert _rows(
        connection, "select department_name, location from department where department_id in (2, 3) order by 1"
    ) == [
        ("Procurement", "Manchester"),
        ("Production", "York"),
    ]
    assert _written_since(connection, "department", AT) == [2, 3]
    (chosen,) = changes.rename_department()["department"]
    assert chosen in range(1, 9)


def test_payments_are_settled(changes: Changes, connection: Connection) -> None:
    keys = changes.settle_payments(4, at=AT)["payment"]
    assert len(keys) == 4
    assert _rows(connection, "select bool_and(paid) from payment where payment_id = any(%s)", keys) == [(True,)]
    assert _written_since(connection, "payment", AT) == keys


def test_a_late_commit_becomes_visible_with_a_time_that_has_passed(changes: Changes, connection: Connection) -> None:
    with changes.late_commit(3, updates=2) as late:
        ((before,),) = _rows(connection, "select timezone('UTC', clock_timestamp())")
        others = changes.insert_orders(1)["sales_order"]
        hidden = late.touched["sales_order"]
        assert len(hidden) == 5
        seen = "select count(*) from sales_order where sales_order_id = any(%s)"
        assert _rows(connection, seen, hidden) == [(2,)]  # the two that are only changed, as they were
        late.commit()
    stamps = _rows(connection, "select last_updated from sales_order where sales_order_id = any(%s)", hidden)
    assert len(stamps) == 5
    assert all(stamp <= before for (stamp,) in stamps)
    ((newest,),) = _rows(connection, "select max(last_updated) from sales_order where sales_order_id = any(%s)", others)
    assert all(stamp <= newest for (stamp,) in stamps)
    # ids were given in another order than the commits came
    assert max(hidden) < min(others)


def test_what_is_not_committed_when_the_block_ends_never_was(changes: Changes, connection: Connection) -> None:
    before = schema.counts(connection)
    with changes.late_commit(3) as late:
        gone = late.touched["sales_order"]
    connection.rollback()
    assert schema.counts(connection) == before
    assert _rows(connection, "select 1 from sales_order where sales_order_id = any(%s)", gone) == []


def test_a_prepared_transaction_outlives_its_session_until_it_is_committed(
    changes: Changes, connection: Connection
) -> None:
    with changes.late_commit(1) as late:
        late.prepare("transfer-1")
        (key,) = late.touched["sales_order"]
    assert _rows(connection, "select gid from pg_prepared_xacts where database = current_database()") == [
        ("transfer-1",)
    ]
    assert _rows(connection, "select 1 from sales_order where sales_order_id = %s", key) == []
    commit_prepared(connection, "transfer-1")
    assert _rows(connection, "select 1 from sales_order where sales_order_id = %s", key) == [(1,)]


def test_deleted_rows_are_gone_with_whatever_referred_to_them(changes: Changes, connection: Connection) -> None:
    before = schema.counts(connection)
    touched = changes.delete_rows("sales_order", 3)
    connection.rollback()
    after = schema.counts(connection)
    assert {table: before[table] - after[table] for table in before if before[table] != after[table]} == {
        table: len(keys) for table, keys in touched.items()
    }
    assert len(touched["sales_order"]) == 3
    assert len(touched["transaction"]) == 3
    assert len(touched["payment"]) >= 3
    for table, keys in touched.items():
        assert _rows(connection, f"select 1 from {table} where {schema.key_of(table)} = any(%s)", keys) == []


def test_orders_can_come_together_with_the_parents_they_refer_to(changes: Changes, connection: Connection) -> None:
    touched = changes.insert_orders_with_new_parents(2, at=AT)
    for table in ("design", "counterparty", "address", "sales_order"):
        assert _written_since(connection, table, AT) == touched[table]
    assert _rows(
        connection,
        "select distinct design_id, counterparty_id, agreed_delivery_location_id from sales_order"
        " where sales_order_id = any(%s)",
        touched["sales_order"],
    ) == [(*touched["design"], *touched["counterparty"], *touched["address"])]


def test_orphans_refer_to_a_design_that_comes_only_when_adopted(changes: Changes, connection: Connection) -> None:
    orphans = changes.insert_orphans(2)["sales_order"]
    without = (
        "select sales_order_id from sales_order left join design using (design_id) where design_name is null order by 1"
    )
    assert [row[0] for row in _rows(connection, without)] == orphans
    (parent,) = changes.adopt()["design"]
    assert _rows(connection, without) == []
    assert _rows(connection, "select distinct design_id from sales_order where sales_order_id = any(%s)", orphans) == [
        (parent,)
    ]


def test_the_same_seed_makes_the_same_changes_to_the_same_source() -> None:
    def run(sales: Source) -> tuple[list, list[tuple]]:
        application = Changes(sales.owner, seed=11)
        told = [
            application.insert_orders(3, at=AT),
            application.update_orders(5, at=AT),
            application.update_orders(5, at=AT),
            application.delete_rows("payment", 2),
            application.move_department(at=AT),
        ]
        application.close()
        session = sales.owner()
        content = _rows(session, "select * from sales_order order by 1") + _rows(session, "select * from department")
        session.close()
        return told, content

    with source() as one, source() as other:
        first, second = run(one), run(other)
    assert first == second
    assert first[0][1] != first[0][2]
