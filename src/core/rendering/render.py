"""The resolved form of the contracts, for Terraform and the Lambdas: one deterministic JSON document.

``model`` is what ``codec.load_rendered`` reads; the rest is what Terraform needs, so that no rule is written twice.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core.contract.codec import FORMAT, to_data
from core.contract.model import Contracts, Database, Feed
from core.feeds.providers import provider_secrets
from core.json import readable_json
from core.landing.state import FIRST_ID, FIRST_TIMESTAMP, LATEST_OBJECT, SEQUENTIAL_ID, TIMESTAMP
from core.rendering.catalog import catalog_tables
from core.rendering.trigger import trigger_of
from core.rendering.views import catalog_views


def render(contracts: Contracts) -> str:
    """The document as text; the same contracts give the same text."""
    document = {
        "format": FORMAT,
        "datasets": {contract.dataset: _dataset(contract.source, contract.hash) for contract in contracts},
        "parameters": _parameters(contracts),
        "processing": asdict(trigger_of(contracts)),
        "catalog": catalog_tables(contracts),
        "views": catalog_views(contracts),
        "model": to_data(contracts),
    }
    return readable_json(document)


def _dataset(source: Database | Feed | None, contract_hash: str) -> dict[str, Any]:
    if source is None:
        return {"kind": "none", "hash": contract_hash}
    return {
        "kind": source.kind,
        "canary": source.canary,
        **({"stream": source.stream} if isinstance(source, Feed) else {}),
        "hash": contract_hash,
        "secret": source.secret,
        "secrets": list(provider_secrets(source)) if isinstance(source, Feed) else [source.secret],
        "schedule": _schedule(source.every),
        "every_seconds": source.every,
        "settle_seconds": source.settle,
        "complete_within_seconds": source.complete_within,
        "tables": sorted(table.name for table in source.tables),
    }


def _schedule(seconds: int) -> str:
    """An EventBridge Scheduler expression; its finest unit is the minute."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            count = seconds // size
            return f"rate({count} {unit}{'s' if count > 1 else ''})"
    return "rate(1 minute)"


def _parameters(contracts: Contracts) -> dict[str, str]:
    """Parameter names below ``/<project>/<env>/`` and their first values, which Terraform never resets."""
    parameters: dict[str, str] = {}
    for contract in contracts:
        for table in contract.source.tables if contract.source else ():
            prefix = f"{contract.dataset}/{table.name}"
            parameters[f"{prefix}/{LATEST_OBJECT}"] = FIRST_ID
            if isinstance(contract.source, Database):
                parameters[f"{prefix}/{TIMESTAMP}"] = FIRST_TIMESTAMP
                parameters[f"{prefix}/{SEQUENTIAL_ID}"] = FIRST_ID
    return parameters
