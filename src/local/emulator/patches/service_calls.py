"""AWS's services ask whoever they call, as everybody does: a resource's own policy, or the role that they were given.

Stock asks the policies of queues and topics when S3 or SNS delivers, and nobody's else. On AWS

- CloudWatch invokes a function only where its policy lets ``lambda.alarms.cloudwatch.amazonaws.com`` in, and says
  nothing where it does not (CloudWatch User Guide, "Invoke a Lambda function from an alarm"); it publishes to a topic
  that admits ``cloudwatch.amazonaws.com``, and to an encrypted one only where the topic's key does too (Amazon SNS
  Developer Guide, "Managing Amazon SNS encryption keys and costs");
- EventBridge Scheduler takes the target's role, which has to trust it and to allow the call (User Guide, "Setting up
  the execution role" and "Confused deputy prevention").

What is refused is a warning in the log. Where no policy decides (``AUTH=false``) everything is let in.
"""

from __future__ import annotations

import logging
from typing import Any

from ministack import app
from ministack.core.iam_evaluator import (
    EvalContext,
    _gather_role_policies,
    evaluate,
    evaluate_resource_policy,
)
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, kms, lambda_svc, sns

ALARMS, FUNCTION_ALARMS, SCHEDULER = (
    "cloudwatch.amazonaws.com",
    "lambda.alarms.cloudwatch.amazonaws.com",
    "scheduler.amazonaws.com",
)
_STARTS = {"lambda": "lambda:InvokeFunction", "states": "states:StartExecution", "sqs": "sqs:SendMessage"}
log = logging.getLogger("starmend.emulator")


def alarm_may_act(target: str, alarm: str) -> bool:
    """Whether an alarm (an ARN) reaches a topic or a function; other targets no policy is asked of."""
    kind = target.split(":")[2]
    if not app.AUTH or kind not in ("sns", "lambda"):
        return True
    allowed = _topic_admits(target, alarm) if kind == "sns" else _function_admits(target, alarm)
    return _logged(allowed, alarm, target)


def schedule_may_start(target: dict[str, Any], schedule: str) -> bool:
    """Whether the role of a schedule's target trusts the Scheduler and may start it."""
    if not app.AUTH:
        return True
    arn, role_name = target.get("Arn", ""), target.get("RoleArn", "").rpartition("/")[2]
    role = iam._roles.get(role_name)
    trusted = role is not None and _admits(
        role["AssumeRolePolicyDocument"], SCHEDULER, "sts:AssumeRole", role["Arn"], schedule
    )
    action = _STARTS.get(arn.split(":")[2] if arn.count(":") > 2 else "", "")
    asked = _context(f"arn:aws:sts::{get_account_id()}:assumed-role/{role_name}/scheduler", action, arn)
    granted = evaluate(asked, _gather_role_policies(role_name, get_account_id())).decision == "Allow"
    return _logged(trusted and granted, schedule, arn)


def _function_admits(function: str, alarm: str) -> bool:
    record, _, _ = lambda_svc._get_func_record_for_ref(function)
    return record is not None and _admits(record["policy"], FUNCTION_ALARMS, "lambda:InvokeFunction", function, alarm)


def _topic_admits(topic: str, alarm: str) -> bool:
    record = sns._topic_by_arn_any_scope(topic)
    if record is None or not _admits(record["attributes"].get("Policy") or "", ALARMS, "sns:Publish", topic, alarm):
        return False
    key = kms._resolve_key(record["attributes"].get("KmsMasterKeyId") or "")
    return key is None or all(
        _admits(key["Policy"], ALARMS, action, key["Arn"], alarm) for action in ("kms:Decrypt", "kms:GenerateDataKey")
    )


def _admits(policy: Any, service: str, action: str, resource: str, source: str) -> bool:
    asked = _context("*", action, resource, source)
    return bool(evaluate_resource_policy(policy, asked, service).decision == "Allow")


def _context(principal: str, action: str, resource: str, source: str = "") -> EvalContext:
    known = {"aws:sourcearn": source, "aws:sourceaccount": get_account_id()} if source else {}
    return EvalContext(
        principal_arn=principal, principal_type="AssumedRole", principal_account=get_account_id(), action=action,
        resource_arn=resource, region=get_region(), secure_transport=True, service_context=known,
    )  # fmt: skip


def _logged(allowed: bool, source: str, target: str) -> bool:
    if not allowed:
        log.warning("%s may not reach %s: no policy lets it", source, target)
    return allowed
