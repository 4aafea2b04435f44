"""The whole pipeline on one machine, started once and shared by every scenario of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.checkouts import checkout_elsewhere
from tests.support.commands import Command, commands
from tests.support.provider import standing_provider
from tests.support.sessions import Hour, session_hour
from tests.support.state import Resource, managed

from deploy.terraform import Change, Terraform, emulator_backend
from local.emulator import ACCOUNT, REGION
from local.provisioning import RUNNING_PROVIDERS, STATE_BUCKET, Plan
from local.stack import Stack
from local.trading import feed_of

ORDERS = 3_000
POINTS = 5_000  # of a feed that one audit reads: ranges of more than seven hours are asked of Athena
# What a deployment waits for by the minute, a scenario waits for by the second.
VARIABLES = {"audit_limits": {"points": POINTS}, "audit_wait_seconds": 3, "proof": {"enabled": True}}
PLAN = Plan(
    sales_orders=ORDERS,
    firehose_scale=0.01,
    alarm_scale=0.05,
    alarm_seconds=1,
    canaries=True,
    margin=1,
    variables=VARIABLES,
)
# A provider's account before there is an emulator, which no call can leave.
EMULATED = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": ACCOUNT,
    "AWS_SECRET_ACCESS_KEY": "emulator",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
_PACKAGE = """
import json, sys
from pathlib import Path
from deploy.layers.build import plan_layers
from deploy.packaging import build_code_zip, layer_variable
from local.emulator.execution.python import function_python
contracts, folder = map(Path, sys.argv[1:])
code = build_code_zip(folder / "code.zip", contracts)
layers = plan_layers(folder / "layers", function_python().platform)
assert not any(layer.file.exists() for layer in layers)
print(json.dumps({"code_zip": code.variable, "layer_zips": layer_variable(layers)}))
"""
# What every scenario of the shared stack asked AWS for is judged after the last of them.
_LAST, _JUDGES = "test_a_symbol_is_added.py", "test_least_privilege.py"
_SCENARIOS = {
    path.name for path in Path(__file__).parent.glob("test_*.py") if "stack: Stack" in path.read_text(encoding="utf-8")
} - {_JUDGES}
_are_long: dict[str, list[bool]] = {}  # of each file's scenarios, those of `make chaos` among them
_passed: set[str] = set()


def pytest_itemcollected(item: pytest.Item) -> None:
    if "stack" in getattr(item, "fixturenames", ()):
        _are_long.setdefault(item.path.name, []).append(item.get_closest_marker("long") is not None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (item.path.name == _JUDGES, item.path.name == _LAST))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _passed.add(report.nodeid)


@pytest.fixture
def unfinished(request: pytest.FixtureRequest) -> list[str]:
    """Files of stack scenarios that have not passed as a whole in this run, by name; no file of `make chaos` alone.

    All tests of the stack run in one process (tests/conftest.py), also where pytest-xdist has several.
    """
    shared = [
        item
        for item in request.session.items
        if "stack" in getattr(item, "fixturenames", ()) and item.path.name != _JUDGES
    ]
    failed = {item.path.name for item in shared if item.nodeid not in _passed}
    left_out = {name for name, are_long in _are_long.items() if all(are_long)}
    return sorted(failed | (_SCENARIOS - {item.path.name for item in shared} - left_out))


@dataclass(frozen=True)
class Switch:
    """What switching the schedules on would change, and the state that it would lead to."""

    changes: tuple[Change, ...]
    resources: list[Resource]


@pytest.fixture(scope="session")
def switched_on(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Switch:
    """A plan with the schedules on, from another checkout, in which no layer was built.

    Nothing else differs, so it is also the second plan of an unchanged deployment.
    """
    copy = checkout_elsewhere(tmp_path_factory.mktemp("elsewhere"))
    _, variables = stack.terraform({"schedules_enabled": True})
    command = [sys.executable, "-c", _PACKAGE, variables["contracts_file"], str(copy / "build")]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=True)
    provider = {name: os.environ[name] for name in (RUNNING_PROVIDERS,) if name in os.environ}
    terraform = Terraform(copy / "terraform", copy / "build/terraform", stack.emulator.environment() | provider)
    terraform.init(emulator_backend(stack.emulator.endpoint, STATE_BUCKET, REGION))
    plan = terraform.plan(variables | json.loads(done.stdout))
    return Switch(plan.changes, list(managed({"values": plan.values})))


@pytest.fixture(scope="session")
def resources(stack: Stack) -> list[Resource]:
    """The state's resources, which are the same until a scenario of `make chaos` applies another contract."""
    terraform, _ = stack.terraform()
    return list(managed(terraform.state()))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The emulator with the real Terraform applied, a small sales source, the market.

    All commands of Terraform speak to one provider: where the emulator is, their variables tell it.
    """
    folder = tmp_path_factory.mktemp("provider")
    with standing_provider(folder, EMULATED) as provider, pytest.MonkeyPatch.context() as patched:
        for name, value in provider.items():
            patched.setenv(name, value)
        with Stack.up(tmp_path_factory.mktemp("build"), PLAN) as running:
            yield running


@pytest.fixture(scope="session")
def hour(stack: Stack) -> Hour:
    """Hours of one session that is over: the same one in the whole run, although another may end meanwhile."""
    _, calendar = feed_of(stack)
    return lambda number: session_hour(calendar, number, now=PLAN.now)


@pytest.fixture(autouse=True)
def _market_as_found(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each scenario, also one that failed, the stack's market shows the time and has no faults."""
    shared: Stack | None = request.getfixturevalue("stack") if "stack" in request.fixturenames else None
    yield
    if shared is not None:
        shared.market.heal()
        shared.market.clock.real()


@pytest.fixture
def starmend(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """In a folder in which nothing was built: all that it knows is where the stack is."""
    (local := tmp_path / "build/local").mkdir(parents=True)
    stack.deployment.remember(local)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STARMEND_DEPLOYMENT", raising=False)
    for name, value in stack.deployment.aws_environment.items():
        monkeypatch.setenv(name, value)
    for name in ("POWERTOOLS_METRICS_DISABLED", "POWERTOOLS_SERVICE_NAME"):
        monkeypatch.setenv(name, "true")
    return commands(monkeypatch, capsys)
