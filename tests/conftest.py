"""Distribution of the tests: ``make test`` runs them in three processes on two cores, one of which mostly waits.

Tests of one file stay together, for they share what the file starts (an emulator, a database); all tests of the shared
stack stay together, whatever their file, so that the real Terraform is applied once. They are the longest chain and
come first: whatever is left then fills the cores to the end. Those that share a plan or a browser stay together too.
"""

from __future__ import annotations

import atexit
import functools
import gc
import os
import types
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import botocore.client
import botocore.endpoint_provider
import botocore.hooks
import botocore.loaders
import botocore.session
import pytest
from hypothesis import settings
from tests.support.rewriting import rewrite_share

# A property is true or false; how long an example takes on a busy machine is neither. `make test` has the same examples
# every time, so that nobody meets a fault that is not his; `make chaos` (`properties`) has others at each seed.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("brief", deadline=None, derandomize=True, max_examples=10)
settings.register_profile("fresh", deadline=None, max_examples=100)
settings.load_profile("house")

STACK_SECONDS = 1_800
NICE = 5
# Terraform's provider loads its schemas at each command, and a sixth of that is garbage collection (Go's default: 100).
os.environ.setdefault("GOGC", "400")


class _Paths(list[str]):
    """Folders with descriptions of services: boto3 adds its own in every session that it makes."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


@functools.cache
def _descriptions(path: str | None = None) -> botocore.loaders.Loader:
    """AWS's descriptions of its services, read once a run.

    Each command that a test gives makes a session of its own, which would read them anew: 250 ms for S3 alone.
    """
    loader = botocore.loaders.create_loader(path)
    loader._search_paths = _Paths(loader.search_paths)
    return loader


def _remember_names_and_handlers() -> None:
    """What each new session computes anew of the same events and handlers: a third of its 30 ms, and of a client's."""
    names: dict[str, str] = {}
    aliaser, stock = botocore.hooks.EventAliaser.__init__, botocore.hooks.accepts_kwargs
    known = functools.cache(stock)

    def begin(self: Any, emitter: Any, event_aliases: Any = None) -> None:
        aliaser(self, emitter, event_aliases)
        if self._event_aliases == botocore.hooks.EVENT_ALIASES:
            self._alias_name_cache = names

    def accepts(handler: Any) -> Any:
        function = getattr(handler, "__func__", handler)
        # Of a client's own handlers, which go with it, nothing is kept.
        is_lasting = isinstance(function, types.FunctionType) and function.__closure__ is None
        return known(function) if is_lasting else stock(handler)

    botocore.hooks.EventAliaser.__init__ = begin
    botocore.hooks.accepts_kwargs = accepts


def _remember_rules_and_methods() -> None:
    """What each new client computes anew of its service's description: a half of it, and a command makes several."""
    rules: dict[int, tuple[Any, Any]] = {}  # by the description's id, which is kept with them
    methods: dict[int, tuple[Any, Any]] = {}
    read, create = botocore.endpoint_provider.EndpointProvider.__init__, botocore.client.ClientCreator._create_methods

    def provide(self: Any, ruleset_data: Any, partition_data: Any, excluded_params: Any = None) -> None:
        if id(ruleset_data) not in rules:
            read(self, ruleset_data, partition_data, excluded_params)
            rules[id(ruleset_data)] = ruleset_data, self.ruleset
        self.ruleset = rules[id(ruleset_data)][1]
        self._excluded_params = excluded_params or frozenset()

    def create_once(self: Any, service_model: Any) -> Any:
        description = service_model._service_description
        if id(description) not in methods:
            methods[id(description)] = description, create(self, service_model)
        return dict(methods[id(description)][1])

    botocore.endpoint_provider.EndpointProvider.__init__ = provide
    botocore.client.ClientCreator._create_methods = create_once


botocore.session.create_loader = _descriptions
_remember_names_and_handlers()
_remember_rules_and_methods()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Nothing that is imported or collected goes again: no search for garbage meanwhile."""
    gc.disable()
    rewrite_share(session.config)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was imported and collected stays: no garbage collection goes through it, a tenth of the CPU.

    Nor do the five at the end of the session, which look for what was not closed. When the process ends all of it is
    freed as ever, for libraries complain of what is not.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    atexit.register(gc.unfreeze)
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked long alone, as `make chaos` does")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes that are no text do not name a test: what gzip writes holds the second, and processes differ in it."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


@functools.lru_cache(maxsize=1)  # a file's tests are collected one after the other
def _below(file: Path, root: Path) -> str:
    return str(file.relative_to(root))


def pytest_itemcollected(item: pytest.Item) -> None:
    # Not when all are collected: by then pytest-xdist has read the marks.
    file = _below(item.path, item.config.rootpath)
    used = getattr(item, "fixturenames", ())
    shared = next((name for name in ("stack", "browser") if name in used), file)
    if file.startswith("tests/terraform/") and "account" in used:  # one provider for all of them
        shared = "terraform"
    item.add_marker(pytest.mark.xdist_group(shared))
    if item.get_closest_marker("stack") and not item.get_closest_marker("timeout"):
        # Whoever comes first waits for the stack, which a fresh checkout on a busy machine starts in ten minutes.
        item.add_marker(pytest.mark.timeout(STACK_SECONDS))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The shared stack first, then what starts a stack of its own (``--no-loadscope-reorder`` keeps this order)."""
    wanted = config.getoption("--long")
    left_out = [item for item in items if wanted != (item.get_closest_marker("long") is not None)]
    out = set(left_out)
    items[:] = [item for item in items if item not in out]
    config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: (not _shares_the_stack(item), item.get_closest_marker("stack") is None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """What a test leaves in its process's environment ends with it: another file spoke to an emulator that was gone."""
    before = dict(os.environ)
    try:
        return (yield)
    finally:
        if os.environ != before:
            os.environ.clear()
            os.environ.update(before)


@functools.cache
def _step_back() -> None:
    """Take what others leave, for the rest of this process.

    Where Linux shares the processor out among sessions (autogroups, sched(7)), a process's own niceness counts within
    its session alone, and most of the chain's processes have one each: so this process gets one too, and all of it is
    nice. A step of the chain's then waits a third less for its turn.
    """
    os.nice(NICE)
    with suppress(OSError):  # it leads a session already, or the system knows no such thing
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(NICE), encoding="ascii")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Beside the tests of the shared stack, the longest chain, all others take what it leaves: it is not the last."""
    if hasattr(item.config, "workerinput") and not _shares_the_stack(item):
        _step_back()


def _shares_the_stack(item: pytest.Item) -> bool:
    return "stack" in getattr(item, "fixturenames", ())
