"""The contract reference as a page of Markdown: every key of every shape, made of the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from core.reference.meanings import ABOUT, MEANINGS
from core.reference.schema import contract_schema

_HEAD = """# Contract reference

Every key that a contract may have. This page is made of the contract's own shapes (`starmend contract docs`) and held
to them by a test; so is [contract.schema.json](contract.schema.json), by which an editor that speaks
`yaml-language-server` completes and checks contracts. Their first line says where it is:

    # yaml-language-server: $schema=../docs/contract.schema.json

What the parts must be to one another (keys that are columns, references that exist, partitions that follow from the
key) no schema says: `starmend contract check` does, with the path and what would be right. What a change means for a
lake that is there: [changing-a-contract.md](changing-a-contract.md). Examples: `contracts/quotes.yaml` (a feed),
`contracts/sales.yaml` (a database).

Types are `string`, `int`, `bigint`, `boolean`, `date`, `timestamp` (an instant in UTC, microseconds), `double`, `json`
(kept as its text) and `decimal(p,s)`, in braces quoted. Durations are written `5 minutes` (seconds, minutes, hours or
days), names with small letters, digits and `_`. Where a list of names is wanted, one name alone will do.
"""


def contract_page() -> str:
    """The page."""
    schema = contract_schema()
    shapes = {"ContractShape": schema, **schema["$defs"]}
    parts = [_HEAD.rstrip(), *(section for name in ABOUT for section in _section(name, shapes[name]))]
    return "\n\n".join(parts) + "\n"


def _section(name: str, shape: Mapping[str, Any]) -> Iterator[str]:
    title, about = ABOUT[name]
    yield f"## {title}"
    yield about
    mapping = shape if "properties" in shape else shape["anyOf"][-1]
    required = set(mapping.get("required", ()))
    rows = [
        f"| `{key}` | {MEANINGS[name][key]} | {_form(part)} | {_default(part, is_required=key in required)} |"
        for key, part in mapping["properties"].items()
    ]
    yield "\n".join(["| key | means | written as | if left out |", "|---|---|---|---|", *rows])


def _form(part: Mapping[str, Any]) -> str:
    """How a value is written, in a few words."""
    if "examples" in part:
        return f"`{part['examples'][0]}`"
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "allOf" in part:
        return " or ".join(_place(chosen["then"]["$ref"]) for chosen in part["allOf"])
    if "$ref" in part:
        return _place(part["$ref"])
    options = part.get("anyOf") or part.get("oneOf")
    if options:
        forms = dict.fromkeys(_form(option) for option in options if option.get("type") != "null")
        return " or ".join(form for form in forms if form != "``")
    return _plain(part)


def _plain(part: Mapping[str, Any]) -> str:
    kind = part.get("type")
    if kind == "array":
        return "a list"
    if kind == "object":
        inner = next(iter(part.get("patternProperties", {}).values()), None) or part.get("additionalProperties")
        return f"a mapping of names; each {_form(inner)}" if isinstance(inner, dict) and inner else "a mapping"
    bounds = [str(part[name]) for name in ("minimum", "maximum") if name in part]
    words = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "`true` or `false`"}
    return words.get(str(kind), "anything") + (f", {' to '.join(bounds)}" if len(bounds) == 2 else "")


def _place(reference: str) -> str:
    return f"see {ABOUT[reference.rpartition('/')[2]][0]}"


def _default(part: Mapping[str, Any], *, is_required: bool) -> str:
    if is_required:
        return "refused"
    default = part.get("default")
    if default in (None, "", {}, []):
        return "-"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"
