"""An HTTP request as the operation and parameters that the service's model describes, in each protocol that is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

# Services of the pipeline by botocore's name; the emulator's own differ for two. S3 (REST-XML) is not read: its
# requests have next to nothing that its model constrains.
SERVICES = (
    "athena", "cloudwatch", "events", "firehose", "glue", "iam", "kinesis", "kms", "lambda", "logs", "scheduler",
    "secretsmanager", "sns", "sqs", "ssm", "stepfunctions", "sts",
)  # fmt: skip
_EMULATORS = {"states": "stepfunctions", "monitoring": "cloudwatch"}
_REST = ("lambda", "scheduler")
_QUERY = ("cloudwatch", "iam", "sns", "sts")


@dataclass(frozen=True)
class Request:
    """A call as the service reads it: members by their names on the wire."""

    service: str
    operation: OperationModel
    parameters: dict[str, Any]


def read_request(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> Request | None:
    """The call; None where the service or protocol is not read, or there is no such operation."""
    service = _EMULATORS.get(service, service)
    if service not in SERVICES:
        return None
    if service in _REST:
        return _rest_request(service, method, path, headers, body, query)
    target = headers.get("x-amz-target", "")
    if target:
        return _json_request(service, target.rpartition(".")[2], body)
    if service in _QUERY and "cbor" not in headers.get("content-type", ""):
        return _query_request(service, body, query)
    return None


@cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@cache
def _operations(service: str) -> dict[str, OperationModel]:
    model = service_model(service)
    return {name: model.operation_model(name) for name in model.operation_names}


def _json_request(service: str, name: str, body: bytes) -> Request | None:
    operation = _operations(service).get(name)
    if operation is None:
        return None
    try:
        parameters = json.loads(body or b"{}")
    except ValueError:
        return None
    return Request(service, operation, parameters)


def _query_request(service: str, body: bytes, query: Mapping[str, Any]) -> Request | None:
    fields = {name: values[0] if isinstance(values, list) else values for name, values in query.items()}
    fields |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    operation = _operations(service).get(fields.pop("Action", ""))
    if operation is None:
        return None
    fields.pop("Version", None)
    shape = operation.input_shape
    return Request(service, operation, _unflattened(shape, fields) if shape else {})


def _unflattened(shape: StructureShape, fields: Mapping[str, str]) -> dict[str, Any]:
    """Members of a structure from names such as ``Tags.member.1.Key``; what belongs to none keeps its name."""
    wires = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    groups: dict[str, dict[str, str]] = {}
    for name, value in fields.items():
        first, _, rest = name.partition(".")
        groups.setdefault(first, {})[rest] = value
    return {
        first: _value(wires[first], group) if first in wires else next(iter(group.values()))
        for first, group in groups.items()
    }


def _value(shape: Shape, fields: Mapping[str, str]) -> Any:
    if isinstance(shape, StructureShape):
        return _unflattened(shape, fields)
    if isinstance(shape, ListShape):
        flat = shape.serialization.get("flattened", False)
        return [_value(shape.member, entry) for entry in _numbered(fields, None if flat else _entry(shape))]
    if isinstance(shape, MapShape):
        key, value = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
        entries = _numbered(fields, None if shape.serialization.get("flattened") else "entry")
        return {entry.get(key, ""): _value(shape.value, _below(entry, value)) for entry in entries}
    return _scalar(shape, fields.get("", next(iter(fields.values()))))


def _entry(shape: ListShape) -> str:
    return str(shape.member.serialization.get("name", "member"))


def _numbered(fields: Mapping[str, str], prefix: str | None) -> list[dict[str, str]]:
    """Entries of a list in their order: what follows ``prefix.1``, ``prefix.2``, …; an empty list has none."""
    entries: dict[int, dict[str, str]] = {}
    for name, value in fields.items():
        rest = name.removeprefix(f"{prefix}.") if prefix else name
        number, _, below = rest.partition(".")
        if number.isdigit():
            entries.setdefault(int(number), {})[below] = value
    return [entries[number] for number in sorted(entries)]


def _below(fields: Mapping[str, str], first: str) -> dict[str, str]:
    return {name[len(first) :].lstrip("."): value for name, value in fields.items() if name.split(".")[0] == first}


def _scalar(shape: Shape, text: str) -> Any:
    """A value that the wire knows only as text, of its type; as it is where it is none."""
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name in ("float", "double"):
            return float(text)
    except ValueError:
        return text
    if shape.type_name == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _rest_request(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> Request | None:
    asked = {name: values[0] if isinstance(values, list) else values for name, values in query.items()}
    for pattern, fixed, operation in _routes(service):
        fits = operation.http["method"] == method and fixed.items() <= asked.items()
        places = pattern.fullmatch(path) if fits else None
        if places and operation.input_shape:
            placed = {name: unquote(value) for name, value in places.groupdict().items()}
            parameters = _rest_parameters(operation.input_shape, placed, headers, body, query)
            return Request(service, operation, parameters) if parameters is not None else None
    return None


@cache
def _routes(service: str) -> list[tuple[re.Pattern[str], dict[str, str], OperationModel]]:
    """Path and fixed query of all operations, those with the most fixed text first.

    Lambda has two calls of one path: only ``?find=LayerVersion`` tells GetLayerVersionByArn from ListLayers.
    """
    routes = []
    for operation in _operations(service).values():
        template, _, fixed = operation.http["requestUri"].partition("?")
        parts = re.split(r"\{(\w+)(\+?)\}", template.rstrip("/"))
        text = "".join(
            re.escape(part) if number % 3 == 0 else f"(?P<{part}>{'.+' if parts[number + 1] else '[^/]+'})"
            for number, part in enumerate(parts)
            if number % 3 != 2
        )
        literal = len("".join(parts[::3]) + fixed)
        routes.append((re.compile(f"{text}/?"), dict(parse_qsl(fixed, keep_blank_values=True)), operation, literal))
    return [route[:3] for route in sorted(routes, key=lambda route: -route[3])]


def _rest_parameters(
    shape: StructureShape, placed: Mapping[str, str], headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Members from where the model says that each travels; None where the body is no JSON."""
    payload = shape.serialization.get("payload")
    parameters: dict[str, Any] = {}
    if not payload and body:
        try:
            read = json.loads(body)
        except ValueError:
            return None
        parameters = dict(read) if isinstance(read, dict) else {}
    for name, member in shape.members.items():
        wire, place = member.serialization.get("name", name), member.serialization.get("location")
        if name == payload:
            parameters[name] = body if member.type_name == "blob" else None
        elif place == "uri" and wire in placed:
            parameters[wire] = _scalar(member, placed[wire])
        elif place == "querystring" and wire in query:
            values = query[wire] if isinstance(query[wire], list) else [query[wire]]
            parameters[wire] = list(values) if member.type_name == "list" else _scalar(member, values[0])
        elif place == "header" and wire.lower() in headers:
            parameters[wire] = _scalar(member, headers[wire.lower()])
    return parameters
