"""Constraints of models: their words, and that nothing passes which botocore itself refuses."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from botocore.model import Shape, StructureShape
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings

from local.emulator.requests.constraints import message, problems
from local.emulator.requests.patterns import compiled
from local.emulator.requests.reading import service_model

PLAIN = ["a", "a" * 8, "1", "123456789012", *(f"arn:aws:{part}" for part in (
    "iam::123456789012:role/r", "s3:::bucket", "sns:us-east-1:123456789012:t", "sqs:us-east-1:123456789012:q",
    "kms:us-east-1:123456789012:key/k", "lambda:us-east-1:123456789012:layer:l:1",
    "ec2:us-east-1:123456789012:code-signing-config:csc-0123456789abcdef0",
))]  # fmt: skip
OPERATIONS = [
    ("kinesis", "PutRecords"),
    ("firehose", "PutRecordBatch"),
    ("ssm", "PutParameter"),
    ("sqs", "SendMessageBatch"),
    ("stepfunctions", "SendTaskFailure"),
    ("secretsmanager", "GetSecretValue"),
    ("athena", "StartQueryExecution"),
    ("glue", "CreateDatabase"),
    ("cloudwatch", "PutMetricData"),
    ("scheduler", "CreateSchedule"),
    ("lambda", "CreateFunction"),
    ("sns", "Publish"),
]


def shape_of(service: str, operation: str) -> StructureShape:
    shape = service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return shape


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "refusal"),
    [
        ("kinesis", "PutRecord", {"StreamName": "a b", "PartitionKey": "k", "Data": "e30="},
         "Value 'a b' at 'streamName' failed to satisfy constraint: "
         "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ("kinesis", "PutRecord", {"StreamName": "s", "PartitionKey": "", "Data": "e30="},
         "Value '' at 'partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        ("kinesis", "PutRecord", {"StreamName": "s", "PartitionKey": "k" * 257, "Data": "e30="},
         f"Value '{'k' * 200}...' at 'partitionKey' failed to satisfy constraint: "
         "Member must have length less than or equal to 256"),
        ("kinesis", "PutRecord", {"StreamName": "s", "PartitionKey": "k", "Data": "no base64"},
         "Value 'no base64' at 'data' failed to satisfy constraint: Member must be base64"),
        ("kinesis", "PutRecord", {"StreamName": "s", "PartitionKey": "k"},
         "Value null at 'data' failed to satisfy constraint: Member must not be null"),
        ("kinesis", "GetRecords", {"ShardIterator": "s", "Limit": 10_001},
         "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000"),
        ("kinesis", "GetRecords", {"ShardIterator": "s", "Limit": 1.5},
         "Value '1.5' at 'limit' failed to satisfy constraint: Member must be a whole number"),
        ("ssm", "PutParameter", {"Name": "n", "Value": "v", "Type": "Text"},
         "Value 'Text' at 'type' failed to satisfy constraint: "
         "Member must satisfy enum value set: [SecureString, String, StringList]"),
        ("ssm", "PutParameter", {"Name": "n", "Value": "v", "Overwrites": True},
         "Value at 'overwrites' failed to satisfy constraint: PutParameterRequest has no such member"),
        ("ssm", "PutParameter", {"Name": "n", "Value": "v", "Overwrite": "true"},
         "Value 'true' at 'overwrite' failed to satisfy constraint: Member must be true or false"),
        ("ssm", "PutParameter", ["n"],
         "Value '['n']' at 'body' failed to satisfy constraint: Member must be a structure"),
        ("ssm", "GetParameters", {"Names": ["n"] * 11},
         f"Value '{['n'] * 11}' at 'names' failed to satisfy constraint: "
         "Member must have length less than or equal to 10"),
        ("ssm", "GetParameters", {"Names": [1]},
         "Value '1' at 'names.1.member' failed to satisfy constraint: Member must be a string"),
        ("sns", "Publish", {"Message": "m", "MessageAttributes": {"a": {"StringValue": "x"}}},
         "Value null at 'messageAttributes.a.member.dataType' failed to satisfy constraint: Member must not be null"),
    ],
)  # fmt: skip
def test_a_broken_constraint_is_told_in_awss_words(service: str, operation: str, parameters: Any, refusal: str) -> None:
    assert problems(shape_of(service, operation), parameters) == [refusal]


def test_all_that_is_wrong_is_told_at_once() -> None:
    refusals = problems(shape_of("ssm", "PutParameter"), {"Name": "", "Type": "Text"})
    assert len(refusals) == 3
    assert message(refusals).startswith("3 validation errors detected: Value null at 'value'")
    assert message(refusals[:1]).startswith("1 validation error detected: ")


def valid(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values as they travel in JSON that keep to everything the model says."""
    least = shape.metadata.get("min", 0)
    most = min(max(least, 2), shape.metadata.get("max", 2))
    match shape.type_name:
        case "structure":
            assert isinstance(shape, StructureShape)
            names = {name: member.serialization.get("name", name) for name, member in shape.members.items()}
            needed = {names[name]: valid(shape.members[name], depth + 1) for name in shape.required_members}
            if shape.is_tagged_union:
                name = next(iter(names))
                return st.fixed_dictionaries({names[name]: valid(shape.members[name], depth + 1)})
            rest = (
                {}
                if depth > 1
                else {w: valid(shape.members[n], depth + 1) for n, w in names.items() if w not in needed}
            )
            return st.fixed_dictionaries(needed, optional=rest)
        case "list":
            return st.lists(valid(shape.member, depth + 1), min_size=least, max_size=most)  # type: ignore[attr-defined]
        case "map":
            key, value = valid(shape.key, depth + 1), valid(shape.value, depth + 1)  # type: ignore[attr-defined]
            return st.dictionaries(key, value, min_size=least, max_size=most)
        case "string":
            return strings(shape)
        case "blob":
            return st.just("e30=")
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.integers(int(least), int(min(shape.metadata.get("max", least + 9), least + 9)))
        case "float" | "double":
            return st.floats(least, shape.metadata.get("max", least + 9), allow_nan=False)
        case _:
            return st.just(1_764_000_000)


def strings(shape: Shape) -> st.SearchStrategy[str]:
    if enum := getattr(shape, "enum", None):
        return st.sampled_from(enum)
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 30)
    if pattern := shape.metadata.get("pattern"):
        if plain := [text for text in PLAIN if compiled(pattern).fullmatch(text) and least <= len(text) <= most]:
            return st.sampled_from(plain)
        return st.from_regex(compiled(pattern), fullmatch=True).filter(lambda text: least <= len(text) <= most)
    return st.text("abc", min_size=least, max_size=max(least, min(most, 30)))


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_what_keeps_to_the_model_passes_and_what_botocore_refuses_does_not(service: str, operation: str) -> None:
    shape = shape_of(service, operation)

    @settings(max_examples=8, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(valid(shape), st.data())
    def judged(parameters: dict[str, Any], data: st.DataObject) -> None:
        assert problems(shape, parameters) == []
        wires = sorted(parameters)
        name = data.draw(st.sampled_from([*wires, "NoSuchMember"]))
        damaged = {**parameters, name: data.draw(st.sampled_from([object(), [object()], {"a": object()}]))}
        assert ParamValidator().validate(damaged, shape).has_errors()
        assert problems(shape, damaged) != []
        for required in shape.required_members:
            wire = shape.members[required].serialization.get("name", required)
            assert problems(shape, {key: value for key, value in parameters.items() if key != wire}) != []

    judged()
