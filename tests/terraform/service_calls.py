"""Calls among AWS's services, which nobody asks about on the emulator of a plan: does whoever is called let them in?

A rule for each kind of call, with the page that says what has to be granted. A target or a policy that the plan does
not know yet is passed over; in the longest plan all are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate, evaluate_resource_policy, parse_policy_document
from tests.support.planning import ACCOUNT
from tests.terraform.planned import Resource, short

ALARMS = ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm")
STARTS = {"lambda": "lambda:InvokeFunction", "states": "states:StartExecution"}
TRACES = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
SAMPLES = ("xray:GetSamplingRules", "xray:GetSamplingTargets")
POLLS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def let_in(planned: Sequence[Resource]) -> Iterator[str]:
    """Alarms, buckets, schedules and triggers, each by the policy or the role that decides about it."""
    account = Account(planned)
    yield from _alarms(account)
    yield from _buckets(account)
    yield from _schedules(account)
    yield from _triggers(account)
    yield from _traces(account)


class Account:
    """Planned resources by what others name them by."""

    def __init__(self, planned: Sequence[Resource]) -> None:
        self.planned = planned
        whole = (r for r in planned if r.type != "aws_sns_topic_policy")  # whose ARN is its topic's
        self.by_arn = {r.values["arn"]: r for r in whole if r.values.get("arn")}

    def of(self, *types: str) -> Iterator[Resource]:
        return (resource for resource in self.planned if resource.type in types)

    def role_may(self, role: str, action: str, resource: str) -> bool:
        """By the inline policies of a role (an ARN) and what is attached to it."""
        name = role.rpartition("/")[2]
        texts = [r.values.get("policy") for r in self.of("aws_iam_role_policy") if r.values.get("role") == name]
        attached = {
            r.values.get("policy_arn")
            for r in self.of("aws_iam_role_policy_attachment")
            if r.values.get("role") == name
        }
        texts += [r.values.get("policy") for r in self.of("aws_iam_policy") if r.values.get("arn") in attached]
        if None in texts or not texts:  # of a new function, whose log has no ARN yet
            return None in texts
        asked = _asked(f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/any", action, resource)
        return bool(evaluate(asked, [parse_policy_document(text) for text in texts]).decision == "Allow")


def _asked(principal: str, action: str, resource: str, source: str = "") -> EvalContext:
    return EvalContext(
        principal_arn=principal, principal_type="AssumedRole", principal_account=ACCOUNT, action=action,
        resource_arn=resource, region=resource.split(":")[3] if ":" in resource else "", secure_transport=True,
        service_context={"aws:sourcearn": source, "aws:sourceaccount": ACCOUNT},
    )  # fmt: skip


def _admits(policy: Any, service: str, action: str, resource: str, source: str) -> bool:
    return bool(evaluate_resource_policy(policy, _asked("*", action, resource, source), service).decision == "Allow")


def _alarms(account: Account) -> Iterator[str]:
    """CloudWatch User Guide, "Invoke a Lambda function from an alarm" and "Alarm actions" (topics, and their keys)."""
    for alarm in account.of(*ALARMS):
        actions = {arn for part in ("alarm_actions", "ok_actions") for arn in alarm.values.get(part) or ()}
        for target in sorted(arn for arn in actions if arn):
            source = f"arn:aws:cloudwatch:{target.split(':')[3]}:{ACCOUNT}:alarm:{alarm.values['alarm_name']}"
            admitted = _function_admits if ":lambda:" in target else _topic_admits
            if not admitted(account, target, source):
                yield f"{short(alarm.address)}: CloudWatch may not reach {target}"


def _function_admits(account: Account, function: str, alarm: str) -> bool:
    names = (function, function.rpartition(":")[2])
    return any(
        _admits(
            _statement(grant, function), "lambda.alarms.cloudwatch.amazonaws.com", STARTS["lambda"], function, alarm
        )
        for grant in account.of("aws_lambda_permission")
        if grant.values["function_name"] in names or not grant.knows("function_name")
    )


def _statement(grant: Resource, function: str) -> dict[str, Any]:
    """As Lambda writes a permission: AddPermission, "SourceArn" (compared by ArnLike) and "SourceAccount"."""
    values = grant.values
    condition = {
        "ArnLike": {"AWS:SourceArn": values["source_arn"]} if values.get("source_arn") else {},
        "StringEquals": {"AWS:SourceAccount": values["source_account"]} if values.get("source_account") else {},
    }
    if not all(condition.values()):
        return {"Statement": []}  # open to other accounts, or to whatever is in this one
    who = {"Effect": "Allow", "Principal": {"Service": values["principal"]}, "Action": values["action"]}
    return {"Statement": [{**who, "Resource": function, "Condition": condition}]}


def _topic_admits(account: Account, topic: str, alarm: str) -> bool:
    policies = [r.values.get("policy") for r in account.of("aws_sns_topic_policy") if r.values.get("arn") == topic]
    resource = account.by_arn.get(topic)
    key = account.by_arn.get(resource.values.get("kms_master_key_id") or "") if resource else None
    service = "cloudwatch.amazonaws.com"
    return all(policy is None or _admits(policy, service, "sns:Publish", topic, alarm) for policy in policies) and (
        key is None
        or all(
            _admits(key.values["policy"], service, action, key.values["arn"], alarm)
            for action in ("kms:Decrypt", "kms:GenerateDataKey")
        )
    )


def _buckets(account: Account) -> Iterator[str]:
    """S3 User Guide, "Granting permissions to publish event notification messages to a destination"."""
    for notification in account.of("aws_s3_bucket_notification"):
        source = f"arn:aws:s3:::{notification.values['bucket']}"
        for target in notification.values.get("queue") or ():
            queue = account.by_arn.get(target.get("queue_arn") or "")
            if queue and not _admits(
                queue.values["policy"], "s3.amazonaws.com", "sqs:SendMessage", queue.values["arn"], source
            ):
                yield f"{short(notification.address)}: S3 may not send to {queue.values['arn']}"


def _schedules(account: Account) -> Iterator[str]:
    """EventBridge Scheduler User Guide, "Setting up the execution role" and "Confused deputy prevention"."""
    for schedule in account.of("aws_scheduler_schedule"):
        for target in schedule.values["target"]:
            arn, role = target.get("arn"), account.by_arn.get(target.get("role_arn") or "")
            if not arn or not role:
                continue
            trust, kind = role.values["assume_role_policy"], arn.split(":")[2]
            if not _admits(trust, "scheduler.amazonaws.com", "sts:AssumeRole", role.values["arn"], ""):
                yield f"{short(schedule.address)}: the Scheduler may not take {role.values['name']}"
            elif not account.role_may(role.values["arn"], STARTS[kind], arn):
                yield f"{short(schedule.address)}: {role.values['name']} may not start {arn}"


def _traces(account: Account) -> Iterator[str]:
    """Step Functions Developer Guide, "X-Ray tracing: IAM permissions"; Lambda's, "Using AWS X-Ray"."""
    asks = [
        (machine, machine.values["role_arn"], (*TRACES, *SAMPLES))
        for machine in account.of("aws_sfn_state_machine")
        if any(traced["enabled"] for traced in machine.values.get("tracing_configuration") or ())
    ]
    asks += [
        (function, function.values["role"], TRACES)
        for function in account.of("aws_lambda_function")
        if any(traced["mode"] == "Active" for traced in function.values.get("tracing_config") or ())
    ]
    for resource, role, actions in asks:
        for action in actions if role else ():
            if not account.role_may(role, action, "*"):
                yield f"{short(resource.address)}: {role} may not {action}"


def _triggers(account: Account) -> Iterator[str]:
    """Lambda Developer Guide, "Using Lambda with Amazon SQS": the function's role polls."""
    roles = {r.values["function_name"]: r.values.get("role") for r in account.of("aws_lambda_function")}
    for mapping in account.of("aws_lambda_event_source_mapping"):
        queue = mapping.values.get("event_source_arn")
        role = roles.get(str(mapping.values.get("function_name")).rpartition(":")[2])
        if queue and role:
            refused = [action for action in POLLS if not account.role_may(role, action, queue)]
            yield from (f"{short(mapping.address)}: {role} may not {action} {queue}" for action in refused)
