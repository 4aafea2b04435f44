"""Contracts with the longest names that the contract check admits, and as many datasets as one deployment watches.

Every name that a contract may give (dataset, table, column, secret, entity) is as long as it can be, and one letter at
its end tells it from its neighbours: what is cut off a name must not make two of them one. So are durations.
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import yaml

NAME = 63  # core.authoring.declare.NAME
SECRET = 200  # core.authoring.declare.SecretName
COMMENT = 255  # of a column in the catalog, its unit and what it references included

Document = dict[str, Any]


def long_name(word: str, letter: str = "a", *, length: int = NAME) -> str:
    """A name of exactly this length that ends with the letter."""
    return (f"{word}_" * length)[: length - 2] + f"_{letter}"


def database(letter: str) -> Document:
    """A database whose one table becomes a fact with history (and so a view) and a dimension."""
    table, key, changed = (long_name(word, letter) for word in ("table", "key", "changed"))
    held = long_name("held", letter)
    return {
        "dataset": long_name("database", letter),
        "source": {
            "kind": "database",
            "engine": "postgresql",
            "secret": long_name("secret/database", letter, length=SECRET),
            "every": "10 days",
            "sweep": "3660 days",
            "complete_within": "3660 days",
            "tables": {
                table: {
                    "key": key,
                    "created_at": changed,
                    "changed_at": changed,
                    "columns": {key: "int", held: "string", changed: "timestamp"},
                }
            },
        },
        "warehouse": {
            long_name("fact_of_database", letter): {
                "kind": "fact",
                "from": table,
                "grain": "one row per version of a row of " + table,
                "key": [key, changed],
                "history_of": [key],
                "version": [changed],
                "partition_by": [f"month({changed})"],
                "since": "2026-01-01",
                "columns": {
                    key: {"type": "int", "comment": "c" * COMMENT},
                    changed: {"type": "timestamp", "immutable": True},
                    held: "string",
                },
            },
            long_name("dimension", letter): {
                "kind": "dimension",
                "from": table,
                "key": key,
                "columns": {key: "int", held: "string"},
            },
        },
    }


def feed(letter: str) -> Document:
    """A feed of a fact and a rollup (and so a view), with a canary's alarm."""
    entity, minute = long_name("entity", letter), long_name("minute", letter)
    fact, price = long_name("fact_of_feed", letter), long_name("price", letter)
    return {
        "dataset": long_name("feed", letter),
        "source": {
            "kind": "feed",
            "provider": "finnhub",
            "history": "finnhub",
            "secret": long_name("secret/feed", letter, length=SECRET),
            "every": "1 minute",
            "calendar": "always",
            "point": [entity, minute],
            "entities": [long_name("ENTITY", other) for other in string.ascii_lowercase],
            "settle": "3 minutes",
            "complete_within": "2 hours",
            "rate_limit": "60 / minute",
            "canary": True,
        },
        "warehouse": {
            fact: {
                "kind": "fact",
                "grain": "one row per point",
                "key": [entity, minute],
                "version": ["provenance", "fetched_at"],
                "partition_by": [entity, f"month({minute})"],
                "since": "2026-01-01",
                "columns": {
                    entity: "string",
                    minute: "timestamp",
                    price: {"type": "decimal(18,6)", "from": {"live": "c", "history": "o"}},
                    "provenance": {
                        "type": "string",
                        "one_of": ["observed", "late", "repaired"],
                        "rank": ["repaired", "late", "observed"],
                    },
                    "fetched_at": "timestamp",
                },
            },
            long_name("rollup", letter): {
                "kind": "rollup",
                "from": fact,
                "grain": "one row per entity and hour",
                "by": [entity, f"hour({minute})"],
                "columns": {
                    price: {"type": "decimal(18,6)", "aggregate": f"max({price})"},
                    "expected": {"type": "int", "aggregate": "expected()"},
                    "points": {"type": "int", "aggregate": "count()"},
                    "complete": {"type": "boolean", "aggregate": "complete()"},
                },
            },
        },
    }


def write_contracts(folder: Path, *, databases: int, feeds: int) -> None:
    """Write so many contracts of each kind into a folder."""
    for kind, documents in (("database", database), ("feed", feed)):
        for letter in string.ascii_lowercase[: databases if kind == "database" else feeds]:
            (folder / f"{kind}_{letter}.yaml").write_text(yaml.safe_dump(documents(letter), sort_keys=False))
