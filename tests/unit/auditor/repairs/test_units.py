"""Values in another unit than the provider's history."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.repairs.draft import Plan
from auditor.repairs.triage import triage_findings
from auditor.repairs.units import other_units
from core.audit.findings import DisputedValue


def disputed(pairs: list[tuple[str, str]]) -> list[DisputedValue]:
    return [
        DisputedValue("quotes", "fact_quote", "", "price", "AAPL", "2026-11-20T14:30:00Z", ours, theirs)
        for ours, theirs in pairs
    ]


@pytest.mark.parametrize(
    ("pairs", "line"),
    [
        ([("15050", "150.4"), ("15100", "151"), ("14980", "150.1")], "all 3 are 100 times the provider's"),
        ([("1.5", "1500"), ("2.5", "2500"), ("1", "1001")], "the provider's are 1000 times all 3"),
        ([("20.6", "-5"), ("3", "1"), ("9", "8")], ""),
        ([("100", "1"), ("100", "1")], ""),  # too few
        ([("101", "100"), ("101", "100"), ("101", "100")], ""),  # another price, and no other unit
        ([("0", "1"), ("0", "2"), ("0", "3")], ""),
    ],
)
def test_one_factor_of_all_is_told_and_no_other_difference(pairs: list[tuple[str, str]], line: str) -> None:
    told = "".join(other_units(disputed(pairs)))
    assert (line in told) if line else (told == "")


@given(
    st.lists(st.decimals("0.01", "100000", places=2), min_size=3, max_size=20),
    st.sampled_from([-6, -3, -2, 2, 3, 6]),
)
def test_every_power_of_ten_is_found(prices: list[Decimal], power: int) -> None:
    pairs = [(format(price.scaleb(power), "f"), format(price, "f")) for price in prices]
    (line,) = other_units(disputed(pairs))
    assert f" {10 ** abs(power)} times" in line


def test_the_mail_begins_with_it() -> None:
    findings = disputed([("15050", "150.5"), ("15100", "151"), ("14980", "149.8")])
    (cause,) = triage_findings(findings, Plan(), (), dataset="quotes", feed=None, now=0).causes
    assert cause.details[0].endswith("is one in another unit?")
