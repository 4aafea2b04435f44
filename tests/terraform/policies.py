"""Planned grants, read by a linter that knows AWS's actions, resources and condition keys (parliament); their forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tests.terraform.planned import Resource, short

# Where Terraform holds a policy; what AWS computes itself (a bucket's or a topic's own attribute) is no grant of ours.
GRANTS = {
    "aws_iam_policy": "policy",
    "aws_iam_role_policy": "policy",
    "aws_kms_key": "policy",
    "aws_s3_bucket_policy": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_sqs_queue": "policy",
}
TRUST = {"aws_iam_role": "assume_role_policy"}
# That a resource is * has its reason beside it (test_source_rules).
OF_STYLE = {"RESOURCE_STAR"}
# What the linter says against AWS's own documents, each with its reason.
EXCUSED = {
    # The token's execution belongs to a state machine, whose ARN the role names: so does the CDK (grantTaskResponse).
    ("RESOURCE_MISMATCH", "states:SendTaskSuccess"),
    ("RESOURCE_MISMATCH", "states:SendTaskFailure"),
    ("RESOURCE_MISMATCH", "states:SendTaskHeartbeat"),
    # Of 2021, which the linter's table does not know: KMS Developer Guide, "kms:ResourceAliases".
    ("UNKNOWN_CONDITION_FOR_ACTION", "Unknown condition kms:ResourceAliases for action kms:Sign"),
    ("UNKNOWN_CONDITION_FOR_ACTION", "Unknown condition kms:ResourceAliases for action kms:GetPublicKey"),
    # It would have the ARNs of express executions, too; the children of the map are standard ones.
    ("RESOURCE_MISMATCH", "states:DescribeExecution"),
}
SERVICES = {"cloudwatch", "events", "firehose", "lambda", "s3", "scheduler", "states"}
ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12})?:\S+|\*")


def policies(planned: Sequence[Resource]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Address and text of each policy, and whether it is one of trust."""
    for resource in planned:
        for places, trust in ((GRANTS, False), (TRUST, True)):
            if text := resource.values.get(places.get(resource.type, "")):
                yield short(resource.address), json.loads(text), trust


def lint(planned: Sequence[Resource]) -> Iterator[str]:
    """Actions, resources of actions and condition keys that do not exist."""
    import parliament  # not by every process that collects the tests: with what it needs 0.3 s

    seen: set[str] = set()
    for address, document, trust in policies(planned):
        for statement in document["Statement"] if trust else ():
            statement["Resource"] = "*"  # a trust's resource is its role, which the linter cannot know
        text = json.dumps(document)
        if text in seen:
            continue
        seen.add(text)
        for finding in parliament.analyze_policy_string(text, ignore_private_auditors=True).findings:
            for issue, detail in _details(finding):
                if issue not in OF_STYLE and (issue, detail) not in EXCUSED:
                    yield f"{address}: {issue} {detail}"


def _details(finding: Any) -> Iterator[tuple[str, str]]:
    if finding.issue == "RESOURCE_MISMATCH":
        yield from ((finding.issue, action["action"]) for action in finding.detail)
    else:
        yield finding.issue, str(finding.detail)


def forms(planned: Sequence[Resource]) -> Iterator[str]:
    """Versions, statement ids, ARNs and principals as IAM takes them."""
    for address, document, trust in policies(planned):
        if document.get("Version") != "2012-10-17":
            yield f"{address}: version {document.get('Version')}"
        statements = document["Statement"]
        sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
        if len(set(sids)) < len(sids) or not all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids):
            yield f"{address}: statement ids {sids}"
        for statement in statements:
            yield from (f"{address}: {text}" for text in _statement(statement, trust=trust))


def _statement(statement: dict[str, Any], *, trust: bool) -> Iterator[str]:
    for resource in _list(statement.get("Resource", [])):
        if not ARN.fullmatch(resource):
            yield f"{resource} is no ARN"
    if not _list(statement.get("Action", [])) or not (trust or _list(statement.get("Resource", []))):
        yield "a statement without action or resource"
    principals = statement.get("Principal", {})
    for kind, names in principals.items() if isinstance(principals, dict) else ():
        for name in _list(names):
            service = name.removesuffix(".amazonaws.com")
            known = kind != "Service" or (service != name and service in SERVICES)
            if not known or (kind == "AWS" and not (ARN.fullmatch(name) or re.fullmatch(r"\d{12}", name))):
                yield f"{name} is no principal"


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
