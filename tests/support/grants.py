"""What roles are granted, held against what they asked for."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from local.emulator import ACCOUNT, REGION
from local.emulator.decisions import Decision


@dataclass(frozen=True)
class Grant:
    """One action on one resource (an ARN that may hold wildcards), under its statement's conditions (JSON)."""

    role: str
    statement: str
    action: str
    resource: str
    conditions: str = "{}"

    def allows(self, asked: Decision) -> bool:
        """Whether a role with this grant alone may do what was asked, as the emulator's own policy engine decides."""
        about = {"Action": self.action, "Resource": self.resource, "Condition": json.loads(self.conditions)}
        aliases = asked.aliases.split() or None
        named = {"s3:prefix": asked.prefix, "events:source": asked.source, "kms:resourcealiases": aliases}
        named = {key: value for key, value in named.items() if value is not None}
        context = EvalContext(
            principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{asked.role}/any", principal_type="AssumedRole",
            principal_account=ACCOUNT, action=asked.action, resource_arn=asked.resource, region=REGION,
            secure_transport=True, service_context=named,
        )  # fmt: skip
        policies = [parse_policy_document({"Statement": {"Effect": "Allow", **about}})]
        return asked.role == self.role and bool(evaluate(context, policies).decision == "Allow")


def grants_of(role: str, policy: str) -> Iterator[Grant]:
    """Every single grant of a role's policy document; refusals are none."""
    for statement in json.loads(policy)["Statement"]:
        if statement["Effect"] == "Allow":
            conditions = json.dumps(statement.get("Condition", {}))
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    yield Grant(role, statement.get("Sid", ""), action, resource, conditions)


def granted(resources: Iterable[Mapping[str, Any]]) -> list[Grant]:
    """The grants of every role among Terraform's resources."""
    grants: list[Grant] = []
    for resource in resources:
        if resource["type"] == "aws_iam_role_policy":
            grants += grants_of(resource["values"]["role"], resource["values"]["policy"])
    return grants


def not_granted(grants: Iterable[Grant], asked: Iterable[Decision]) -> list[Decision]:
    """What was asked for and no grant allows."""
    by_need = _by_need(grants)
    return [need for need in asked if not _allowing(by_need, need)]


def not_needed(grants: Iterable[Grant], asked: Iterable[Decision]) -> list[Grant]:
    """Grants that could be taken away one by one, and nothing that was asked for would be refused.

    Nobody asked for what they allow, or another grant allows the same.
    """
    grants = list(grants)
    by_need = _by_need(grants)
    needed = {allowing[0] for need in set(asked) if len(allowing := _allowing(by_need, need)) == 1}
    return [grant for grant in grants if grant not in needed]


_ByNeed = Mapping[tuple[str, str], list[Grant]]


def _by_need(grants: Iterable[Grant]) -> _ByNeed:
    by_need: dict[tuple[str, str], list[Grant]] = defaultdict(list)
    for grant in grants:
        by_need[grant.role, grant.action].append(grant)
    return by_need


def _allowing(by_need: _ByNeed, need: Decision) -> list[Grant]:
    return [grant for grant in by_need.get((need.role, need.action), ()) if grant.allows(need)]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
