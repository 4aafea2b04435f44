"""The rooms of the house: who may import whom, and how much a room may hold (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

from tests.architecture.conftest import SRC, Sources

WINGS = {
    "core",
    "aws",
    "ingestion",
    "processing",
    "auditor",
    "notary",
    "mirror",
    "deploy",
    "cli",
    "local",
    "starmend_reader",
}
LAMBDAS = {"ingestion", "processing", "auditor", "notary", "mirror"}
MAY_IMPORT = {
    "core": set(),
    "aws": {"core"},
    "ingestion": {"core"},
    "processing": {"core"},
    "auditor": {"core"},
    "notary": {"core"},
    "mirror": {"core"},
    "starmend_reader": {"core"},
    "deploy": {"core", "aws"},
    "local": {"core", "aws", "deploy", *LAMBDAS},
    "cli": {"core", "aws", "deploy", "local", *LAMBDAS},
}
SHELLS = {"handler.py", "runtime.py"}  # a function's entry, and the one place that builds its clients
SDK = {"boto3", "botocore", "s3transfer"}
MOST_MODULES = 12  # loose ones in a room
FLAT = {"aws", "cli"}  # a file per service, a file per command


def test_a_wing_imports_only_from_wings_below(sources: Sources) -> None:
    wrong = [
        f"{module} imports {name}"
        for module in sources
        for name in sorted(sources.imports(module))
        if (wing := name.split(".")[0]) in WINGS
        and wing != module.wing
        and wing not in MAY_IMPORT[module.wing]
        and not (wing == "aws" and module.wing in LAMBDAS and module.path.name in SHELLS)
    ]
    assert wrong == []


def test_every_module_belongs_to_a_wing(sources: Sources) -> None:
    assert {module.wing for module in sources} == WINGS


def test_rooms_and_modules_of_every_level_import_in_one_direction(sources: Sources) -> None:
    """At each level a room counts as one, with all that lies in it, beside the loose modules of that level."""
    arrows: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for module in sources:
        for imported in sources.imports(module):
            if imported not in sources.modules or imported == module.name:
                continue
            ours, theirs = module.name.split("."), imported.split(".")
            shared = 0
            while shared < min(len(ours), len(theirs)) and ours[shared] == theirs[shared]:
                shared += 1
            if shared < len(ours) and shared < len(theirs):
                arrows[".".join(ours[:shared])][ours[shared]].add(theirs[shared])
    cycles = []
    for level, graph in arrows.items():
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            cycles.append(f"{level or 'src'}: {' <- '.join(error.args[1])}")
    assert cycles == []


def test_no_room_holds_more_than_a_dozen_loose_modules(sources: Sources) -> None:
    rooms: dict[str, int] = defaultdict(int)
    for module in sources:
        if not module.is_package:
            rooms[module.name.rpartition(".")[0]] += 1
    assert {room: count for room, count in rooms.items() if count > MOST_MODULES and room not in FLAT} == {}


def test_nobody_imports_relatively(sources: Sources) -> None:
    wrong = [
        f"{module}:{node.lineno}"
        for module in sources
        for node in module.nodes
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert wrong == []


def test_only_the_aws_wing_and_the_local_stack_know_the_sdk(sources: Sources) -> None:
    wrong = [str(module) for module in sources if module.wing not in ("aws", "local") and sources.imports(module) & SDK]
    assert wrong == []


def test_core_knows_no_clock_and_no_environment(sources: Sources) -> None:
    reads = {"os.environ", "os.getenv", "time.time", "datetime.now", "dt.datetime.now", "date.today", "dt.date.today"}
    wrong = [
        f"{module}:{node.lineno}"
        for module in sources
        if module.wing == "core"
        for node in module.nodes
        if isinstance(node, ast.Attribute) and ast.unparse(node) in reads
    ]
    assert wrong == []


def test_every_handler_is_thin(sources: Sources) -> None:
    lines = {str(path.relative_to(SRC)): len(path.read_text().splitlines()) for path in SRC.rglob("handler.py")}
    assert len(lines) >= 8
    assert {path: count for path, count in lines.items() if count >= 40} == {}
