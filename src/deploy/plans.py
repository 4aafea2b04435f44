"""What Terraform would do, as somebody wants to read it before saying yes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cli.output import err, out, print_json
from deploy.terraform import Change

# What cannot be made again by applying once more: it holds data, or a value that somebody gave it.
HOLDS_DATA = frozenset(
    {"aws_s3_bucket", "aws_ssm_parameter", "aws_secretsmanager_secret", "aws_kinesis_stream", "aws_sqs_queue"}
)
_WORDS = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("create", "delete"): "replace",
    ("delete", "create"): "replace",
}
_ORDER = ("delete", "replace", "update", "create")
_COLOURS = {"delete": "red", "replace": "yellow", "update": "blue", "create": "green"}


def verb(change: Change) -> str:
    """What happens to a resource, in one word."""
    return _WORDS.get(change.actions, "/".join(change.actions))


def kind_of(address: str) -> str:
    """``module.process.aws_lambda_function.this["a.b"]`` is an ``aws_lambda_function``."""
    return next((part for part in address.partition("[")[0].split(".") if part.startswith("aws_")), _last(address))


def _last(address: str) -> str:
    """The type where an index comes before it: ``module.x["k"].aws_sqs_queue.this``."""
    return next((part for part in reversed(address.split(".")[:-1]) if part.startswith("aws_")), "")


def loses_data(change: Change) -> bool:
    """Whether carrying it out takes something away that Terraform cannot bring back."""
    return "delete" in change.actions and kind_of(change.address) in HOLDS_DATA


def counts(changes: Sequence[Change]) -> dict[str, int]:
    """How many resources each verb meets, the gravest first."""
    found = Counter(verb(change) for change in changes)
    order = [*_ORDER, *sorted(set(found) - set(_ORDER))]
    return {name: found[name] for name in order if found[name]}


def summary(changes: Sequence[Change]) -> str:
    """``create 112, update 1``; or that there is nothing to do."""
    return ", ".join(f"{name} {count}" for name, count in counts(changes).items()) or "nothing changes"


def as_data(changes: Sequence[Change], text: Path) -> dict[str, Any]:
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


def show_plan(changes: Sequence[Change], text: Path, *, as_json: bool) -> None:
    """Every address, the gravest first, and the counts."""
    if as_json:
        print_json(as_data(changes, text))
        return
    for change in sorted(changes, key=lambda change: (_rank(change), change.address)):
        out.print(f"[{_COLOURS.get(verb(change), 'yellow')}]{verb(change):8}[/]", end="")
        attributes = f": {', '.join(change.attributes)}" if change.attributes else ""
        out.print(change.address + attributes, highlight=False, markup=False, soft_wrap=True)
    out.print(f"{summary(changes)}; in full: {text}", highlight=False, markup=False, soft_wrap=True)
    if lost := [change.address for change in changes if loses_data(change)]:
        err.print(f"[red]data will be lost[/]: {len(lost)} of these hold data or values", highlight=False)


def _rank(change: Change) -> int:
    word = verb(change)
    return _ORDER.index(word) if word in _ORDER else 0
