"""How long big work takes, what it costs and which limit is hit first: ``make scale`` writes it into scale.md.

Computed from ``scenarios.yaml`` and the prices of ``docs/cost``; nothing of it was run on AWS.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "scale.md"
COST = FOLDER.parent / "cost" / "estimate.py"


def load(file: Path) -> dict[str, Any]:
    """A file of figures, which are exact decimals."""
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def seconds_of(step: Mapping[str, Any], at_once: str) -> Decimal:
    """How long a step takes: whole rounds of as many pieces as are done at once."""
    rounds = -(-int(step["pieces"]) // int(step[at_once]))
    return Decimal(str(step["seconds"])) * rounds


def usd_of(step: Mapping[str, Any], prices: Mapping[str, Any]) -> Decimal:
    """What AWS charges for a step, however many pieces are done at once."""
    used = {name: Decimal(str(amount)) for name, amount in step.get("usd", {}).items()}
    if "memory_mb" in step:
        used["lambda_gb_second"] = Decimal(str(step["seconds"])) * Decimal(step["memory_mb"]) / 1024
    each = sum((amount * prices[name]["usd"] / prices[name]["per"] for name, amount in used.items()), Decimal())
    return each * int(step["pieces"])


def table(scenarios: Mapping[str, Any], prices: Mapping[str, Any]) -> Iterator[str]:
    """Of each scenario its slowest step, before and after its setting is raised, and all of its cost."""
    yield "| work | by default | the first limit | raised | takes | then | USD |"
    yield "|---|---:|---|---:|---:|---|---:|"
    for name, scenario in scenarios.items():
        steps = scenario["steps"]
        first = max(steps, key=lambda step: seconds_of(step, "at_once"))
        then = max(steps, key=lambda step: seconds_of(step, "to"))
        usd = sum((usd_of(step, prices) for step in steps), Decimal())
        limit = f"{first['step']}: `{first['setting']}` = {first['at_once']}"
        cells = [name, _time(seconds_of(first, "at_once")), limit, f"{first['to']:,}"]
        cells += [_time(seconds_of(then, "to")), then["step"], f"{usd:,.2f}"]
        yield f"| {' | '.join(cells)} |"


def _time(seconds: Decimal) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"


def written(page: str) -> str:
    """The page with its table made anew, between ``<!-- work -->`` and ``<!-- end -->``."""
    spec = importlib.util.spec_from_file_location("cost_estimate", COST)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{COST} cannot be read")
    cost = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cost)
    rows = "\n".join(table(load(FOLDER / "scenarios.yaml")["scenarios"], cost.load("prices")["prices"]))
    head, _, rest = page.partition("<!-- work -->\n")
    return f"{head}<!-- work -->\n{rows}\n{rest[rest.index('<!-- end -->') :]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} says what {FOLDER.name}/ says\n")
