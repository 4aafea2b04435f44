"""The JSON schema of a contract, for editors: which keys there are and what they may hold, as they are written.

It refuses what is misspelt or of another form. What the parts must be to one another only ``core.authoring.rules``
knows: ``starmend contract check``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.authoring import declare
from core.reference.meanings import ABOUT, MEANINGS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
_ENTITIES: Schema = {
    "anyOf": [
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True},
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"minLength": 1},
            "additionalProperties": {"anyOf": [{"$ref": "#/$defs/EntityShape"}, {"type": "null"}]},
        },
    ]
}


def contract_schema() -> Schema:
    """The schema of one file."""
    schema = declare.ContractShape.model_json_schema(by_alias=True)
    definitions: dict[str, Schema] = schema.pop("$defs")
    definitions["ContractShape"] = schema
    for name, definition in definitions.items():
        _describe(name, definition)
    definitions["FeedShape"]["properties"]["entities"] |= _ENTITIES
    definitions["FeedShape"]["properties"]["entities"].pop("type", None)
    for name in ("additionalProperties", "minProperties", "propertyNames"):
        definitions["FeedShape"]["properties"]["entities"].pop(name, None)
    definitions["EntityShape"]["additionalProperties"] = {"type": ["string", "number"]}
    definitions["FieldShape"]["properties"]["type"] = _type(nullable=True) | _said("FieldShape", "type")
    _also(definitions, "FieldShape", _type(nullable=True))
    _also(definitions, "ColumnShape", _type(nullable=False))
    _also(definitions, "ProviderShape", *_provider_forms(definitions["ProviderShape"]))
    whole = definitions.pop("ContractShape")
    whole["properties"]["source"] = _by_kind(whole["properties"]["source"])
    tables = whole["properties"]["warehouse"]["patternProperties"]
    tables |= {pattern: _by_kind(table) for pattern, table in tables.items()}
    return {"$schema": DIALECT, "title": "A contract of Starmend", **whole, "$defs": dict(sorted(definitions.items()))}


def _describe(name: str, definition: Schema) -> None:
    """Say what the shape and its keys mean, in place of what pydantic makes of names and docstrings."""
    definition.pop("title", None)
    definition["description"] = ABOUT.get(name, ("", ""))[1]
    for key, part in definition.get("properties", {}).items():
        part.pop("title", None)
        part |= _said(name, key)
        if "patternProperties" in part:
            part["additionalProperties"] = False  # a name of another form is none
        if part.get("type") == "string" and isinstance(part.get("default"), int):
            part["default"] = _duration(part["default"])


def _duration(seconds: int) -> str:
    """Seconds as they are written: ``10 minutes``."""
    units = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
    unit, size = next(((unit, size) for unit, size in units if seconds and not seconds % size), units[-1])
    number = seconds // size
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _said(shape: str, key: str) -> Schema:
    return {"description": MEANINGS.get(shape, {}).get(key, "")}


def _type(*, nullable: bool) -> Schema:
    pattern = declare.TYPE_PATTERN
    return {"type": "string", "pattern": f"^{pattern}{'[?]*' if nullable else ''}$"}


def _by_kind(part: Schema) -> Schema:
    """A union told apart by ``kind``, so that what is wrong is named at its own place and not as "none of these"."""
    union = part if "discriminator" in part else next(each for each in part["anyOf"] if "discriminator" in each)
    mapping = union["discriminator"]["mapping"]
    chosen = [
        {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": {"$ref": reference}}
        for kind, reference in mapping.items()
    ]
    about = {"description": part["description"]} if "description" in part else {}
    return about | {
        "type": ["object", "null"] if union is not part else "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(mapping)}},
        "allOf": chosen,
    }


def _also(definitions: Mapping[str, Schema], name: str, *forms: Schema) -> None:
    """Let a shape be written in other forms too."""
    definition = definitions[name]
    mapping = dict(definition)
    definition.clear()
    definition["description"] = mapping.pop("description")
    definition["anyOf"] = [*forms, mapping]


def _provider_forms(provider: Schema) -> Iterator[Schema]:
    kinds = provider["properties"]["kind"]["enum"]
    yield {"enum": kinds}
    yield {
        "type": "object",
        "properties": {kind: {"type": "object"} for kind in kinds},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
