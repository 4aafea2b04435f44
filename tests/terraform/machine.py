"""Planned state machines, read by validators that we did not write, and by rules of our own.

``statelint`` (after awslabs/statelint) knows the language's fields, types and references between states; the schema
that cfn-lint carries is AWS's own. Neither knows our functions, nor what time-outs are for.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema.validators import validator_for
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType
from tests.terraform.planned import Resource, short, texts

# https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
INTRINSIC = frozenset(
    re.findall(
        r"\w+",
        """
    Array ArrayPartition ArrayContains ArrayRange ArrayGetItem ArrayLength ArrayUnique Base64Encode
    Base64Decode Hash JsonMerge StringToJson JsonToString MathRandom MathAdd StringSplit UUID Format
    """,
    )
)
ERRORS = frozenset(
    re.findall(
        r"\w+",
        """
    ALL BranchFailed DataLimitExceeded ExceedToleratedFailureThreshold HeartbeatTimeout IntrinsicFailure
    ItemReaderFailed NoChoiceMatched ParameterPathFailure Permissions QueryEvaluationError
    ResultPathMatchFailure ResultWriterFailed Runtime TaskFailed Timeout
    """,
    )
)
CONTEXT = {"Execution", "State", "StateMachine", "Task", "Map"}
LONGEST = 99_999_999  # seconds of a time-out or a wait


@cache
def _schema() -> Any:
    # cfn-lint itself is not imported, for it brings sympy and networkx.
    spec = importlib.util.find_spec("cfnlint")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    [package] = map(Path, spec.submodule_search_locations)
    schema = json.loads((package / "data/schemas/other/step_functions/statemachine.json").read_text(encoding="utf-8"))
    return validator_for(schema)(schema)


def machines(planned: Sequence[Resource]) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in planned:
        if resource.type == "aws_sfn_state_machine":
            yield short(resource.address), json.loads(resource.values["definition"])


def validate(planned: Sequence[Resource]) -> Iterator[str]:
    """What the two validators say; that AWS takes a whole number for a back-off rate, the first does not know."""
    for address, definition in machines(planned):
        problems = Linter.validate(definition, Config({ProblemType.FLOAT}))
        yield from (f"{address}: {problem}" for problem in problems)
        for error in _schema().iter_errors(definition):
            yield f"{address}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def rules(planned: Sequence[Resource]) -> Iterator[str]:
    """Every task ends and calls what is planned; tokens are given; paths, functions and errors exist."""
    known = {
        value for resource in planned for value in (resource.values.get("arn"), resource.values.get("url")) if value
    }
    for address, definition in machines(planned):
        if not isinstance(definition.get("Comment", ""), str):
            yield f"{address}: a comment that is no text"
        for name, state in _states(definition):
            where = f"{address}: {name}"
            if state["Type"] == "Task":
                yield from (f"{where}: {text}" for text in _task(state, known))
            if state["Type"] == "Wait" and not 0 <= state.get("Seconds", 0) <= LONGEST:
                yield f"{where}: waits {state['Seconds']} s"
            if len(name) > 80:
                yield f"{where}: a name of more than 80 characters"
            for handler in (*state.get("Retry", ()), *state.get("Catch", ())):
                yield from (f"{where}: {text}" for text in _errors(handler))
            yield from (f"{where}: {text}" for text in _paths(state))


def _states(definition: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in definition["States"].items():
        yield name, state
        for inner in (
            *state.get("Branches", ()),
            *(state[key] for key in ("ItemProcessor", "Iterator") if key in state),
        ):
            yield from _states(inner)


def _task(state: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    if not 1 <= state.get("TimeoutSeconds", 0) <= LONGEST:
        yield "a task without a time-out can wait for a year"
    resource = state["Resource"]
    if resource.startswith("arn:") and ":states:::" not in resource and resource not in known:
        yield f"calls {resource}, which is not planned"
    if resource.endswith(".waitForTaskToken") and "$$.Task.Token" not in set(texts(state.get("Parameters", {}))):
        yield "waits for a token that it gives to nobody"
    if (url := state.get("Parameters", {}).get("QueueUrl")) and url not in known:
        yield f"sends to {url}, which is not planned"


def _errors(handler: Mapping[str, Any]) -> Iterator[str]:
    names = handler["ErrorEquals"]
    for name in names:
        if name.startswith("States.") and name.removeprefix("States.") not in ERRORS:
            yield f"{name} is no error of Step Functions"
    if "States.ALL" in names and len(names) > 1:
        yield "States.ALL stands with others"
    if (
        handler.get("MaxAttempts", 1) > LONGEST
        or handler.get("BackoffRate", 2) < 1
        or handler.get("IntervalSeconds", 1) < 1
    ):
        yield "a retry that cannot be"


def _paths(state: Mapping[str, Any]) -> Iterator[str]:
    """Where a field's name ends in ``.$`` its value is a path, a path of the context, or an intrinsic function."""
    for key, value in _fields(
        {name: part for name, part in state.items() if name not in ("ItemProcessor", "Iterator", "Branches")}
    ):
        if not key.endswith(".$"):
            if isinstance(value, str) and value.startswith(("$.", "$$.")) and key[0].islower():
                yield f"{key} is the text {value}: its name lacks .$"
            continue
        function = re.match(r"States\.(\w+)\(.*\)$", value)
        context = re.match(r"\$\$\.(\w+)", value)
        if function and function[1] not in INTRINSIC:
            yield f"{value} is no intrinsic function"
        elif context and context[1] not in CONTEXT:
            yield f"{value} is not in the context"
        elif not (function or context or value.startswith("$")):
            yield f"{value} is no path"


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield key, part
            yield from _fields(part)
    elif isinstance(value, list):
        for part in value:
            yield from _fields(part)
