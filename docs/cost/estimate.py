"""A month's cost of a deployment, from what was measured and what AWS charges: ``make cost`` writes it into cost.md.

Three files go in: ``prices.yaml`` (list prices), ``measured.yaml`` (requests and milliseconds of one unit of work)
and ``scenarios.yaml`` (how many units a month has). Nothing is computed by hand, so a better figure is one line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "cost.md"
Quantities = dict[str, Decimal]


def load(name: str) -> dict[str, Any]:
    """One of the files beside this one; its figures are exact decimals."""
    return dict(_exact(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))))


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _exact(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_exact(one) for one in value]
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def quantities(scenario: Mapping[str, Any], units: Mapping[str, Any]) -> Quantities:
    """What a month of the scenario uses, by the names of ``prices.yaml``."""
    used: Quantities = {}
    for unit, times in scenario["work"].items():
        for name, amount in _of_unit(units[unit]):
            used[name] = used.get(name, Decimal()) + amount * times
    for name, amount in scenario["standing"].items():
        used[name] = used.get(name, Decimal()) + amount
    return used


def _of_unit(unit: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    """One unit of work: calls of functions become GB-seconds and requests, the rest is as it says."""
    for call in unit.get("functions", ()):
        yield "lambda_request", call["calls"]
        yield "lambda_gb_second", call["calls"] * call["milliseconds"] / 1000 * call["memory_mb"] / 1024
    for name, amount in unit.items():
        if name not in ("functions", "about"):
            yield name, amount


def costs(used: Quantities, prices: Mapping[str, Any]) -> dict[str, Decimal]:
    """USD a month by service, the dearest first."""
    total: dict[str, Decimal] = {}
    for name, amount in used.items():
        price = prices[name]
        total[price["service"]] = total.get(price["service"], Decimal()) + amount * price["usd"] / price["per"]
    return dict(sorted(total.items(), key=lambda one: -one[1]))


def tables() -> dict[str, str]:
    """The generated parts of the page by the names of their marks."""
    prices, units, scenarios = load("prices"), load("measured")["units"], load("scenarios")["scenarios"]
    used = {name: quantities(one, units) for name, one in scenarios.items()}
    by_service = {name: costs(one, prices["prices"]) for name, one in used.items()}
    return {
        "prices": f"List prices of {prices['region']}, {prices['as_of']}.",
        "services": "\n".join(_service_table(by_service)),
        "quantities": "\n".join(_quantity_table(used, prices["prices"])),
    }


def _service_table(by_service: Mapping[str, Mapping[str, Decimal]]) -> Iterator[str]:
    dearest: dict[str, Decimal] = {}
    for one in by_service.values():
        for service, usd in one.items():
            dearest[service] = max(usd, dearest.get(service, Decimal()))
    services = sorted(dearest, key=lambda service: -dearest[service])
    yield f"| USD a month | {' | '.join(by_service)} |"
    yield "|---" + "|---:" * len(by_service) + "|"
    for service in services:
        yield f"| {service} | " + " | ".join(_usd(one.get(service, Decimal())) for one in by_service.values()) + " |"
    yield "| **all** | " + " | ".join(f"**{_usd(sum(one.values(), Decimal()))}**" for one in by_service.values()) + " |"


def _quantity_table(used: Mapping[str, Quantities], prices: Mapping[str, Any]) -> Iterator[str]:
    yield f"| a month uses | {' | '.join(used)} |"
    yield "|---" + "|---:" * len(used) + "|"
    for name, price in prices.items():
        if any(one.get(name) for one in used.values()):
            amounts = (_amount(one.get(name, Decimal())) for one in used.values())
            yield f"| {price['service']}: {price['unit']} | {' | '.join(amounts)} |"


def _amount(amount: Decimal) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:.2f}"


def _usd(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def written(page: str) -> str:
    """The page with its generated parts made anew, each between ``<!-- name -->`` and ``<!-- end -->``."""
    for name, text in tables().items():
        head, found, rest = page.partition(f"<!-- {name} -->\n")
        if not found:
            raise SystemExit(f"{PAGE.name} has no place for {name}")
        page = head + found + text + "\n" + rest[rest.index("<!-- end -->") :]
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} says what {FOLDER.name}/ says\n")
