"""What roles are granted, held against what they asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from local.emulator.decisions import Decision


@dataclass(frozen=True)
class Grant:
    """One action on one resource (an ARN that may end in wildcards), and the statement that gives it."""

    role: str
    statement: str
    action: str
    resource: str

    def covers(self, asked: Decision) -> bool:
        return (
            asked.role == self.role
            and asked.action == self.action
            and fnmatchcase(asked.resource, self.resource.replace("[", "[[]"))
        )


def grants_of(role: str, policy: str) -> Iterator[Grant]:
    """Every single grant of a role's policy document; refusals are none."""
    for statement in json.loads(policy)["Statement"]:
        if statement["Effect"] == "Allow":
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    yield Grant(role, statement.get("Sid", ""), action, resource)


def granted(resources: Iterable[Mapping[str, Any]]) -> list[Grant]:
    """The grants of every role among Terraform's resources."""
    found = []
    for one in resources:
        if one["type"] == "aws_iam_role_policy":
            found += grants_of(one["values"]["role"], one["values"]["policy"])
    return found


def never_used(grants: Iterable[Grant], asked: Iterable[Decision]) -> list[Grant]:
    """Grants that no call needed."""
    by_need: dict[tuple[str, str], list[Decision]] = {}
    for one in asked:
        by_need.setdefault((one.role, one.action), []).append(one)
    return [one for one in grants if not any(one.covers(need) for need in by_need.get((one.role, one.action), ()))]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
