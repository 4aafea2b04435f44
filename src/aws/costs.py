"""Costs of a deployment by its tags, from Cost Explorer.

Cost Explorer knows only tags that were activated as cost allocation tags (Billing and Cost Management, "Cost allocation
tags": up to a day after the tag was first seen, and only from then on). Each request costs 0.01 USD.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from aws.failures import code_of, reaching
from core.errors import PipelineBug

TAGS = ("project", "environment", "component", "purpose", "repair")
_PLACE = "Cost Explorer"


@dataclass(frozen=True, slots=True)
class Cost:
    """Unblended costs of a time, of one component and purpose; both empty for what has no such tag."""

    component: str
    purpose: str
    amount: Decimal
    currency: str


class CostsRefused(PipelineBug):
    """Cost Explorer is shut to this account or to this caller; in an organisation the payer's account decides."""


# What a member account is answered: without the payer's leave, and about tags, which only a payer manages.
_SHUT = frozenset({"AccessDenied", "AccessDeniedException", "ValidationException"})
_ASK_THE_PAYER = (
    "Grant ce:GetCostAndUsage; in a member account the payer's has to allow linked accounts in its Cost Management "
    "preferences, too. Or ask with credentials of the payer's account (AWS_PROFILE)"
)


@contextmanager
def _asking(operation: str) -> Iterator[None]:
    with reaching(operation, _PLACE):
        try:
            yield
        except ClientError as error:
            if code_of(error) not in _SHUT:
                raise
            problem = f"{code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
            raise CostsRefused(operation, _PLACE, problem, _ASK_THE_PAYER) from error


class CostExplorer:
    """Reads costs of one deployment. Raises ``PipelineBug`` where the caller may not ask, ``OutOfReach`` otherwise."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def inactive_tags(self) -> tuple[str, ...] | None:
        """The tags that are not active yet, so that costs cannot be separated by them, in the order of :data:`TAGS`.

        None where only the payer's account may tell.
        """
        try:
            answer = self._active_tags()
        except CostsRefused:
            return None
        active = {tag["TagKey"] for tag in answer["CostAllocationTags"]}
        return tuple(tag for tag in TAGS if tag not in active)

    def _active_tags(self) -> dict[str, Any]:
        with _asking("read cost allocation tags"):
            answer: dict[str, Any] = self._client.list_cost_allocation_tags(
                Status="Active", TagKeys=list(TAGS), Type="UserDefined"
            )
        return answer

    def by_component(self, project: str, environment: str, *, start: dt.date, end: dt.date) -> list[Cost]:
        """Costs of ``[start, end)``, whole days in UTC, per component and purpose; the dearest first."""
        return self._by(("component", "purpose"), project, environment, start, end)

    def by_repair(self, project: str, environment: str, *, start: dt.date, end: dt.date) -> list[Cost]:
        """The same per idea of repair, in the place of the component; empty is what several ideas share, or none."""
        return self._by(("repair", "purpose"), project, environment, start, end)

    def _by(self, tags: tuple[str, str], project: str, environment: str, start: dt.date, end: dt.date) -> list[Cost]:
        total: dict[tuple[str, str, str], Decimal] = {}
        for group in self._groups(tags, project, environment, start, end):
            component, purpose = (key.partition("$")[2] for key in group["Keys"])
            price = group["Metrics"]["UnblendedCost"]
            key = (component, purpose, price["Unit"])
            total[key] = total.get(key, Decimal()) + Decimal(price["Amount"])
        costs = [Cost(component, purpose, amount, unit) for (component, purpose, unit), amount in total.items()]
        return sorted(costs, key=lambda cost: (-cost.amount, cost.component, cost.purpose))

    def _groups(
        self, tags: tuple[str, str], project: str, environment: str, start: dt.date, end: dt.date
    ) -> Iterator[dict[str, Any]]:
        deployment = [
            {"Tags": {"Key": "project", "Values": [project], "MatchOptions": ["EQUALS"]}},
            {"Tags": {"Key": "environment", "Values": [environment], "MatchOptions": ["EQUALS"]}},
        ]
        question: dict[str, Any] = {
            "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
            "Granularity": "MONTHLY",
            "Metrics": ["UnblendedCost"],
            "Filter": {"And": deployment},
            "GroupBy": [{"Type": "TAG", "Key": tag} for tag in tags],
        }
        while True:
            with _asking("read costs"):
                answer = self._client.get_cost_and_usage(**question)
            for period in answer["ResultsByTime"]:
                yield from period["Groups"]
            if not answer.get("NextPageToken"):
                return
            question["NextPageToken"] = answer["NextPageToken"]
