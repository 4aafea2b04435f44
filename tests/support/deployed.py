"""Looking at a running deployment: its objects, pointers, alarms, messages, logs and metrics."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote_plus

from aws.deployment import Deployment
from aws.objects import S3ObjectStore
from local.invoking import invoke


def ingest(deployment: Deployment) -> S3ObjectStore:
    return S3ObjectStore(deployment.clients("s3"), deployment.ingest_bucket)


def warehouse(deployment: Deployment) -> S3ObjectStore:
    return S3ObjectStore(deployment.clients("s3"), deployment.warehouse_bucket)


def ingest_keys(deployment: Deployment, prefix: str = "") -> list[str]:
    return [info.key for info in ingest(deployment).list(prefix)]


def pointers(deployment: Deployment) -> dict[str, bytes]:
    """Every pointer with its content: equal maps mean that no version was made."""
    store = warehouse(deployment)
    bodies = {}
    for info in store.list("warehouse/"):
        if info.key.endswith("/symlink.txt"):
            pointer = store.read(info.key)
            assert pointer is not None
            bodies[info.key] = pointer.body
    return bodies


def parameters(deployment: Deployment) -> dict[str, str]:
    """Every parameter of the deployment."""
    pages = deployment.clients("ssm").get_paginator("get_parameters_by_path")
    path = f"/{deployment.project}/{deployment.environment}/"
    return {
        parameter["Name"]: parameter["Value"]
        for page in pages.paginate(Path=path, Recursive=True)
        for parameter in page["Parameters"]
    }


def land(deployment: Deployment, key: str, lines: Sequence[Mapping[str, Any] | bytes]) -> None:
    """Put an ingest object, as an extractor would; S3 tells the queue of it."""
    texts = [line if isinstance(line, bytes) else json.dumps(line, default=str).encode() for line in lines]
    ingest(deployment).write(key, gzip.compress(b"".join(text + b"\n" for text in texts), mtime=0))


def lines_of(deployment: Deployment, key: str) -> list[dict[str, Any]]:
    stored = ingest(deployment).read(key)
    assert stored is not None
    return [json.loads(line) for line in gzip.decompress(stored.body).splitlines()]


@contextmanager
def deleted(store: S3ObjectStore, *keys: str) -> Iterator[None]:
    """Objects that somebody deleted. Where the block fails, what nobody has brought back is put back."""
    before = [stored for key in keys if (stored := store.read(key))]
    store.delete(keys)
    try:
        yield
    except BaseException:
        for stored in before:
            if store.stat(stored.stat.key) is None:
                store.write(stored.stat.key, stored.body, metadata=stored.stat.metadata)
        raise


@contextmanager
def with_parameters(deployment: Deployment, values: Mapping[str, str]) -> Iterator[None]:
    """Parameters that somebody overwrote. Where the block fails, they are as before again."""
    before, ssm = parameters(deployment), deployment.clients("ssm")
    for name, value in values.items():
        ssm.put_parameter(Name=name, Value=value, Overwrite=True)
    try:
        yield
    except BaseException:
        for name in values:
            ssm.put_parameter(Name=name, Value=before[name], Overwrite=True)
        raise


def count_lines(deployment: Deployment, prefix: str) -> int:
    """The lines of all ingest objects below a prefix."""
    return sum(len(lines_of(deployment, key)) for key in ingest_keys(deployment, prefix))


def tell(deployment: Deployment, *keys: str) -> None:
    """Tell processing of objects again, in this order, with S3's own event."""
    for key in keys:
        record = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": deployment.ingest_bucket}, "object": {"key": quote_plus(key, safe="/")}},
        }
        deployment.clients("sqs").send_message(
            QueueUrl=deployment.queues["arrivals"], MessageBody=json.dumps({"Records": [record]})
        )


def copy_receipts(deployment: Deployment, dataset: str) -> None:
    """End an audit that found nothing, as far as the processing log is concerned: new receipts are copied into it."""
    invoke(deployment, "conclude", {"dataset": dataset, "run": f"copy-{uuid.uuid4().hex}"})


def is_quiet(deployment: Deployment, queue: str) -> bool:
    """No message waits on the queue and none is being worked on."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = deployment.clients("sqs").get_queue_attributes(QueueUrl=deployment.queues[queue], AttributeNames=names)
    return all(int(answer["Attributes"][name]) == 0 for name in names)


def alarm_state(deployment: Deployment, alarm: str) -> str:
    kinds = ["MetricAlarm", "CompositeAlarm"]
    answer = deployment.clients("cloudwatch").describe_alarms(AlarmNames=[deployment.alarms[alarm]], AlarmTypes=kinds)
    [described] = answer.get("MetricAlarms", []) + answer.get("CompositeAlarms", [])
    return str(described["StateValue"])


@contextmanager
def mailbox(deployment: Deployment, name: str) -> Iterator[Any]:
    """A queue that hears what the admins are mailed; yields a function that takes what has come."""
    sqs, sns = deployment.clients("sqs"), deployment.clients("sns")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sender = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**sender, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    subscription = sns.subscribe(
        TopicArn=deployment.alarm_topic,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    heard: list[str] = []

    def take() -> list[str]:
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                heard.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return heard

    try:
        yield take
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=url)


def log_lines(deployment: Deployment, function: str) -> list[dict[str, Any]]:
    """The structured lines of a function's log."""
    group = f"/aws/lambda/{deployment.functions[function]}"
    events = deployment.clients("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    lines = []
    for page in events:
        for event in page["events"]:
            for text in event["message"].splitlines():
                if text.startswith("{"):
                    lines.append(json.loads(text))
    return lines


def metric_sum(deployment: Deployment, name: str, *, dataset: str) -> float:
    """What a metric adds up to over the last hour."""
    now = dt.datetime.now(dt.UTC)
    dimensions = {"project": deployment.project, "environment": deployment.environment, "dataset": dataset}
    answer = deployment.clients("cloudwatch").get_metric_statistics(
        Namespace="Starmend",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - dt.timedelta(hours=1),
        EndTime=now + dt.timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))


@contextmanager
def reconfigured(deployment: Deployment, function: str, **variables: str) -> Iterator[None]:
    """A deployed function with other variables, as an apply with other Terraform variables would give it."""
    client, name = deployment.clients("lambda"), deployment.functions[function]
    before = client.get_function_configuration(FunctionName=name)["Environment"]
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**before["Variables"], **variables}}
    )
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Environment=before)


@contextmanager
def switched_off(deployment: Deployment, function: str) -> Iterator[None]:
    """The function's trigger, disabled by somebody."""
    client, name = deployment.clients("lambda"), deployment.functions[function]
    [mapping] = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
