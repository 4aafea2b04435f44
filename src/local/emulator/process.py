"""The emulator's process, from outside: start it, attach to it, reset it, stop it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from core.errors import OutOfReach
from local.emulator import decisions
from local.emulator.execution.python import function_python
from local.emulator.settings import Settings
from local.processes import marked

HOST = "127.0.0.1"
ACCOUNT = "000000000000"
REGION = "us-east-1"
IDENTITY = "/_starmend/identity"
SOURCE_ROOT = Path(__file__).resolve().parents[2]

_SECRET = "emulator"
_RECORD = "emulator.json"
LOG = "emulator.log"
_READY_SECONDS = 60
_TERM_SECONDS = 4
_KILL_SECONDS = 5
# All that a Lambda may inherit from the machine: where programs and shared libraries are, and how to read text.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT")


class Emulator:
    """A running emulator; everything it writes lies below its state directory.

    Used as a context manager it is stopped at the end, whatever happened inside. An emulator that was not started
    ``detached`` also ends (with its Lambda workers) when the process that started it dies, by SIGKILL too.
    """

    def __init__(self, state_dir: Path, record: dict[str, Any], process: subprocess.Popen[bytes] | None = None) -> None:
        self.state_dir = state_dir
        self.pid: int = record["pid"]
        self.port: int = record["port"]
        self.endpoint: str = record["endpoint"]
        self._token: str = record["token"]
        self._process = process
        self._lifeline: int | None = None

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        port: int = 0,
        firehose_scale: float = 0.1,
        alarm_seconds: float = 5,
        alarm_scale: float = 1,
        s3_scale: float = 0,
        as_on_aws: bool = False,
        layers: Path | None = None,
        detached: bool = False,
    ) -> Emulator:
        """Start an emulator on loopback and return when it answers; port 0 takes a free one.

        ``as_on_aws``: IAM decides about every call of a role (kept by :mod:`local.emulator.decisions`). ``layers``: the
        folder in which functions' layers stay unpacked for later emulators too.

        Raises :class:`OutOfReach` when one runs in this state directory already, when the port is taken, or when the
        child ends before it answers (the message then holds the last line of its log).
        """
        state_dir = state_dir.resolve()
        _refuse_second(state_dir)
        for folder in ("tmp", "home", "s3", "state"):
            (state_dir / folder).mkdir(parents=True, exist_ok=True)
        token = secrets.token_hex(16)
        settings = Settings(
            firehose_scale=firehose_scale,
            alarm_seconds=alarm_seconds,
            alarm_scale=alarm_scale,
            s3_scale=s3_scale,
            decisions=str(state_dir / decisions.FILE) if as_on_aws else "",
            python=json.dumps(vars(function_python())),
            layers=str(layers.resolve()) if layers else "",
            folder=str(state_dir),
        )
        # The parent listens and the child serves: the first request waits in the socket's queue until the child is
        # ready, so nothing has to be polled, and no other process can take the port in between.
        with _listener(port) as listener, (state_dir / LOG).open("ab") as log:
            port = listener.getsockname()[1]
            read_end, write_end = os.pipe()
            kept_fds = [listener.fileno()] if detached else [listener.fileno(), read_end]
            arguments = ["--listener", str(listener.fileno()), "--token", token]
            arguments += [] if detached else ["--lifeline", str(read_end)]
            process = subprocess.Popen(
                [sys.executable, "-m", "local.emulator.launch", *arguments],
                cwd=state_dir,
                env=_clean_environment(state_dir, port, settings) | settings.to_environment() | marked(state_dir),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=kept_fds,
                start_new_session=True,
            )
            os.close(read_end)
        record = {"pid": process.pid, "port": port, "endpoint": f"http://{HOST}:{port}", "token": token}
        emulator = cls(state_dir, record, process)
        if detached:
            os.close(write_end)
        else:
            emulator._lifeline = write_end
        try:
            _write_record(state_dir, record)
            if not emulator._answers(within=_READY_SECONDS):
                raise OutOfReach("start the emulator", str(state_dir / LOG), _last_line(state_dir / LOG))
        except BaseException:  # also Ctrl-C: a child that nobody knows of must not stay behind
            emulator.stop()
            raise
        return emulator

    @classmethod
    def attach(cls, state_dir: Path) -> Emulator:
        """The emulator that another process started in this directory; :class:`OutOfReach` when there is none."""
        state_dir = state_dir.resolve()
        try:
            record = json.loads((state_dir / _RECORD).read_text())
            emulator = cls(state_dir, record)
        except FileNotFoundError:
            raise OutOfReach("attach to the emulator", str(state_dir), "none was started here", "make up") from None
        except (ValueError, KeyError, TypeError) as error:
            place, problem = str(state_dir / _RECORD), f"is not whole: {error!r}"
            raise OutOfReach("attach to the emulator", place, problem, "make down, then make up") from error
        if not emulator._answers(within=5):
            raise OutOfReach("attach to the emulator", emulator.endpoint, "it has ended", "make down, then make up")
        return emulator

    def environment(self) -> dict[str, str]:
        """Variables that point boto3, the AWS command line and Terraform's provider here and nowhere else.

        No configuration of the user's is read. A caller that has AWS_PROFILE set must unset it.
        """
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def reset(self) -> None:
        """Empty every service; Lambda workers end. Milliseconds, where a restart takes a second."""
        request = urllib.request.Request(f"{self.endpoint}/_ministack/reset", method="POST")
        with _opener().open(request, timeout=30):
            pass

    def stop(self) -> None:
        """End it and its Lambda workers, wait until they are gone, remove what it wrote but for its log.

        Idempotent. Raises :class:`OutOfReach` when a process outlives SIGKILL.
        """
        leader = _group(self.pid)[:1] if self._lives() else []
        _signal(leader, signal.SIGTERM)
        psutil.wait_procs(leader, timeout=_TERM_SECONDS)
        members = _group(self.pid) if leader else []
        _signal(members, signal.SIGKILL)
        _, members = psutil.wait_procs(members, timeout=_KILL_SECONDS)
        if self._process is not None:
            self._process.wait(timeout=_KILL_SECONDS)
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if members:
            raise OutOfReach("stop the emulator", str([m.pid for m in members]), "still alive after SIGKILL")
        (self.state_dir / _RECORD).unlink(missing_ok=True)
        for folder in ("tmp", "home", "s3", "state"):
            shutil.rmtree(self.state_dir / folder, ignore_errors=True)

    def __enter__(self) -> Emulator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _lives(self) -> bool:
        """Whether the process still is the one that was started, answering or hung; its id may be another's by now."""
        try:
            return self._token in psutil.Process(self.pid).cmdline()
        except psutil.Error:
            return False

    def _answers(self, *, within: float) -> bool:
        """Whether this very emulator, and no later process on the same port, answers."""
        try:
            with _opener().open(f"{self.endpoint}{IDENTITY}", timeout=within) as answer:
                return bool(json.load(answer).get("token") == self._token)
        except (OSError, urllib.error.URLError, ValueError):
            return False


def _opener() -> urllib.request.OpenerDirector:
    """An opener without proxies: loopback needs none, whatever the environment says."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _refuse_second(state_dir: Path) -> None:
    try:
        running = Emulator.attach(state_dir)
    except OutOfReach:
        return
    raise OutOfReach("start the emulator", str(state_dir), f"one runs here at {running.endpoint}", "make down")


@contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise OutOfReach("start the emulator", f"{HOST}:{port}", str(error), "Choose a free port") from error
        listener.listen(512)
        yield listener


def _clean_environment(state_dir: Path, port: int, settings: Settings) -> dict[str, str]:
    """The child's environment, without the caller's AWS set-up, certificates, proxies and Python paths."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        "TZ": "UTC",
        "TMPDIR": str(state_dir / "tmp"),
        "HOME": str(state_dir / "home"),
        "STATE_DIR": str(state_dir / "state"),
        "S3_DATA_DIR": str(state_dir / "s3"),
        "PYTHONPATH": str(SOURCE_ROOT),  # for the launcher alone, which takes it away from the Lambdas
        "PYTHONUNBUFFERED": "1",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AUTH": "true" if settings.decisions else "false",
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        # MiniStack removes leftover containers at start and end: not on this machine, which may run another MiniStack.
        "DOCKER_HOST": f"unix://{state_dir / 'no-docker'}",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _write_record(state_dir: Path, record: dict[str, Any]) -> None:
    unfinished = state_dir / f"{_RECORD}.{os.getpid()}"
    unfinished.write_text(json.dumps(record))
    unfinished.replace(state_dir / _RECORD)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it ended without a word"


def _group(leader: int) -> list[psutil.Process]:
    """The live members of a process group, its leader first. The emulator leads the group of its Lambda workers."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return sorted(members, key=lambda member: member.pid != leader)


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
