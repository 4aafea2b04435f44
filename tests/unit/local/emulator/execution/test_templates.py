"""Environments that are copies: as fast as they are, none knows of another, and none has what it does not import."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.local.emulator.execution.conftest import Make

from local.emulator.execution import worker
from local.emulator.execution.templates import Fork, Template, Templates
from local.emulator.execution.worker import Environment

LAYER = {"python/heavy.py": "import os, random\nLOADED_BY = os.getpid()\nKNOWN = []", "python/other.py": "X = 1"}


@pytest.fixture(autouse=True)
def templates(monkeypatch: pytest.MonkeyPatch) -> Iterator[Templates]:
    own = Templates()
    monkeypatch.setattr(worker, "templates", own)
    yield own
    own.end()


def handler(body: str) -> dict[str, str]:
    imports = "import heavy, os, random, sys, tempfile\nfrom pathlib import Path\n"
    return {"index.py": f"{imports}def handler(event, context):\n" + textwrap.indent(textwrap.dedent(body), "    ")}


def call(environment: Environment, event: Any = None) -> Any:
    return environment.invoke(event, "request")["result"]


def only(templates: Templates) -> Template:
    [template] = [place.template for place in templates._places.values() if place.template]
    return template


def is_copy(environment: Environment) -> bool:
    return isinstance(environment._proc, Fork)


def test_the_second_environment_like_another_is_a_copy_with_what_it_imports_and_no_more(make: Make) -> None:
    code = handler(
        "return heavy.LOADED_BY, os.getpid(), sorted(name for name in sys.modules if name in ('heavy', 'other'))"
    )
    first, second, third = (make(code, layers=(LAYER,)) for _ in range(3))
    loaded_by, pid, modules = call(first)
    assert (loaded_by, is_copy(first), modules) == (pid, False, ["heavy"])
    copies = [call(second), call(third)]
    assert (is_copy(second), is_copy(third)) == (True, True)
    assert {copy[0] for copy in copies}.isdisjoint({pid, *(copy[1] for copy in copies)})
    assert [copy[1:] for copy in copies] == [[second.pid, ["heavy"]], [third.pid, ["heavy"]]]


def test_copies_share_neither_state_nor_randomness_nor_tmp_nor_variables(make: Make) -> None:
    code = handler(
        """
        heavy.KNOWN.append(1)
        before = os.listdir(tempfile.gettempdir())
        (Path(tempfile.gettempdir()) / "mine").write_text("x")
        stream = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        return len(heavy.KNOWN), before, os.environ.get("WHOSE"), random.random(), stream
        """
    )
    made = [make(code, layers=(LAYER,), Environment={"Variables": {"WHOSE": str(n)}}) for n in range(4)]
    told = [call(environment) for environment in made]
    assert [is_copy(environment) for environment in made] == [False, True, True, True]
    assert [(count, before, whose) for count, before, whose, *_ in told] == [(1, [], str(n)) for n in range(4)]
    for place in (3, 4):
        assert len({each[place] for each in told}) == 4


def test_a_copy_ends_as_any_other_environment_does(make: Make) -> None:
    code = handler("print('said'); sys.stdout.flush(); os._exit(3) if event else None; return 'alive'")
    assert call(make(code, layers=(LAYER,))) == "alive"
    copy = make(code, layers=(LAYER,))
    answer = copy.invoke(None, "request")
    assert (answer["result"], answer["log"], is_copy(copy)) == ("alive", "said", True)
    exited = copy.invoke(True, "request")["result"]
    assert "Runtime exited with error: exit status 3" in str(exited)
    assert call(copy) == "alive"
    (process := copy._proc).kill()
    assert process.wait(timeout=5) == -9


def test_where_a_template_ended_environments_start_anew(make: Make, templates: Templates) -> None:
    code = handler("return os.getpid() == heavy.LOADED_BY")
    assert call(make(code, layers=(LAYER,)))
    assert not call(make(code, layers=(LAYER,)))
    template = only(templates)
    template._process.kill()
    template._process.wait()
    assert call(make(code, layers=(LAYER,)))


def test_where_the_system_gives_no_orphans_all_start_anew(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.emulator.execution.templates._is_parent_of_orphans", lambda: False)
    code = handler("return os.getpid() == heavy.LOADED_BY")
    assert [call(make(code, layers=(LAYER,))) for _ in range(2)] == [True, True]


def test_of_many_codes_the_oldest_template_makes_room(
    make: Make, templates: Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.emulator.execution.templates._KEPT", 1)
    for number in range(2):
        code = handler("return 1") | {"more.py": f"# {number}"}
        assert [call(make(code, layers=(LAYER,))) for _ in range(2)] == [1, 1]
    only(templates)


def test_another_code_or_handler_is_not_taken_for_the_same(make: Make) -> None:
    code = handler("return os.getpid() == heavy.LOADED_BY")
    assert call(make(code, layers=(LAYER,)))
    assert call(make(code | {"more.py": ""}, layers=(LAYER,)))
