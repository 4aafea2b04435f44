"""What the Lambda Developer Guide says of Python functions, seen through boto3."""

from __future__ import annotations

import http.server
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import boto3
import pytest
from tests.support.waiting import eventually
from tests.unit.local.emulator.functions import ROLE, archive, create, invoke

pytestmark = pytest.mark.emulator

CODE = """
import os, sys
class SourceOnFire(Exception):
    pass
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if event.get("raise"):
        print("about to fail")
        raise SourceOnFire("smoke")
    if event.get("unserialisable"):
        return {"o": object()}
    if event.get("exit"):
        os._exit(3)
    if event.get("print"):
        for number in range(event["print"]):
            print("line", number)
    import core
    return {"calls": calls, "core": core.__file__, "path": sys.path, "environment": dict(os.environ), "who": who()}
def who():
    try:
        import shared
        return shared.WHO
    except ImportError:
        return None
"""


@pytest.fixture(scope="module")
def function(session: boto3.Session) -> str:
    create(session, "plain", {"index.py": CODE, "core/__init__.py": "", "shared.py": "WHO = 'function'"})
    return "plain"


def lines_of(session: boto3.Session, name: str) -> list[str]:
    events = session.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return [event["message"] for event in events]


def test_the_error_type_is_the_exceptions_class_and_the_environment_stays_warm(session, function):
    before = invoke(session, function)["calls"]
    failed = invoke(session, function, **{"raise": True})
    assert (failed["errorType"], failed["errorMessage"]) == ("SourceOnFire", "smoke")
    assert any("SourceOnFire" in frame for frame in failed["stackTrace"])
    assert invoke(session, function)["calls"] == before + 2
    logged = lines_of(session, function)
    assert "about to fail" in logged
    assert "[ERROR] SourceOnFire: smoke" in logged


def test_a_result_that_is_no_json_is_a_marshal_error(session, function):
    assert invoke(session, function, unserialisable=True)["errorType"] == "Runtime.MarshalError"


def test_a_process_that_ends_is_an_exit_error_and_the_next_call_gets_a_new_one(session, function):
    assert invoke(session, function, exit=True)["errorType"] == "Runtime.ExitError"
    assert invoke(session, function)["calls"] == 1


def test_a_module_that_cannot_be_imported_is_named(session):
    create(session, "broken", {"index.py": "import nowhere_to_be_found"})
    failed = invoke(session, "broken")
    assert failed["errorType"] == "Runtime.ImportModuleError"
    assert failed["errorMessage"] == "Unable to import module 'index': No module named 'nowhere_to_be_found'"


def test_the_functions_own_code_wins_over_the_projects_source_tree(session, function):
    answer = invoke(session, function)
    assert answer["core"] == "/var/task/core/__init__.py"
    assert not any(path.endswith(("/src", "-packages")) for path in answer["path"][3:])


def test_a_package_that_the_zip_lacks_is_missing_though_the_source_tree_has_it(session):
    create(session, "incomplete", {"index.py": "import processing\ndef handler(e, c): return 1"})
    assert invoke(session, "incomplete")["errorType"] == "Runtime.ImportModuleError"


def test_the_functions_code_comes_before_its_layers_and_layers_before_the_rest(session):
    layer = session.client("lambda").publish_layer_version(
        LayerName="deps",
        Content={"ZipFile": archive({"python/shared.py": "WHO = 'layer'", "python/orjson.py": "WHO = 'layer'"})},
    )["LayerVersionArn"]
    files = {
        "index.py": "import shared, orjson\ndef handler(e, c): return [shared.WHO, orjson.WHO]",
        "shared.py": "WHO = 'code'",
    }
    create(session, "layered", files, Layers=[layer])
    assert invoke(session, "layered") == ["code", "layer"]


def test_a_function_inherits_nothing_of_the_callers_aws_set_up(session, function):
    environment = invoke(session, function)["environment"]
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert environment["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert not {"AWS_CA_BUNDLE", "AWS_PROFILE", "PYTHONPATH", "PYTEST_CURRENT_TEST"} & set(environment)
    assert not [name for name in environment if name.startswith("STARMEND_")]


def test_every_line_printed_belongs_to_the_log_when_the_answer_is_there(session, function):
    invoke(session, function, print=500)
    assert [line for line in lines_of(session, function) if line.startswith("line ")] == [
        f"line {n}" for n in range(500)
    ]


def test_a_warm_call_takes_milliseconds(session, function):
    def seconds() -> float:
        started = time.perf_counter()
        invoke(session, function)
        return time.perf_counter() - started

    # Stock waits 50 ms for logs in every call; a busy machine makes many calls slow, but not each of so many.
    assert any(seconds() < 0.05 for _ in range(200))


def test_step_functions_catch_an_error_by_its_class(session, function):
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True,
            "Parameters": {"FunctionName": function, "Payload": {"raise": True}},
            "Catch": [{"ErrorEquals": ["SourceOnFire"], "Next": "Caught"}]}  # fmt: skip
    states = {"Try": task, "Caught": {"Type": "Pass", "Result": "caught", "End": True}}
    client = session.client("stepfunctions")
    machine = client.create_state_machine(
        name="catches", roleArn=ROLE, definition=json.dumps({"StartAt": "Try", "States": states})
    )["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine)["executionArn"]
    done = eventually(
        lambda: (d := client.describe_execution(executionArn=execution))["status"] != "RUNNING" and d, within=10
    )
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", "caught")


WAITING = """
import json, os, urllib.request
def handler(event, context):
    if event.get("ask"):
        urllib.request.urlopen(event["ask"], timeout=60).read()
    return os.environ.get("RELEASE")
"""


class Gate:
    """An address on loopback that answers once it is opened; ``reached`` when somebody waits there."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                gate.reached.set()
                gate.opened.wait(60)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.opened.set()
        self._server.shutdown()
        self._server.server_close()


def test_an_invocation_under_way_ends_as_it_began_while_its_function_is_updated(session):
    create(session, "waiting", {"index.py": WAITING}, Environment={"Variables": {"RELEASE": "old"}})
    session.client("lambda").update_function_configuration(FunctionName="waiting", Timeout=90)
    gate = Gate()
    with ThreadPoolExecutor(1) as beside, closing(gate):
        answer = beside.submit(invoke, session, "waiting", ask=gate.url)
        assert gate.reached.wait(60)
        session.client("lambda").update_function_configuration(
            FunctionName="waiting", Environment={"Variables": {"RELEASE": "new"}}
        )
        body = archive({"index.py": WAITING + "# a release"})
        session.client("lambda").update_function_code(FunctionName="waiting", ZipFile=body)
        assert invoke(session, "waiting") == "new"
        gate.opened.set()
        assert answer.result(60) == "old"
