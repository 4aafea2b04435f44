"""Each function finds in its layers whatever its code imports, however late it does so, and is given no others."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache

import pytest
from tests.architecture.conftest import Module, Sources

from deploy.folders import MODULE
from deploy.layers.build import layer_pins
from deploy.layers.wheels import normalised
from deploy.packaging import OPERATORS_ROOMS

_BLOCK = re.compile(r'^module "(?P<name>\w+)" \{\n(?P<body>.*?)^\}', re.MULTILINE | re.DOTALL)
_HANDLER = re.compile(r'^  handler += "(?P<module>[a-z_.]+)\.(?:\$\{[^}]+\}|\w+)"$', re.MULTILINE)
_LAYERS = re.compile(r"^  layers += \[(?P<names>[^\]]*)\]", re.MULTILINE)
PARTS = {"core", "aws"}  # of the code, beside the function's own wing


def functions() -> dict[str, tuple[str, ...]]:
    """The layers that Terraform gives to each handler's module; *base* where it says nothing."""
    given = {}
    for path in sorted(MODULE.rglob("*.tf")):
        for block in _BLOCK.finditer(path.read_text(encoding="utf-8")):
            if handler := _HANDLER.search(block["body"]):
                layers = _LAYERS.search(block["body"])
                given[handler["module"]] = tuple(re.findall(r'"(\w+)"', layers["names"])) if layers else ("base",)
    return given


@cache  # most functions lead to the same modules
def imported(module: Module) -> tuple[str, ...]:
    """Dotted names that a module imports when it runs, at any time; what only a type checker reads is left out."""
    skipped = {
        id(child)
        for node in module.nodes
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    names: list[str] = []
    for node in module.nodes:
        if id(node) in skipped:
            continue
        match node:
            case ast.Import(names=aliases):
                names += (alias.name for alias in aliases)
            case ast.ImportFrom(module=str(parent), names=aliases):
                names += (f"{parent}.{alias.name}" for alias in aliases)
            case ast.Attribute(attr="to_pandas" | "from_pandas"):
                names.append("pandas")  # Arrow imports it
    return tuple(names)


def closure(sources: Sources, start: str) -> tuple[set[str], set[str]]:
    """Our modules that a module leads to, itself among them, and the first words of everything else."""
    ours: set[str] = set()
    others: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in ours:
            continue
        ours.add(name)
        for target in imported(sources.modules[name]):
            while "." in target and target not in sources.modules:
                target = target.rpartition(".")[0]
            if target in sources.modules:
                waiting.append(target)
            elif target not in sys.stdlib_module_names:
                others.add(target)
    return ours, others


@pytest.fixture(scope="module")
def holding() -> dict[str, str]:
    """The layer that holds each package, by its name as indexes spell it."""
    return {name: layer for layer, pins in layer_pins().items() for name in pins}


def test_terraform_deploys_every_handler(sources: Sources) -> None:
    assert set(functions()) == {name for name in sources.modules if name.endswith(".handler")}


def test_every_package_that_a_function_imports_is_in_a_layer_that_it_is_given(
    sources: Sources, holding: dict[str, str]
) -> None:
    missing = [
        f"{handler} imports {package}, of the layer {holding.get(normalised(package))}"
        for handler, layers in functions().items()
        for package in sorted(closure(sources, handler)[1])
        if holding.get(normalised(package)) not in layers
    ]
    assert missing == []


def test_no_function_is_given_a_layer_that_it_imports_nothing_of(sources: Sources, holding: dict[str, str]) -> None:
    idle = [
        f"{handler}: {layer}"
        for handler, layers in functions().items()
        for layer in layers
        if not any(holding.get(normalised(package)) == layer for package in closure(sources, handler)[1])
    ]
    assert idle == []


def test_a_function_leads_to_no_other_wing_than_its_own(sources: Sources) -> None:
    strange = {
        handler: sorted(wings - PARTS - {sources.modules[handler].wing})
        for handler in functions()
        if (wings := {sources.modules[name].wing for name in closure(sources, handler)[0]}) - PARTS
    }
    assert {handler: wings for handler, wings in strange.items() if wings} == {}


def test_no_function_leads_to_a_room_that_is_left_out_of_its_package(sources: Sources) -> None:
    rooms = tuple(room.rstrip("/").replace("/", ".") for room in OPERATORS_ROOMS)
    assert {name.rpartition(".")[0] for name in sources.modules} >= set(rooms), "a room that is no more"
    led_to = {name for handler in functions() for name in closure(sources, handler)[0]}
    assert sorted(name for name in led_to if name.startswith(rooms)) == []


# Arrow's functions that look a time zone up in the system, even where it is UTC; Lambda's may have none.
ZONED = {"strftime", "strptime", "assume_timezone", "local_timestamp", "is_dst"}


def test_no_function_asks_arrow_for_the_time_zones_of_the_system(sources: Sources) -> None:
    asked = sorted(
        f"{module.name}:{node.lineno} pc.{node.attr}"
        for module in sources
        if module.name.split(".")[0] in {"core", "processing", "auditor", "ingestion"}
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr in ZONED
        if isinstance(node.value, ast.Name) and node.value.id == "pc"
    )
    assert asked == []
