"""The emulator as a process: started, found, reset, stopped, and nothing left of it."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import psutil
import pytest
from tests.support.waiting import eventually

from core.errors import OutOfReach
from local.emulator import Emulator
from local.emulator.settings import MINISTACK_VERSION

pytestmark = pytest.mark.emulator
SOURCE = Path(__file__).resolve().parents[4] / "src"


def client(emulator: Emulator, service: str):
    return boto3.client(
        service, endpoint_url=emulator.endpoint, region_name="us-east-1", aws_access_key_id="000000000000",
        aws_secret_access_key="emulator",
    )  # fmt: skip


def with_a_lambda_worker(emulator: Emulator) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as out:
        out.writestr("index.py", "import os\ndef handler(e, c): return os.getpid()")
    functions = client(emulator, "lambda")
    functions.create_function(
        FunctionName="f", Runtime="python3.12", Role="arn:aws:iam::000000000000:role/f", Handler="index.handler",
        Code={"ZipFile": body.getvalue()},
    )  # fmt: skip
    json.load(functions.invoke(FunctionName="f")["Payload"])


def group(leader: int) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.Error):
            continue
    return found


def test_stopping_ends_the_lambda_workers_and_leaves_the_log_alone(tmp_path):
    with Emulator.start(tmp_path / "state") as emulator:
        with_a_lambda_worker(emulator)
        assert len(group(emulator.pid)) == 2
    assert group(emulator.pid) == []
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["emulator.log"]
    emulator.stop()  # again: nothing happens


def test_it_is_stopped_whatever_happens_inside(tmp_path):
    with pytest.raises(KeyboardInterrupt), Emulator.start(tmp_path) as emulator:
        raise KeyboardInterrupt
    assert group(emulator.pid) == []


def test_it_listens_on_loopback_alone(tmp_path):
    with Emulator.start(tmp_path) as emulator:
        listening = [c for c in psutil.Process(emulator.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert [(c.laddr.ip, c.laddr.port) for c in listening] == [("127.0.0.1", emulator.port)]


def test_a_detached_one_is_found_reset_and_stopped_by_a_later_process(tmp_path):
    command = (
        "from pathlib import Path; from local.emulator import Emulator; "
        f"Emulator.start(Path({str(tmp_path)!r}), detached=True)"
    )
    subprocess.run(
        [sys.executable, "-c", command], env={**os.environ, "PYTHONPATH": str(SOURCE)}, check=True, timeout=60
    )
    found = Emulator.attach(tmp_path)
    try:
        client(found, "s3").create_bucket(Bucket="kept")
        with pytest.raises(OutOfReach, match="one runs here"):
            Emulator.start(tmp_path)
        assert client(Emulator.attach(tmp_path), "s3").list_buckets()["Buckets"][0]["Name"] == "kept"
        found.reset()
        assert client(found, "s3").list_buckets()["Buckets"] == []
    finally:
        found.stop()
    assert group(found.pid) == []
    with pytest.raises(OutOfReach, match="none was started here"):
        Emulator.attach(tmp_path)


def test_it_dies_with_a_parent_that_is_killed_and_so_do_its_workers(tmp_path):
    command = (
        "import time; from pathlib import Path; from local.emulator import Emulator; "
        f"Emulator.start(Path({str(tmp_path)!r})); print('up', flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", command], env={**os.environ, "PYTHONPATH": str(SOURCE)}, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    emulator = Emulator.attach(tmp_path)
    with_a_lambda_worker(emulator)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    eventually(lambda: group(emulator.pid) == [], within=5)
    with pytest.raises(OutOfReach, match="it has ended"):
        Emulator.attach(tmp_path)
    with Emulator.start(tmp_path):
        pass  # what the dead one left is no hindrance


def test_one_that_hangs_is_stopped_all_the_same(tmp_path):
    emulator = Emulator.start(tmp_path, detached=True)
    os.kill(emulator.pid, signal.SIGSTOP)
    try:
        Emulator(tmp_path, json.loads((tmp_path / "emulator.json").read_text())).stop()
    finally:
        emulator.stop()
    assert group(emulator.pid) == []


def test_stopping_spares_a_process_that_was_given_the_same_id(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    record = {"pid": other.pid, "port": 1, "endpoint": "http://127.0.0.1:1", "token": "of an emulator that ended"}
    Emulator(tmp_path, record).stop()
    assert other.poll() is None
    other.communicate(b"\n")


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OutOfReach, match=f"127.0.0.1:{port}"):
            Emulator.start(tmp_path, port=port)


def test_another_version_of_ministack_is_refused_with_one_clear_line(tmp_path):
    metadata = tmp_path / "site" / "ministack-1.5.34.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 1.5.34\n")
    path = os.pathsep.join([str(tmp_path / "site"), str(SOURCE)])
    refused = subprocess.run(
        [sys.executable, "-m", "local.emulator.launch", "--listener", "0", "--token", "t"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert refused.stderr == (
        f"the emulator needs ministack {MINISTACK_VERSION}, but 1.5.34 is installed: "
        "install what requirements.lock names\n"
    )


def test_the_environment_points_terraform_and_boto3_here_and_reads_no_configuration_of_the_users(tmp_path):
    with Emulator.start(tmp_path) as emulator:
        environment = emulator.environment()
    assert environment["AWS_ENDPOINT_URL"] == emulator.endpoint
    assert environment["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
