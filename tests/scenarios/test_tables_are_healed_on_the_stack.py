"""The auditor of a database as it is deployed: the state machine, the function that asks PostgreSQL, the queues.

The tests of this file share one stack and run in order; each leaves the star equal to its source.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support import deployed
from tests.support.commands import Command
from tests.support.waiting import eventually

from auditor.evidence.results import AuditResult
from auditor.run_files import read_run_file
from aws.deployment import Deployment
from cli.smoke import smoke_test
from core.contract.model import Contract
from local.database.changes import Changes
from local.demo import await_horizon, compare, first_day
from local.faults import (
    FaultCounts,
    PlantedFaults,
    await_settled,
    extract_without_events,
    fault_counts,
    plant_row_faults,
)
from local.healing import Audited, audit, listening, prove
from local.invoking import await_receipts, invoke
from local.stack import Stack

pytestmark = pytest.mark.stack

SALES = "sales"


def heard(_line: str) -> None:
    """The scenarios assert on data, not on what is said."""


def audit_everything(stack: Stack) -> Audited:
    begin = first_day(stack, stack.deployment.contracts.dataset(SALES))
    return audit(stack, SALES, begin, dt.datetime.now(dt.UTC), say=heard)


def follow(stack: Stack, contract: Contract) -> None:
    await_horizon(stack, contract)
    invoke(stack.deployment, "extract", {"dataset": SALES})
    await_receipts(stack.deployment, f"tables/{SALES}/")


def differences(stack: Stack, contract: Contract) -> dict[str, Any]:
    return {table.table: table.differences for table in compare(stack, contract) if table.differences}


def findings(deployment: Deployment, run: str, look: int = 0) -> dict[str, int]:
    """How many findings of each kind a look of an audit had."""
    paper = read_run_file(deployed.warehouse(deployment), run, f"audit-{look}")
    kinds = [finding.kind for finding in AuditResult.from_data(paper).findings]
    return {kind: kinds.count(kind) for kind in kinds}


def written(deployment: Deployment) -> tuple[list[str], dict[str, bytes], list[str]]:
    """What a run may not change where nothing is wrong: ingest objects, pointers, receipts."""
    receipts = [info.key for info in deployed.warehouse(deployment).list("receipts/")]
    return deployed.ingest_keys(deployment), deployed.pointers(deployment), receipts


@pytest.fixture(scope="module")
def contract(stack: Stack) -> Contract:
    return stack.deployment.contracts.dataset(SALES)


@pytest.fixture(scope="module")
def settle(contract: Contract) -> int:
    assert contract.source is not None
    return contract.source.settle


@pytest.fixture(scope="module")
def changes(stack: Stack) -> Iterator[Changes]:
    changes = Changes(stack.database.connect, seed=11)
    yield changes
    changes.close()


@pytest.fixture(scope="module")
def sales(stack: Stack, contract: Contract) -> Stack:
    """The stack after a pass, and an audit that has healed whatever other scenarios left."""
    follow(stack, contract)
    audit_everything(stack)
    return stack


def test_harm_that_no_extraction_sees_is_found_and_healed(
    sales: Stack, contract: Contract, changes: Changes, settle: int
) -> None:
    deployment, faults = sales.deployment, PlantedFaults()
    changes.insert_orphans(2)
    changes.insert_orders_with_new_parents(1)
    follow(sales, contract)
    changes.insert_orders(3)
    await_horizon(sales, contract)
    extract_without_events(deployment, faults)
    plant_row_faults(changes, faults, late=2, deleted=3)
    await_settled(deployment, faults, settle)
    sequence = deployed.ingest_keys(deployment, "tables/")
    with listening(sales) as mails:
        done = audit_everything(sales)
    assert fault_counts(deployment, faults, done.run) == {
        "late commit": FaultCounts(6, 6, 6),
        "lost event": FaultCounts(3, 3, 3),
        "deleted row": FaultCounts(3, 3, 3),
        "orphan key": FaultCounts(1, 1, 1),
    }
    assert mails == []
    assert (done.missing, done.causes) == (0, 0)
    assert done.certificates > 0
    assert differences(sales, contract) == {}
    assert deployed.ingest_keys(deployment, "tables/") == sequence
    assert prove(sales, SALES).failures == ()


def test_a_clean_run_writes_no_fact_no_version_and_no_mail(sales: Stack) -> None:
    before = written(sales.deployment)
    with listening(sales) as mails:
        done = audit(sales, SALES, say=heard)
    assert findings(sales.deployment, done.run) == {}
    assert (done.expected > 0, done.missing, done.causes, mails) == (True, 0, 0, [])
    assert written(sales.deployment) == before
    assert audit_everything(sales).certificates == 0  # nor does it certify again what it has certified


@pytest.mark.long
def test_a_row_of_a_repair_that_is_deleted_is_marked_as_it_was_repaired(
    sales: Stack, contract: Contract, changes: Changes
) -> None:
    """In ``make test`` rows that extraction brought are deleted, above; of repairs, in test_auditor_database."""
    [key] = changes.insert_orders(1, at=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))["payment"]
    assert findings(sales.deployment, audit_everything(sales).run)["missing_row"] > 0
    connection = sales.database.connect()
    cursor = connection.cursor()
    cursor.execute("delete from payment where payment_id = %s", (key,))
    connection.commit()
    connection.close()
    done = audit_everything(sales)
    assert findings(sales.deployment, done.run) == {"deleted_row": 1}
    row = sales.deployment.athena.query(
        f"select is_latest from fact_payment where payment_id = {key} and deleted_at is not null"
    )
    assert list(row["is_latest"]) == [False]
    assert differences(sales, contract) == {}


def test_a_lost_object_wrong_parameters_a_dead_letter_and_a_partition_without_its_object_are_put_right(
    sales: Stack, contract: Contract
) -> None:
    deployment = sales.deployment
    sqs = deployment.clients("sqs")
    gone = f"tables/{SALES}/staff/000000000001.jsonl.gz"
    right = {
        name: value
        for name, value in deployed.parameters(deployment).items()
        if name.rpartition("/")[0].endswith("/sales/currency")
    }
    dead = deployment.dead_letter_queues["arrivals"]
    letter = f'{{"objects": ["tables/{SALES}/design/000000000001.jsonl.gz"]}}'
    another = '{"objects": ["feeds/quotes/2026/01/02/03/one-that-nobody-delivered"]}'  # which its own audit would take
    before = deployed.pointers(deployment)
    [pointer, *_] = [name for name in before if "/fact_sales_order/" in name]
    target = before[pointer].decode().strip().split("/", 3)[3]
    with (
        deployed.with_parameters(deployment, dict.fromkeys(right, "0")),
        deployed.deleted(deployed.ingest(deployment), gone),
        deployed.deleted(deployed.warehouse(deployment), target),
    ):
        sqs.send_message(QueueUrl=dead, MessageBody=letter)
        sqs.send_message(QueueUrl=dead, MessageBody=another)
        with listening(sales) as mails:
            done = audit_everything(sales)
        assert findings(deployment, done.run) == {
            "lost_object": 1,
            "wrong_parameter": 3,
            "dead_letter": 1,
            "broken_object": 1,
        }
        assert {name: deployed.parameters(deployment)[name] for name in right} == right
        assert deployed.ingest(deployment).stat(gone) is not None
        [left] = sqs.receive_message(QueueUrl=dead).get("Messages", [])  # shown again as soon as the other was moved
        assert left["Body"] == another
        sqs.delete_message(QueueUrl=dead, ReceiptHandle=left["ReceiptHandle"])
    eventually(lambda: deployed.is_quiet(deployment, "arrivals"), within=30)
    others = [mail for mail in mails if "dead-letters-arrivals" not in mail]  # the letter's own alarm, and its end
    assert (done.missing, done.causes, others) == (0, 0, [])
    assert {name for name, body in deployed.pointers(deployment).items() if before.get(name) != body} == {pointer}
    assert differences(sales, contract) == {}


def test_the_commands_audit_heal_and_verify_a_database(
    sales: Stack, contract: Contract, changes: Changes, starmend: Command
) -> None:
    clean = starmend("audit", "--dataset", SALES, "--json")
    assert (clean.code, clean.data["findings"]) == (0, [])
    touched = changes.insert_orders(1, at=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    audited = starmend("audit", "--dataset", SALES, "--dry-run", "--json")
    assert (audited.code, {line["finding"] for line in audited.data["findings"]}) == (1, {"missing row"})
    assert {(line["decision"], line["kind"]) for line in audited.data["plan"]} == {("repair", "fetch rows")}
    healed = starmend("heal", "--dataset", SALES, "--json")
    assert (healed.code, healed.data[0]["missing"], healed.data[0]["causes"]) == (0, 0, 0)
    verified = starmend("verify", "--dataset", SALES, "--json")
    assert (verified.code, verified.data["failures"]) == (0, [])
    [key] = touched["sales_order"]
    shown = sales.deployment.athena.query(f"select is_latest from fact_sales_order where sales_order_id = {key}")
    assert list(shown["is_latest"]) == [True]
    assert differences(sales, contract) == {}


def test_what_the_repairs_took_is_measured_by_the_functions_that_did_them(sales: Stack, starmend: Command) -> None:
    """Whatever was healed above, and by other scenarios before."""
    told = starmend("costs", "--by", "repair", "--json")
    assert told.code == 0, told.err
    measured = {row["repair"]: row for row in told.data["measured"]}
    for idea in ("re-extract", "restate"):
        assert measured[idea]["jobs"] > measured[idea]["unmeasured"] == 0
        assert measured[idea]["gb_seconds"] > 0
        assert measured[idea]["writes"] > 0
        assert float(measured[idea]["usd"]) > 0
    assert starmend("costs").code == 2


def test_the_smoke_test_reaches_the_database_and_leaves_nothing(sales: Stack) -> None:
    before = written(sales.deployment)
    tried = {trial.what: trial.problem for trial in smoke_test(sales.deployment)}
    assert {"function extract", "function check"} <= set(tried)
    assert not any(tried.values())
    assert written(sales.deployment) == before
