"""Terraform's changes summed up: verbs, counts, and those that lose data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.terraform import Change

# What cannot be made again by applying once more: it holds data, a value that somebody gave it, or a key that signs.
HOLDS_DATA = frozenset(
    {"aws_s3_bucket", "aws_ssm_parameter", "aws_secretsmanager_secret", "aws_kinesis_stream", "aws_sqs_queue"}
    | {"aws_kms_key"}  # a new key under the old alias continues no chain of anchors
)
_WORDS = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("create", "delete"): "replace",
    ("delete", "create"): "replace",
}
_PACKAGE = re.compile(r'aws_s3_object\.package\["([^"]+)"\]')
_ORDER = ("delete", "replace", "update", "create")


def verb(change: Change) -> str:
    """``create``, ``update``, ``delete`` or ``replace``; Terraform's own actions where they are none of these."""
    return _WORDS.get(change.actions, "/".join(change.actions))


def kind_of(address: str) -> str:
    """The resource type in an address: ``module.process.aws_lambda_function.this["a.b"]`` has one of Lambda."""
    return next((part for part in address.partition("[")[0].split(".") if part.startswith("aws_")), _last(address))


def _last(address: str) -> str:
    """The type where an index comes before it: ``module.x["k"].aws_sqs_queue.this``."""
    return next((part for part in reversed(address.split(".")[:-1]) if part.startswith("aws_")), "")


def loses_data(change: Change) -> bool:
    """Whether carrying it out takes something away that Terraform cannot bring back."""
    return "delete" in change.actions and kind_of(change.address) in HOLDS_DATA


def counts(changes: Sequence[Change]) -> dict[str, int]:
    """How many resources each verb meets, the gravest verb first."""
    met = Counter(verb(change) for change in changes)
    order = [*_ORDER, *sorted(set(met) - set(_ORDER))]
    return {name: met[name] for name in order if met[name]}


def gravest_first(changes: Sequence[Change]) -> list[Change]:
    """By verb, then by address; a verb that is not known stands with the deletions."""
    return sorted(changes, key=lambda change: (_rank(change), change.address))


def summary(changes: Sequence[Change]) -> str:
    """``create 112, update 1``; or that there is nothing to do."""
    return ", ".join(f"{name} {count}" for name, count in counts(changes).items()) or "nothing changes"


def uploaded_packages(changes: Sequence[Change]) -> set[str]:
    """Names of the packages (``code``, a layer's) whose zips carrying the plan out reads."""
    created = (change.address for change in changes if "create" in change.actions)
    return {match[1] for address in created if (match := _PACKAGE.fullmatch(address))}


def as_data(changes: Sequence[Change], text: Path) -> dict[str, Any]:
    """JSON of a plan: counts, every change, and the file with the plan in Terraform's own words."""
    return {
        "counts": counts(changes),
        "changes": [
            {
                "address": change.address,
                "change": verb(change),
                "attributes": change.attributes,
                "loses_data": loses_data(change),
            }
            for change in changes
        ],
        "text": str(text),
    }


def _rank(change: Change) -> int:
    known = verb(change)
    return _ORDER.index(known) if known in _ORDER else 0
