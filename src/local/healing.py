"""Runs of the auditor's state machine on the local stack: its counts, its certificates, its mails to the admins."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from auditor.evidence.failures import failure_of
from auditor.prove import Verified, verify
from aws.executions import StateMachine
from aws.objects import S3ObjectStore
from aws.pointers import S3PartitionStore
from core.errors import PipelineBug
from core.time import format_second
from local.invoking import Say, query_rows
from local.stack import Stack

WATCH_SECONDS = 0.5

HOURLY = """
    select symbol, date_format(hour, '%H:00') as hour, open, high, low, close, minutes, repaired, complete
    from fact_quote_hourly where hour = timestamp '{hour}' order by symbol"""


@dataclass(frozen=True)
class Audited:
    """The counts of one finished execution, and the name that its files lie under."""

    run: str
    expected: int
    present: int
    missing: int
    absent: int
    certificates: int
    causes: int


def audit(
    stack: Stack, dataset: str, start: dt.datetime | None = None, end: dt.datetime | None = None, *, say: Say
) -> Audited:
    """Run the state machine and wait for its end; ``say`` is called with each state that it enters.

    Over ``[start, end)``; without them over what is due, as the schedule does.
    Raises ``PipelineBug`` where the execution failed.
    """
    machine = StateMachine(stack.deployment.clients("stepfunctions"), stack.deployment.state_machines["audit"])
    given = {"dataset": dataset} | ({"start": format_second(start), "end": format_second(end)} if start and end else {})
    run = f"demo-{uuid.uuid4().hex[:12]}"
    arn = machine.start(run, given)
    for state in machine.watch(arn, every=WATCH_SECONDS):
        say(f"  {state}")
    done = machine.describe(arn)
    if done.status != "SUCCEEDED":
        raise PipelineBug("audit", dataset, f"{done.status}: {failure_of(done.cause)}", "See the execution's history")
    certified = done.output["certified"]
    counts = {name: int(done.output[name]) for name in ("expected", "present", "missing", "absent")}
    return Audited(run, **counts, certificates=int(certified["certificates"]), causes=int(certified["causes"]))


def prove(stack: Stack, dataset: str) -> Verified:
    """Recompute the certificates from the objects alone."""
    s3 = stack.deployment.clients("s3")
    records = S3ObjectStore(s3, stack.deployment.warehouse_bucket)
    partitions = S3PartitionStore(s3, stack.deployment.warehouse_bucket)
    return verify(stack.deployment.contracts, dataset, records=records, partitions=partitions)


def hourly(stack: Stack, hour: dt.datetime) -> list[dict[str, Any]]:
    """The rollup's rows of one hour."""
    return query_rows(stack.deployment, HOURLY.format(hour=f"{hour:%Y-%m-%d %H:%M:%S}"))


@contextmanager
def listening(stack: Stack) -> Iterator[list[str]]:
    """Subscribe a queue beside the admins: the list holds what the auditor mailed, when the block ends."""
    sqs, sns = stack.deployment.clients("sqs"), stack.deployment.clients("sns")
    url = sqs.create_queue(QueueName=f"mail-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sender = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**sender, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    subscription = sns.subscribe(
        TopicArn=stack.deployment.alarm_topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    mails: list[str] = []
    try:
        yield mails
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                body = json.loads(message["Body"])
                if not body["Message"].startswith("{"):  # an alarm's own message is JSON
                    mails.append(_mail(body))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=url)


def _mail(body: dict[str, Any]) -> str:
    return f"Subject: {body.get('Subject') or '(none)'}\n\n{body['Message']}"
