"""Costs by tag, against botocore's own model of Cost Explorer: what is asked and answered has the service's shapes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import botocore.session
import pytest
from botocore.stub import ANY, Stubber

from aws.costs import Cost, CostExplorer, CostsRefused

START, END = dt.date(2026, 11, 1), dt.date(2026, 11, 21)


@pytest.fixture
def service() -> Iterator[Stubber]:
    client = botocore.session.get_session().create_client(
        "ce", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def group(component: str, purpose: str, amount: str) -> dict[str, Any]:
    keys = [f"component${component}", f"purpose${purpose}"]
    return {"Keys": keys, "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}}


def answer(*groups: dict[str, Any], more: str = "") -> dict[str, Any]:
    period = {"TimePeriod": {"Start": "2026-11-01", "End": "2026-11-21"}, "Groups": list(groups), "Estimated": True}
    return {"ResultsByTime": [period]} | ({"NextPageToken": more} if more else {})


def test_costs_are_asked_for_one_deployment_and_added_up_exactly_over_pages(service: Stubber) -> None:
    asked: dict[str, Any] = {
        "TimePeriod": {"Start": "2026-11-01", "End": "2026-11-21"}, "Granularity": "MONTHLY",
        "Metrics": ["UnblendedCost"], "Filter": ANY,
        "GroupBy": [{"Type": "TAG", "Key": "component"}, {"Type": "TAG", "Key": "purpose"}],
    }  # fmt: skip
    first = answer(group("processing", "base", "0.1000000001"), group("auditor", "repair", "0.3"), more="2")
    service.add_response("get_cost_and_usage", first, asked)
    second = answer(group("processing", "base", "0.2"), group("", "", "0.05"))
    service.add_response("get_cost_and_usage", second, asked | {"NextPageToken": "2"})
    found = CostExplorer(service.client).by_component("starmend", "prod", start=START, end=END)
    assert found == [
        Cost("processing", "base", Decimal("0.3000000001"), "USD"),
        Cost("auditor", "repair", Decimal("0.3"), "USD"),
        Cost("", "", Decimal("0.05"), "USD"),
    ]


def test_tags_that_nobody_activated_are_named(service: Stubber) -> None:
    active = [{"TagKey": name, "Type": "UserDefined", "Status": "Active"} for name in ("project", "purpose")]
    service.add_response("list_cost_allocation_tags", {"CostAllocationTags": active})
    assert CostExplorer(service.client).inactive_tags() == ("environment", "component", "repair")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_a_member_account_sees_its_costs_though_not_which_tags_the_payer_activated(service: Stubber, code: str) -> None:
    service.add_client_error("list_cost_allocation_tags", code, "Linked account", 400)
    service.add_response("get_cost_and_usage", answer(group("processing", "base", "0.2")))
    explorer = CostExplorer(service.client)
    assert explorer.inactive_tags() is None
    assert [cost.component for cost in explorer.by_component("starmend", "prod", start=START, end=END)] == [
        "processing"
    ]


def test_a_member_account_that_the_payer_shuts_out_is_told_whom_to_ask(service: Stubber) -> None:
    service.add_client_error("get_cost_and_usage", "AccessDeniedException", "User not enabled for cost explorer", 400)
    with pytest.raises(CostsRefused, match=r"read costs: Cost Explorer: AccessDeniedException.*payer"):
        CostExplorer(service.client).by_component("starmend", "prod", start=START, end=END)


def test_the_costs_of_each_idea_of_repair_are_told_apart_by_their_tag(service: Stubber) -> None:
    asked: dict[str, Any] = {
        "TimePeriod": {"Start": "2026-11-01", "End": "2026-11-21"}, "Granularity": "MONTHLY",
        "Metrics": ["UnblendedCost"], "Filter": ANY,
        "GroupBy": [{"Type": "TAG", "Key": "repair"}, {"Type": "TAG", "Key": "purpose"}],
    }  # fmt: skip
    groups = [
        {
            "Keys": [f"repair${idea}", f"purpose${purpose}"],
            "Metrics": {"UnblendedCost": {"Amount": cost, "Unit": "USD"}},
        }
        for idea, purpose, cost in (("history", "repair", "0.1"), ("", "repair", "0.4"), ("", "base", "3"))
    ]
    service.add_response("get_cost_and_usage", answer(*groups), asked)
    assert CostExplorer(service.client).by_repair("starmend", "prod", start=START, end=END) == [
        Cost("", "base", Decimal(3), "USD"),
        Cost("", "repair", Decimal("0.4"), "USD"),
        Cost("history", "repair", Decimal("0.1"), "USD"),
    ]
