"""The main job, end to end: real PostgreSQL, real Terraform on the emulator, the deployed functions, Athena.

The tests of this file share one stack and run in order; each leaves the star equal to its source.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.scenarios.conftest import ORDERS
from tests.support import deployed
from tests.support.waiting import eventually

from aws.buckets import erase
from aws.deployment import Deployment
from core.landing.ingest_objects import RepairObject
from core.landing.whereabouts import repair_name
from core.landing.zone import landing_of
from core.time import format_instant
from local.database.changes import Changes
from local.demo import await_horizon, compare
from local.invoking import await_receipts, invoke
from local.stack import Stack

pytestmark = pytest.mark.stack

SALES = "tables/sales/"
READ_BY_ATHENA = {"gzip", "lz4", "snappy", "uncompressed", "zstd"}  # codecs of Parquet, by its documentation


@pytest.fixture(scope="module")
def sales(stack: Stack) -> Stack:
    """The stack after its first pass."""
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    await_receipts(stack.deployment, SALES)
    return stack


@pytest.fixture(scope="module")
def deployment(sales: Stack) -> Deployment:
    return sales.deployment


def follow(stack: Stack) -> None:
    """Wait for the horizon, then one more pass."""
    await_horizon(stack, stack.deployment.contracts.dataset("sales"))
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    await_receipts(stack.deployment, SALES)


def differences(stack: Stack) -> dict[str, Any]:
    compared = compare(stack, stack.deployment.contracts.dataset("sales"))
    assert len(compared) == 11
    return {table.table: table.differences for table in compared if table.differences}


def test_every_table_of_the_star_equals_its_source(sales: Stack) -> None:
    assert differences(sales) == {}


def test_money_arrives_as_exact_decimals(deployment: Deployment) -> None:
    frame = deployment.athena.query("select unit_price from fact_sales_order limit 5")
    assert all(isinstance(price, Decimal) and price.as_tuple().exponent == -2 for price in frame["unit_price"])


def test_no_object_needs_a_codec_that_awss_build_of_pyarrow_lacks(deployment: Deployment) -> None:
    store = deployed.warehouse(deployment)
    used = set()
    for pointer in deployed.pointers(deployment).values():
        stored = store.read(pointer.decode().strip().split("/", 3)[3])
        assert stored is not None
        metadata = pq.read_metadata(io.BytesIO(stored.body))
        used |= {
            metadata.row_group(group).column(column).compression.lower()
            for group in range(metadata.num_row_groups)
            for column in range(metadata.num_columns)
        }
    assert used
    assert used <= READ_BY_ATHENA


def test_changes_and_a_late_commit_are_followed_without_losing_a_row(sales: Stack) -> None:
    changes = Changes(sales.database.connect, seed=3)
    with changes.late_commit(5, updates=5) as late:
        changes.insert_orders(20)
        changes.insert_orders_with_new_parents(3)
        updated = changes.update_orders(30)["sales_order"]
        changes.settle_payments(10)
        invoke(sales.deployment, "extract", {"dataset": "sales"})
        late.commit()
    changes.close()
    follow(sales)
    assert differences(sales) == {}
    # Facts keep every version that a pass has seen: those of orders that were there before.
    superseded = {key for key in (*updated, *late.touched["sales_order"]) if key <= ORDERS}
    assert len(superseded) > 25
    answer = sales.deployment.athena.query("select count(*) - count_if(is_latest) as superseded from fact_sales_order")
    assert answer["superseded"][0] == len(superseded)


def test_a_changed_department_changes_its_staff_and_nothing_else(sales: Stack) -> None:
    sql = "select staff_id, department_name, location, first_name, email_address from dim_staff order by 1"
    before = sales.deployment.athena.query(sql).set_index("staff_id")
    versions = deployed.pointers(sales.deployment)
    changes = Changes(sales.database.connect, seed=4)
    [key] = changes.rename_department(name="Night Shift")["department"]
    changes.close()
    follow(sales)
    after = sales.deployment.athena.query(sql).set_index("staff_id")
    changed = after[(after != before).any(axis=1)]
    connection = sales.database.connect()
    cursor = connection.cursor()
    cursor.execute("select staff_id from staff where department_id = %s order by 1", (key,))
    expected = [row[0] for row in cursor.fetchall()]
    connection.close()
    assert expected
    assert list(changed.index) == expected
    assert set(changed["department_name"]) == {"Night Shift"}
    moved = {name for name, body in deployed.pointers(sales.deployment).items() if versions.get(name) != body}
    assert moved == {"warehouse/_current/department/symlink.txt", "warehouse/dim_staff/symlink.txt"}


def test_running_again_without_changes_writes_no_object_and_no_version(deployment: Deployment) -> None:
    objects, versions = deployed.ingest_keys(deployment), deployed.pointers(deployment)
    state = deployed.parameters(deployment)
    invoke(deployment, "extract", {"dataset": "sales"})
    assert deployed.ingest_keys(deployment) == objects
    assert deployed.pointers(deployment) == versions
    unchanged = {name for name in state if name.endswith(("sequential_id", "latest_object"))}
    after = deployed.parameters(deployment)
    assert {name: after[name] for name in unchanged} == {name: state[name] for name in unchanged}


def receipts(deployment: Deployment, objects: list[str]) -> list[bytes]:
    """The objects' receipts as they are; each processing writes its own time into them."""
    receipts = [
        deployed.warehouse(deployment).read(landing.receipt_key) for key in objects if (landing := landing_of(key))
    ]
    return [receipt.body if receipt else b"" for receipt in receipts]


def test_processing_twice_and_in_the_wrong_order_changes_nothing(deployment: Deployment) -> None:
    objects = [key for key in deployed.ingest_keys(deployment, SALES) if "/sales_order/" in key or "/staff/" in key]
    versions = deployed.pointers(deployment)
    before = receipts(deployment, objects)
    deployed.tell(deployment, *reversed(objects), *objects)
    eventually(
        lambda: all(now != then for now, then in zip(receipts(deployment, objects), before, strict=True)), within=60
    )
    eventually(lambda: deployed.is_quiet(deployment, "arrivals"), within=60)
    assert deployed.pointers(deployment) == versions


def test_a_bad_row_is_quarantined_with_line_and_reason_while_its_neighbours_arrive(sales: Stack) -> None:
    deployment = sales.deployment
    [key] = [
        key for key in deployed.ingest_keys(deployment, f"{SALES}sales_order/") if key.endswith("000000000001.jsonl.gz")
    ]
    template = deployed.lines_of(deployment, key)[0]
    template["checked_at"] = format_instant(checked_at := dt.datetime.now(dt.UTC))
    good = [{**template, "sales_order_id": number} for number in (900_001, 900_003)]
    bad = {**template, "sales_order_id": 900_002, "units_sold": -4}
    name = RepairObject("sales", "sales_order", repair_name(checked_at, "a-bad-row")).key
    alarm = deployment.alarms["quarantine-sales"]
    with deployed.mailbox(deployment, "admins") as mail:
        deployed.land(deployment, name, [good[0], bad, b'{"sales_order_id": ', good[1]])
        await_receipts(deployment, "repair/sales/sales_order/")
        # By mail, for the alarm may be over before anybody looks.
        eventually(lambda: [text for text in mail() if alarm in text], within=120)
    arrived = deployment.athena.query(
        "select sales_order_id from fact_sales_order where sales_order_id > 900000 order by 1"
    )
    assert list(arrived["sales_order_id"]) == [900_001, 900_003]
    rejected = deployment.athena.query(
        "select line, reason, content from quarantine"
        " where dataset = 'sales' and source_table = 'sales_order' order by 1"
    )
    assert list(rejected["line"]) == [2, 3]
    assert "units_sold" in rejected["reason"][0]
    assert '"sales_order_id": 900002' in rejected["content"][0]
    deployed.copy_receipts(deployment, "sales")
    receipt = deployment.athena.query(
        "select lines_in, accepted, rejected, outcome from processing_log"
        " where dataset = 'sales' and source_table = 'sales_order' and object like 'repair/%'"
    )
    assert receipt.iloc[0].to_dict() == {"lines_in": 4, "accepted": 2, "rejected": 2, "outcome": "committed"}


def test_a_skipped_id_is_warned_of_and_metered_and_processing_goes_on(deployment: Deployment) -> None:
    [last] = [int(key.split("/")[-1][:12]) for key in deployed.ingest_keys(deployment, f"{SALES}currency/")][-1:]
    line = deployed.lines_of(deployment, f"{SALES}currency/{last:012d}.jsonl.gz")[0]
    skipping = f"{SALES}currency/{last + 3:012d}.jsonl.gz"
    landing = landing_of(skipping)
    assert landing is not None
    try:
        deployed.land(deployment, skipping, [line])
        await_receipts(deployment, f"{SALES}currency/")
        warnings = [
            line
            for line in deployed.log_lines(deployment, "process")
            if line.get("message") == "sequential ids are not in sequence" and line["object"] == skipping
        ]
        assert warnings
        assert (warnings[0]["level"], warnings[0]["expected_id"]) == ("WARNING", last + 1)
        lines = deployed.log_lines(deployment, "process")
        assert [line for line in lines if line.get("NonSequentialIds") and line["dataset"] == "sales"]
        latest = deployed.parameters(deployment)[f"/starmend/{deployment.environment}/sales/currency/latest_object"]
        assert int(latest) == last + 3
    finally:
        # No extraction wrote it: the next one would stop there, and the auditor would bring it back.
        erase(deployment.clients("s3"), deployment.warehouse_bucket, landing.receipt_key)
        erase(deployment.clients("s3"), deployment.ingest_bucket, skipping)


def test_a_broken_object_is_retried_dead_lettered_and_mailed(deployment: Deployment) -> None:
    sqs = deployment.clients("sqs")
    key = f"{SALES}a_table_that_nobody_promised/000000000001.jsonl.gz"
    dead = deployment.dead_letter_queues["arrivals"]

    def dead_letter() -> dict[str, Any] | None:
        answer = sqs.receive_message(
            QueueUrl=dead, VisibilityTimeout=0, MessageSystemAttributeNames=["ApproximateReceiveCount"]
        )
        return next((message for message in answer.get("Messages", []) if key in message["Body"]), None)

    with retrying_soon(deployment), deployed.mailbox(deployment, "admins") as mail:
        try:
            deployed.land(deployment, key, [{"id": 1}])
            assert eventually(dead_letter, within=60)
            failures = [line for line in deployed.log_lines(deployment, "process") if line.get("object") == key]
            assert [failure["level"] for failure in failures] == ["ERROR"] * 3
            assert "no source table" in failures[0]["reason"]
            eventually(lambda: deployed.alarm_state(deployment, "dead-letters-arrivals") == "ALARM", within=60)
            messages = eventually(lambda: [text for text in mail() if "dead-letters" in text], within=60)
            assert "docs/runbook.md#dead-letters" in messages[0]
            receipt = landing_of(key)
            assert receipt is not None
            assert deployed.warehouse(deployment).stat(receipt.receipt_key) is None
        finally:
            deployed.ingest(deployment).delete([key])
            sqs.purge_queue(QueueUrl=dead)


@contextmanager
def retrying_soon(deployment: Deployment) -> Iterator[None]:
    """Minutes between tries are Terraform's promise (terraform/tests); here they are seconds."""
    sqs, url, name = deployment.clients("sqs"), deployment.queues["arrivals"], "VisibilityTimeout"
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: "2"})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before)
