"""What AWS's own services ask for with the roles that they are given, read from how the resources are set up.

They ask among themselves, where the emulator consults no policy; what each needs is documented.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from local.emulator.decisions import Decision

Resource = Mapping[str, Any]
Needs = Iterator[tuple[str, ...]]  # role, action, resource, and of a listing its prefix
JOBS = "audit/runs/any/jobs/"  # a folder that a map is given


def asked_by_services(resources: Iterable[Resource], asked: Iterable[Decision]) -> list[Decision]:
    """Every need of a service among Terraform's resources; ``asked``: what functions asked for by themselves."""
    resources = list(resources)
    roles = {
        resource["values"]["arn"]: resource["values"]["name"]
        for resource in resources
        if resource["type"] == "aws_iam_role"
    }
    needs = [
        need
        for resource in resources
        if resource["type"] in _READ
        for need in _READ[resource["type"]](resource["values"], resources)
    ]
    needs += _encrypted_topics(resources, asked)
    return [
        Decision(roles.get(role, role), action, resource, allowed=True, prefix=next(iter(prefix), None))
        for role, action, resource, *prefix in needs
    ]


def _function(function: Resource, resources: list[Resource]) -> Needs:
    """Lambda Developer Guide, "Defining Lambda function permissions with an execution role": its log."""
    group = next(_named(resources, "aws_cloudwatch_log_group", function["logging_config"][0]["log_group"]))
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        yield function["role"], action, f"{group['arn']}:log-stream:any"


def _mapping(mapping: Resource, resources: list[Resource]) -> Needs:
    """Lambda Developer Guide, "Using Lambda with Amazon SQS": the function's role polls."""
    [function] = [
        resource["values"]
        for resource in resources
        if resource["type"] == "aws_lambda_function"
        and mapping["function_name"] in (resource["values"]["arn"], resource["values"]["function_name"])
    ]
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
        yield function["role"], action, mapping["event_source_arn"]


def _schedule(schedule: Resource, _resources: list[Resource]) -> Needs:
    """EventBridge Scheduler User Guide, "Setting up the execution role"."""
    [target] = schedule["target"]
    starts = {"lambda": "lambda:InvokeFunction", "states": "states:StartExecution"}
    yield target["role_arn"], starts[target["arn"].split(":")[2]], target["arn"]


def _machine(machine: Resource, resources: list[Resource]) -> Needs:
    """Step Functions Developer Guide, "IAM policies for integrated services"."""
    for function in set(re.findall(r'"(arn:aws:lambda:[^"]+)"', machine["definition"])):
        yield machine["role_arn"], "lambda:InvokeFunction", function
    for url in set(re.findall(r'"QueueUrl": *"([^"]+)"', machine["definition"])):
        [queue] = [resource["values"] for resource in resources if resource["values"].get("url") == url]
        yield machine["role_arn"], "sqs:SendMessage", queue["arn"]
    if "DISTRIBUTED" in machine["definition"]:
        yield from _distributed(machine)


def _distributed(machine: Resource) -> Needs:
    """Step Functions Developer Guide, "IAM policies for using Distributed Map states"."""
    role, execution = machine["role_arn"], machine["arn"].replace(":stateMachine:", ":execution:")
    for bucket in set(re.findall(r'"Bucket": *"([^"]+)"', machine["definition"])):
        yield role, "s3:ListBucket", f"arn:aws:s3:::{bucket}", JOBS
    yield role, "states:StartExecution", machine["arn"]
    for action in ("states:DescribeExecution", "states:StopExecution"):
        yield role, action, f"{execution}:any"
        yield role, action, f"{execution}/any:any"


def _delivery(delivery: Resource, resources: list[Resource]) -> Needs:
    """Firehose Developer Guide, "Grant Firehose access to an Amazon S3 destination"."""
    [to] = delivery["extended_s3_configuration"]
    for source in delivery["kinesis_source_configuration"]:  # none where records are put straight into the delivery
        for action in ("DescribeStream", "GetShardIterator", "GetRecords", "ListShards"):
            yield source["role_arn"], f"kinesis:{action}", source["kinesis_stream_arn"]
    for prefix in (to["prefix"], to["error_output_prefix"]):
        for action in ("PutObject", "GetObject", "AbortMultipartUpload", "ListMultipartUploadParts"):
            yield to["role_arn"], f"s3:{action}", f"{to['bucket_arn']}/{prefix.split('!')[0]}any"
    for action in ("GetBucketLocation", "ListBucket", "ListBucketMultipartUploads"):
        yield to["role_arn"], f"s3:{action}", to["bucket_arn"]
    [log] = to["cloudwatch_logging_options"]
    group = next(_named(resources, "aws_cloudwatch_log_group", log["log_group_name"]))
    yield to["role_arn"], "logs:PutLogEvents", f"{group['arn']}:log-stream:{log['log_stream_name']}"


def _encrypted_topics(resources: list[Resource], asked: Iterable[Decision]) -> Needs:
    """Amazon SNS Developer Guide, "Managing Amazon SNS encryption keys": the publisher's role uses the topic's key."""
    topics = [resource["values"] for resource in resources if resource["type"] == "aws_sns_topic"]
    keys = {topic["arn"]: topic["kms_master_key_id"] for topic in topics}
    for need in set(asked):
        if need.action == "sns:Publish" and keys.get(need.resource):
            for action in ("kms:Decrypt", "kms:GenerateDataKey"):
                yield need.role, action, keys[need.resource]


def _named(resources: Iterable[Resource], kind: str, name: str) -> Iterator[Resource]:
    return (
        resource["values"] for resource in resources if resource["type"] == kind and resource["values"]["name"] == name
    )


_READ: Mapping[str, Callable[[Resource, list[Resource]], Needs]] = {
    "aws_lambda_function": _function,
    "aws_lambda_event_source_mapping": _mapping,
    "aws_scheduler_schedule": _schedule,
    "aws_sfn_state_machine": _machine,
    "aws_kinesis_firehose_delivery_stream": _delivery,
}
