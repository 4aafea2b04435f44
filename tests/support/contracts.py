"""A small good contract, and the ways to change it and to ask what the check says of it."""

from __future__ import annotations

import copy
import datetime as dt
from pathlib import Path
from typing import Any

import yaml

from core.authoring.load import examine
from core.authoring.problems import Problem

TODAY = dt.date(2026, 11, 21)

GOOD: dict[str, Any] = {
    "dataset": "shop",
    "source": {
        "kind": "database",
        "engine": "postgresql",
        "secret": "shop-db",
        "every": "5 minutes",
        "tables": {
            "sale": {
                "key": "sale_id",
                "created_at": "created_at",
                "changed_at": "changed_at",
                "columns": {
                    "sale_id": "int",
                    "person_id": "int",
                    "created_at": "timestamp",
                    "changed_at": "timestamp",
                    "price": "decimal(10,2)",
                    "note": "string?",
                },
            },
            "person": {
                "key": "person_id",
                "changed_at": "changed_at",
                "columns": {"person_id": "int", "name": "string", "changed_at": "timestamp"},
            },
        },
    },
    "warehouse": {
        "fact_sale": {
            "kind": "fact",
            "from": "sale",
            "grain": "one row per version of a sale",
            "key": ["sale_id", "changed_at"],
            "version": ["changed_at"],
            "history_of": "sale_id",
            "partition_by": "month(created_at)",
            "since": "2024-01-01",
            "columns": {
                "sale_record_id": {"type": "bigint", "surrogate": ["sale_id", "changed_at"]},
                "sale_id": "int",
                "person_id": {"type": "int", "references": "dim_person.person_id"},
                "created_at": {"type": "timestamp", "immutable": True},
                "changed_at": "timestamp",
                "price": {"type": "decimal(10,2)", "check": "> 0"},
            },
        },
        "dim_person": {
            "kind": "dimension",
            "from": "person",
            "key": "person_id",
            "columns": {"person_id": "int", "name": "string"},
        },
    },
}


def folder_of(folder: Path, *contracts: dict[str, Any]) -> Path:
    """The folder with the contracts in it, a file for each."""
    for contract in contracts:
        text = yaml.safe_dump(contract, sort_keys=False)
        (folder / f"{contract.get('dataset', 'unnamed')}.yaml").write_text(text)
    return folder


def changed(path: str, value: Any, *, contract: dict[str, Any] = GOOD) -> dict[str, Any]:
    """The contract with one place changed; ``...`` removes it."""
    copied = copy.deepcopy(contract)
    place: Any = copied
    *parents, last = path.split("/")
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copied


def problems_of(folder: Path, *contracts: dict[str, Any]) -> list[Problem]:
    """The problems that the check tells of contracts."""
    return list(examine(folder_of(folder, *contracts), today=TODAY)[1])


def problems_of_text(folder: Path, text: str) -> list[Problem]:
    """The problems that the check tells of a file as it is written."""
    (folder / "shop.yaml").write_text(text)
    return list(examine(folder, today=TODAY)[1])
