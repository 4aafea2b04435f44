"""What a plan would make, as plain resources, and a state in which all of it stands already.

A plan over an empty state leaves open whatever AWS gives: ARNs, and every grant that names them. So that grants can be
read whole, :func:`standing` makes the state of another deployment out of a plan in which all is known: the same
resources under the other's names. What they hold does not matter, for the plan over it computes that again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests.support.planning import ACCOUNT

PROVIDER = 'provider["registry.terraform.io/hashicorp/aws"]'

# The last part of an ARN, by what a resource's name is, for what a plan does not know the ARN of yet.
ARNS = {
    "aws_athena_workgroup": "athena:{region}:{account}:workgroup/{name}",
    "aws_cloudwatch_log_group": "logs:{region}:{account}:log-group:{name}",
    "aws_glue_catalog_database": "glue:{region}:{account}:database/{name}",
    "aws_iam_policy": "iam::{account}:policy/{name}",
    "aws_iam_role": "iam::{account}:role/{name}",
    "aws_kinesis_firehose_delivery_stream": "firehose:{region}:{account}:deliverystream/{name}",
    "aws_kinesis_stream": "kinesis:{region}:{account}:stream/{name}",
    "aws_kms_key": "kms:{region}:{account}:key/12345678-1234-1234-1234-123456789012",
    "aws_lambda_function": "lambda:{region}:{account}:function:{function_name}",
    "aws_lambda_layer_version": "lambda:{region}:{account}:layer:{layer_name}:1",
    "aws_s3_bucket": "s3:::{bucket}",
    "aws_secretsmanager_secret": "secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "aws_sfn_state_machine": "states:{region}:{account}:stateMachine:{name}",
    "aws_sns_topic": "sns:{region}:{account}:{name}",
    "aws_sqs_queue": "sqs:{region}:{account}:{name}",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as it will be; what the plan cannot know yet is null in ``values``."""

    address: str
    type: str
    values: dict[str, Any]
    unknown: dict[str, Any]

    def knows(self, attribute: str) -> bool:
        return not self.unknown.get(attribute)


def resources(shown: Mapping[str, Any]) -> list[Resource]:
    """The managed resources of a plan, in Terraform's own form, as they will be."""
    return [
        Resource(change["address"], change["type"], change["change"]["after"], change["change"]["after_unknown"])
        for change in shown["resource_changes"]
        if change["mode"] == "managed" and change["change"]["after"] is not None
    ]


def standing(shown: Mapping[str, Any], *, renamed: Mapping[str, str], keyed: Mapping[str, Iterable[str]]) -> str:
    """A state file in which the planned resources stand under other names.

    Texts that are one of the names of ``renamed`` are replaced, and parts of texts where the name has a hyphen, an
    underscore or a slash. An instance whose key is among ``keyed`` is there once for each of the names given for it
    (none: not at all), with the key replaced in its texts.
    """
    grouped: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for planned in _planned(shown["planned_values"]["root_module"]):
        if planned["type"] == "terraform_data":  # Terraform's own, of another form in a state
            continue
        module = planned["address"].split(f"{planned['type']}.{planned['name']}")[0].rstrip(".")
        place = (module, planned["type"], planned["name"])
        grouped.setdefault(place, []).extend(_instances(planned, renamed, keyed))
    document = {
        "version": 4,
        "terraform_version": shown["terraform_version"],
        "serial": 1,
        "lineage": "12345678-1234-1234-1234-123456789012",
        "outputs": {},
        "resources": [
            {
                **({"module": module} if module else {}),
                "mode": "managed",
                "type": kind,
                "name": name,
                "provider": PROVIDER,
                "instances": instances,
            }
            for (module, kind, name), instances in grouped.items()
            if instances
        ],
        "check_results": None,
    }
    return json.dumps(document)


def _planned(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (planned for planned in module.get("resources", ()) if planned["mode"] == "managed")
    for child in module.get("child_modules", ()):
        yield from _planned(child)


def _instances(
    planned: Mapping[str, Any], renamed: Mapping[str, str], keyed: Mapping[str, Iterable[str]]
) -> Iterator[dict[str, Any]]:
    key = planned.get("index")
    for name in keyed.get(key, (key,)) if isinstance(key, str) else (key,):
        values = replaced(planned["values"], renamed, {} if name == key else {str(key): str(name)})
        _fill(planned["type"], values)
        yield {
            **({} if name is None else {"index_key": name}),
            "schema_version": planned["schema_version"],
            "attributes": values,
            "sensitive_attributes": [],
        }


def replaced(value: Any, renamed: Mapping[str, str], keys: Mapping[str, str] = MappingProxyType({})) -> Any:
    """A value with the texts in it under other names, by the rule of :func:`standing`."""
    if isinstance(value, str):
        if value in renamed:
            return renamed[value]
        parts = {old: new for old, new in renamed.items() if re.search("[-_/]", old)}
        for old, new in {**parts, **keys}.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, list):
        return [replaced(part, renamed, keys) for part in value]
    if isinstance(value, dict):
        return {name: replaced(part, renamed, keys) for name, part in value.items()}
    return value


def _fill(kind: str, values: dict[str, Any]) -> None:
    """Give a resource the ARN and the id that AWS would have given it, where the plan does not know them."""
    if kind in ARNS and not values.get("arn"):
        region = values.get("region") or "us-east-1"
        values["arn"] = "arn:aws:" + ARNS[kind].format(region=region, account=ACCOUNT, **values)
    names = ("bucket", "function_name", "name", "arn")
    values["id"] = values.get("id") or next((values[name] for name in names if values.get(name)), "there")


def texts(value: Any) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts(part)


def short(address: str) -> str:
    """An address whose keys are cut, for messages."""
    return re.sub(r'"([^"]{20})[^"]*"', r'"\1…"', address)
