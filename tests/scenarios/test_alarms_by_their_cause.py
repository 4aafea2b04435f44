"""Alarms of the deployed pipeline, tripped by what they are there for, each seen as a mail at the topic.

Dead letters, refusals and gaps that do not heal are tripped in the scenarios of their subject, a secret that nobody
filled in test_deploying (of `make chaos`), silence in test_every_alarm. Where a cause would take minutes, the alarm's
threshold or period is shorter for as long, as an apply with other variables would make it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from tests.support import deployed
from tests.support.sessions import STEADY, Hour, judged_gap
from tests.support.waiting import eventually

from auditor.evidence.failures import failure_of
from aws.executions import StateMachine
from core.contract.model import Feed
from core.errors import PipelineBug
from core.landing.zone import landing_of
from local.database.changes import Changes
from local.demo import await_horizon
from local.healing import audit
from local.invoking import await_receipts, invoke
from local.stack import Stack
from local.trading import trade

pytestmark = pytest.mark.stack

SETTINGS = (
    "AlarmName", "AlarmDescription", "Namespace", "MetricName", "Dimensions", "Statistic", "Period", "Threshold",
    "EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator", "TreatMissingData", "AlarmActions", "OKActions",
)  # fmt: skip


@contextmanager
def shortened(stack: Stack, alarm: str, **settings: float) -> Iterator[None]:
    """A deployed alarm with other settings."""
    cloudwatch = stack.deployment.clients("cloudwatch")
    name = f"{stack.deployment.project}-{stack.deployment.environment}-{alarm}"
    [described] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    before = {name: described[name] for name in SETTINGS if name in described}
    cloudwatch.put_metric_alarm(**{**before, **settings})
    try:
        yield
    finally:
        cloudwatch.put_metric_alarm(**before)


@contextmanager
def tripping(stack: Stack, *alarms: str) -> Iterator[None]:
    """What happens inside turns each of these alarms on; at the end its mail has come, and names what to do."""
    deployment = stack.deployment
    for alarm in alarms:
        eventually(lambda name=alarm: deployed.alarm_state(deployment, name) != "ALARM", within=60)  # type: ignore[misc]
    with deployed.mailbox(deployment, f"hears-{alarms[0]}") as mail:
        yield
        for alarm in alarms:
            mailed = eventually(lambda name=alarm: mails_of(stack, mail(), name, "ALARM"), within=60)[0]  # type: ignore[misc]
            assert "Runbook: docs/runbook.md#" in mailed["AlarmDescription"]


def mails_of(stack: Stack, mails: list[str], alarm: str, state: str) -> list[dict[str, Any]]:
    messages = [json.loads(mail) for mail in mails if '"AlarmName"' in mail]
    name = stack.deployment.alarms[alarm]
    return [message for message in messages if (message["AlarmName"], message["NewStateValue"]) == (name, state)]


def ends_of(stack: Stack, mails: list[str], alarm: str) -> list[str]:
    """The auditor's mails that the alarm is over."""
    return [mail for mail in mails if mail.startswith(f"{stack.deployment.alarms[alarm]}: over")]


def test_an_object_of_bad_lines_is_halted(stack: Stack) -> None:
    deployment = stack.deployment
    key = "repair/sales/currency/halted.jsonl.gz"
    landing = landing_of(key)
    assert landing is not None
    try:
        with tripping(stack, "halted-objects-sales", "quarantine-sales"):
            deployed.land(deployment, key, [{"currency_id": "none"}] * 150)
            await_receipts(deployment, "repair/sales/currency/")
        receipt = deployed.warehouse(deployment).read(landing.receipt_key)
        assert receipt is not None
        assert json.loads(receipt.body)["outcome"] == "halted"
    finally:
        deployed.ingest(deployment).delete([key])
        deployed.warehouse(deployment).delete([landing.receipt_key, landing.quarantine_key])


def test_a_column_that_is_gone_fails_its_table_and_the_function(stack: Stack) -> None:
    connection = stack.database.connect()
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("alter table design rename column file_name to title")
    try:
        with (
            tripping(stack, "failed-tables-sales", "function-errors-extract"),
            pytest.raises(PipelineBug, match="file_name"),
        ):
            invoke(stack.deployment, "extract", {"dataset": "sales"})
    finally:
        cursor.execute("alter table design rename column title to file_name")
        connection.close()
    invoke(stack.deployment, "extract", {"dataset": "sales"})


def test_a_transaction_that_stays_open_holds_the_horizon(stack: Stack) -> None:
    changes = Changes(stack.database.connect, seed=21)
    with (
        shortened(stack, "horizon-held-sales", Threshold=0),
        changes.late_commit(),
        tripping(stack, "horizon-held-sales"),
    ):
        eventually(lambda: held(stack) > 0, within=30)
    changes.close()


def held(stack: Stack) -> float:
    """One more pass, and for how long the horizon has been held so far, in seconds."""
    invoke(stack.deployment, "extract", {"dataset": "sales"})
    return deployed.metric_sum(stack.deployment, "HorizonHeldSeconds", dataset="sales")


def test_a_provider_whose_answers_make_no_sense_is_told_once_and_so_is_that_it_does_again(
    stack: Stack, hour: Hour
) -> None:
    """For a while pages instead of quotes, minute by minute: one mail when it began."""
    alarm = "provider-broken-quotes"
    first = hour(3) + dt.timedelta(minutes=45)
    asked = 0
    trade(stack, first - dt.timedelta(minutes=1), minutes=1)  # a good answer tells the time by which calls are counted
    with shortened(stack, alarm, Period=60), deployed.mailbox(stack.deployment, "provider-broken") as mail:
        fault = stack.market.fail("html", endpoint="quote")
        try:
            for number in range(2):
                asked += trade(stack, first + dt.timedelta(minutes=number), minutes=1).asked
            begun = eventually(lambda: mails_of(stack, mail(), alarm, "ALARM"), within=60)
        finally:
            stack.market.heal(fault)
        assert "Runbook: docs/runbook.md#provider-broken" in begun[0]["AlarmDescription"]
        assert eventually(
            lambda: deployed.metric_sum(stack.deployment, "ProviderBroken", dataset="quotes") >= asked, within=60
        )
        eventually(lambda: deployed.alarm_state(stack.deployment, alarm) == "OK", within=180)
        eventually(lambda: ends_of(stack, mail(), alarm), within=60)
        assert [len(mails_of(stack, mail(), alarm, state)) for state in ("ALARM", "OK")] == [1, 0]
        assert len(ends_of(stack, mail(), alarm)) == 1
    minutes = f"minute >= timestamp '{first:%Y-%m-%d %H:%M:%S}' and minute < timestamp '{hour(4):%Y-%m-%d %H:%M:%S}'"
    stored = stack.deployment.athena.query(f"select count(*) as points from fact_quote where {minutes}")
    assert stored["points"][0] == 0, "a page is no quote"


def test_what_nobody_processes_grows_old_on_the_queue_and_the_data_are_no_longer_fresh(stack: Stack) -> None:
    deployment = stack.deployment
    contract = deployment.contracts.dataset("sales")
    changes = Changes(stack.database.connect, seed=22)
    with ExitStack() as short:
        # The emulator's minutes are three seconds: nothing was processed for eight, and there was work for two dozen.
        short.enter_context(shortened(stack, "queue-age-arrivals", Threshold=1))
        short.enter_context(shortened(stack, "nothing-processed-sales", Period=40))
        short.enter_context(shortened(stack, "work-due-sales", Period=240, DatapointsToAlarm=1))
        with (
            deployed.switched_off(stack.deployment, "process"),
            tripping(stack, "queue-age-arrivals", "freshness-sales"),
        ):
            changes.insert_orders(1)
            await_horizon(stack, contract)
            invoke(deployment, "extract", {"dataset": "sales"})
    changes.close()
    await_receipts(deployment, "tables/sales/")


def test_a_function_without_concurrency_is_throttled(stack: Stack) -> None:
    client, name = stack.deployment.clients("lambda"), stack.deployment.functions["request"]
    impatient = botocore.session.get_session().create_client("lambda", config=Config(retries={"total_max_attempts": 1}))
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        with tripping(stack, "throttles-request"), pytest.raises(impatient.exceptions.TooManyRequestsException):
            impatient.invoke(FunctionName=name, Payload=b"{}")
    finally:
        client.delete_function_concurrency(FunctionName=name)


def test_an_audit_that_a_step_cannot_do_has_failed(stack: Stack) -> None:
    machine = StateMachine(stack.deployment.clients("stepfunctions"), stack.deployment.state_machines["audit"])
    with deployed.mailbox(stack.deployment, "hears-audit-failed") as mail:
        arn = machine.start("of-nothing", {"dataset": "nothing"})
        assert list(machine.watch(arn, every=0.1))[-1] == "Failed"
        eventually(lambda: deployed.alarm_state(stack.deployment, "audit-failed") == "ALARM", within=60)
        eventually(lambda: any("the audit itself failed" in text for text in mail()), within=60)
        told = ("audit-failed", "function-errors-audit", "pipeline-unhealthy")
        assert [name for name in told if mails_of(stack, mail(), name, "ALARM")] == [], "the auditor's own mail is one"
    said = machine.describe(arn).cause  # what the failed step said, and not how it came there
    assert failure_of(said).text == said
    assert ("nothing" in said, "stackTrace" in said) == (True, False), said


@pytest.mark.long
def test_a_planted_gap_that_does_not_heal_is_a_dead_canary_until_it_does(stack: Stack) -> None:
    """In ``make test``: test_the_canary and test_the_database_canary, on lakes in memory with a real audit."""
    deployment = stack.deployment
    feed = deployment.contracts.dataset("canary").source
    assert isinstance(feed, Feed)
    calendar = deployment.contracts.calendar(feed.calendar)
    gap = eventually(
        lambda: judged_gap("canary", feed, calendar, now=dt.datetime.now(dt.UTC)), within=STEADY + 10, every=1
    )
    # As if the schedule had asked on that day: all its points but the planted one.
    key = f"feeds/canary/{dt.datetime.fromtimestamp(gap.slot, dt.UTC):%Y/%m/%d}/00/asked.gz"
    deployed.land(deployment, key, [line(stack, gap.entity, at) for at in gap.observed])
    await_receipts(deployment, "feeds/canary/")
    stack.market.clock.real()
    hour = dt.datetime.fromtimestamp(gap.slot // 3600 * 3600, dt.UTC)
    window = (hour, hour + dt.timedelta(hours=1))
    fault = stack.market.fail("html", endpoint="candle")
    try:
        with tripping(stack, "canary-dead-canary"):
            assert audit(stack, "canary", *window, say=unheard).missing == 1
    finally:
        stack.market.heal(fault)
    healed = audit(stack, "canary", *window, say=unheard)
    assert (healed.missing, healed.certificates) == (0, 1)
    eventually(lambda: deployed.alarm_state(deployment, "canary-dead-canary") == "OK", within=60)


def line(stack: Stack, entity: str, slot: int) -> dict[str, Any]:
    """What the pull function writes of one answer."""
    at = dt.datetime.fromtimestamp(slot, dt.UTC)
    price, when = float(stack.market.candle(entity, at).open), f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "dataset": "canary", "symbol": entity, "minute": when, "kind": "live", "provenance": "observed",
        "fetched_at": when, "c": price,
    }  # fmt: skip


def unheard(_line: str) -> None:
    """The scenarios assert on data, not on what is said."""
