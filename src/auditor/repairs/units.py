"""Values that differ from the provider's by one factor, as they do where one of the two is in another unit. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from statistics import median

from core.audit.findings import DisputedValue, Finding

LEAST = 3  # values; fewer have a factor in common by chance
NEAR = Decimal("0.05")  # of the factor: a live value and the history's of the same time are not quite the same


def other_units(findings: Sequence[Finding]) -> Iterator[str]:
    """A line for each column of which all values that are in dispute differ by the same factor, two at least."""
    columns: dict[str, list[Decimal]] = {}
    for finding in findings:
        if isinstance(finding, DisputedValue):
            ours, theirs = Decimal(finding.value), Decimal(finding.provider_value)
            factor = ours / theirs if ours and theirs else Decimal(0)
            columns.setdefault(f"{finding.table}/{finding.column}", []).append(factor)
    for column, factors in columns.items():
        factor = median(factors)
        is_one = all(abs(each - factor) <= NEAR * abs(factor) for each in factors)
        if len(factors) >= LEAST and is_one and abs(factor) >= 2:
            yield f"{column}: all {len(factors)} are {_round(factor)} times the provider's: is one in another unit?"
        elif len(factors) >= LEAST and is_one and 0 < abs(factor) <= Decimal("0.5"):
            yield f"{column}: the provider's are {_round(1 / factor)} times all {len(factors)}: is one in another unit?"


def _round(factor: Decimal) -> str:
    """The factor in two digits."""
    return format(factor.quantize(Decimal(1).scaleb(factor.adjusted() - 1)).normalize(), "f")
