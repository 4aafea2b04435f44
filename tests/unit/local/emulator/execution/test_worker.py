"""What an execution environment gives a function and what it refuses, shut in and on machines that cannot do that."""

from __future__ import annotations

import errno
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.unit.local.emulator.execution.conftest import Make

from deploy.layers.bytecode import compiled
from local.emulator.execution.bootstrap import ERROR_KEY
from local.emulator.execution.python import function_python
from local.emulator.execution.worker import READ_ONLY, Environment, last

shut_in = pytest.mark.parametrize("make", ["shut in"], indirect=True)
open_to_all = pytest.mark.parametrize("make", ["open"], indirect=True)


def handler(body: str) -> dict[str, str]:
    return {"index.py": "def handler(event, context):\n" + textwrap.indent(textwrap.dedent(body), "    ")}


def call(environment: Environment, event: Any = None) -> Any:
    return environment.invoke(event, "request")["result"]


def error(environment: Environment, event: Any = None) -> tuple[str, str]:
    failure = call(environment, event)[ERROR_KEY]
    return failure["errorType"], failure["errorMessage"]


def test_what_only_development_has_cannot_be_imported(make: Make) -> None:
    for package in ("hypothesis", "pytest", "pydantic", "core", "pip"):
        environment = make({"index.py": f"import {package}\ndef handler(event, context): return 1"})
        message = f"Unable to import module 'index': No module named '{package}'"
        assert error(environment) == ("Runtime.ImportModuleError", message)


def test_code_comes_before_layers_and_a_later_layer_over_an_earlier(make: Make) -> None:
    environment = make(
        {"index.py": "import a, b, c\ndef handler(event, context): return [a.X, b.X, c.X]", "a.py": "X = 'code'"},
        layers=(
            {"python/a.py": "X = 'first'", "python/b.py": "X = 'first'", "python/c.py": "X = 'first'"},
            {"python/a.py": "X = 'second'", "python/b.py": "X = 'second'"},
        ),
    )
    assert call(environment) == ["code", "second", "first"]


def test_the_standard_library_is_lambdas_and_nothing_else_is_on_the_path(make: Make) -> None:
    version = function_python().version
    path = call(make(handler("import sys; return sys.path"), layers=({"python/a.py": ""},)))
    assert [Path(entry).name for entry in path[1:3]] == ["site-packages", "python"]
    assert all(f"python{version}" in entry or f"python{version.replace('.', '')}" in entry for entry in path[3:])
    assert not any("site-packages" in entry or "dist-packages" in entry for entry in path[3:])


@shut_in
def test_code_and_layers_are_read_only_also_for_root(make: Make) -> None:
    body = """
        import errno
        refused = []
        for name in ("/var/task/index.py", "/var/task/new", "/opt/python/a.py", "/opt/new", "/new", "/etc/new"):
            try:
                open(name, "a")
            except OSError as refusal:
                refused.append(errno.errorcode[refusal.errno])
        return refused
    """
    refused = call(make(handler(body), layers=({"python/a.py": ""},)))
    assert refused == ["EROFS"] * 6


def test_compiled_code_of_a_layer_is_what_runs(make: Make) -> None:
    """As on AWS, where a layer cannot be compiled once it is there: the source beside it is another on purpose."""
    ((name, code),) = compiled({"python/thing.py": b"X = 'compiled'"}, Path(function_python().executable)).items()
    environment = make(
        {"index.py": "import thing\ndef handler(event, context): return thing.X"},
        layers=({"python/thing.py": "X = 'read'", name: code},),
    )
    assert call(environment) == "compiled"


@shut_in
def test_nothing_of_the_developers_is_there(make: Make) -> None:
    body = """
        import os
        there = [os.path.exists(name) for name in event]
        return there, *(sorted(os.listdir(folder)) for folder in ("/var", "/opt", "/tmp"))
    """
    private = [
        __file__,
        str(Path.home() / ".aws"),
        sys.prefix,
    ]
    assert call(make(handler(body)), private) == [[False] * 3, ["task"], [], []]


@open_to_all
def test_a_write_to_the_code_or_a_layer_fails_the_invocation_and_is_undone(make: Make) -> None:
    files = handler("import a; open(event, 'a').write('#') if event else None; return a.X, a.__file__, __file__")
    environment = make(files, layers=({"python/a.py": "X = 1"},))
    _, in_layer, in_code = call(environment)
    for written in (in_layer, in_code, f"{Path(in_layer).parent}/new", f"{Path(in_code).parent}/index.pyc"):
        kind, message = error(environment, written)
        assert (kind, Path(message.rsplit(" ")[-1]) in Path(written).parents) == (READ_ONLY, True)
        assert call(environment) == [1, in_layer, in_code]
        assert not Path(written).exists() or not Path(written).read_text().endswith("#")


def test_every_environment_has_a_tmp_of_its_own_that_lasts_as_long_as_it_does(make: Make) -> None:
    body = """
        import os, tempfile
        before = os.listdir(tempfile.gettempdir())
        open(tempfile.gettempdir() + "/" + event, "w").write("x")
        return before
    """
    first, second = make(handler(body)), make(handler(body))
    assert [call(first, "a"), call(first, "b"), call(second, "c")] == [[], ["a"], []]


@shut_in
def test_tmp_is_as_large_as_the_ephemeral_storage_that_is_set(make: Make) -> None:
    body = """
        import os
        file = os.open("/tmp/big", os.O_CREAT | os.O_WRONLY)
        os.posix_fallocate(file, 0, 1 << 20)
        try:
            os.posix_fallocate(file, 0, event << 20)
        except OSError as refusal:
            return refusal.errno
    """
    assert call(make(handler(body)), 513) == errno.ENOSPC
    assert call(make(handler(body), EphemeralStorage={"Size": 700}), 513) is None


def test_more_memory_than_the_function_has_ends_it_and_the_next_call_gets_a_new_one(make: Make) -> None:
    body = "import time; kept = b'x' * (event << 20); time.sleep(event / 100); return len(kept) >> 20"
    environment = make(handler(body), MemorySize=128)
    assert call(environment, 40) == 40
    before = environment.pid
    assert error(environment, 300) == (
        "Runtime.ExitError",
        "RequestId: request Error: Runtime exited with error: signal: killed",
    )
    assert last.peak > 128 << 20
    assert call(environment, 40) == 40
    assert environment.pid != before


def test_a_peak_too_short_to_be_seen_by_looking_is_seen_by_its_mark(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.emulator.execution.memory.SECONDS", 60)
    assert error(make(handler("return len(b'x' * (300 << 20))"), MemorySize=128))[0] == "Runtime.ExitError"


def test_the_time_out_is_enforced(make: Make) -> None:
    environment = make(handler("import time; time.sleep(event); return event"), Timeout=1)
    result = environment.invoke(30, "request")
    assert (result["status"], result["error"]) == ("error", "Task timed out after 1.00 seconds")
    assert call(environment, 0) == 0


def test_a_module_that_never_ends_times_out_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.emulator.execution.worker.INIT_SECONDS", 0.5)
    environment = make({"index.py": "import time\nprint('before')\ntime.sleep(30)"}, Timeout=1)
    result = environment.invoke(None, "request")
    assert result["result"][ERROR_KEY] == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "Task timed out after 1.00 seconds",
    }
    assert result["log"] == "before"


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_how_the_process_ended_is_told(make: Make, ending: str, reason: str) -> None:
    body = f"import os, sys; {ending}"
    assert error(make(handler(body))) == ("Runtime.ExitError", f"RequestId: request Error: {reason}")
    assert error(make({"index.py": body})) == ("Runtime.ExitError", f"RequestId: request Error: {reason}")


def test_a_handler_that_is_not_there_and_a_module_that_is_no_python_are_named(make: Make) -> None:
    assert error(make({"index.py": ""})) == ("Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'")
    assert error(make({"index.py": "def"}))[0] == "Runtime.UserCodeSyntaxError"
    assert error(make({"index.py": "raise LookupError('gone')"})) == ("LookupError", "gone")


def test_an_answer_beyond_six_megabytes_is_refused(make: Make) -> None:
    environment = make(handler("return 'x' * event"))
    assert len(call(environment, 6_291_554)) == 6_291_554
    assert error(environment, 6_291_555)[0] == "Function.ResponseSizeTooLarge"


def test_what_a_function_writes_to_its_streams_is_its_log_and_never_its_answer(make: Make) -> None:
    body = """
        import os, sys
        print("printed")
        os.write(1, b'{"status": "ok", "result": "forged"}\\n')
        sys.stderr.write("without an end")
        return sys.stdin.read()
    """
    result = make(handler(body)).invoke(None, "request")
    assert result["result"] == ""
    assert result["log"].splitlines() == ["printed", '{"status": "ok", "result": "forged"}', "without an end"]


def test_the_context_says_who_is_asked_and_how_long_there_is(make: Make) -> None:
    body = """
        left = context.get_remaining_time_in_millis()
        return context.function_name, context.memory_limit_in_mb, context.aws_request_id, context.log_group_name, left
    """
    *names, left = call(make(handler(body), LoggingConfig={"LogGroup": "/logs/own"}))
    assert names == ["function", "256", "request", "/logs/own"]
    assert 15_000 < left <= 20_000


def test_only_lambdas_variables_and_the_functions_own_are_set(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "AWS_PROFILE", "VIRTUAL_ENV", "SOMETHING_OF_THE_DEVELOPERS"):
        monkeypatch.setenv(name, "/nowhere")
    environment = make(
        handler("import os; return dict(os.environ)"),
        Environment={"Variables": {"OWN": "value", "AWS_REGION": "reserved", "TZ": "Europe/Rome"}},
    )
    variables = call(environment)
    assert {"PYTHONPATH", "AWS_PROFILE", "VIRTUAL_ENV", "SOMETHING_OF_THE_DEVELOPERS", "HOME"}.isdisjoint(variables)
    expected = {
        "OWN": "value", "TZ": "Europe/Rome", "AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "_HANDLER": "index.handler",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{function_python().version}",
    }  # fmt: skip
    assert expected.items() <= variables.items()
