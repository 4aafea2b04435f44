"""Program of one execution environment: shut itself in, import the handler, answer events.

``python -I -S bootstrap.py``, from the standard library alone, since it runs under the functions' Python. The first
line of its input is the set-up, each later one an invocation; an answer is one line of its output. What the function
prints goes to the error output. ``--probe FOLDER`` says what this Python is and whether it can shut itself in.

Shut in, it has a root of its own (mount namespace; also a user namespace where it is not root's): the system's programs
and libraries, the code at ``/var/task``, the layers at ``/opt``, a ``/tmp`` that ends where the function's ephemeral
storage does. All but ``/tmp`` is mounted read-only, which binds root too. The system's
time zones are hidden, for not every image of Lambda's has had any.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

END_OF_LOG = "\x1e end of invocation"
ERROR_KEY = "\x1e error"
RESPONSE_LIMIT = 6_291_556  # bytes of a synchronous answer ("Lambda quotas")

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_KEPT = 1 | 2 | 4 | 8 | 1024 | 2048  # read-only, no suid, devices, programs, access times: a remount may drop none
_SYSTEM = ("usr", "lib", "lib32", "lib64", "bin", "sbin", "etc", "nix", "proc", "sys")
_DEVICES = ("null", "zero", "full", "random", "urandom")


def main() -> None:
    if sys.argv[1:2] == ["--probe"]:
        sys.stdout.write(json.dumps(_probe(Path(sys.argv[2]))))
        return
    os.environ.pop("STARMEND_LOCAL_FOLDER", None)  # whoever looks for this process reads what it was started with
    requests, replies = _take_standard_streams()
    setup = json.loads(requests.readline())
    try:
        if setup["root"]:
            shut_in(setup)
        handler = _initialise(setup)
    except Exception as error:  # noqa: BLE001  # whatever a module raises while it is imported
        _answer(replies, {"status": "error", "error": json.dumps(_init_failure(setup, error))})
        return
    _answer(replies, {"status": "ready"})
    for line in requests:
        message = json.loads(line)
        answer = _invoke(handler, message["event"], Context(setup, message["ctx"]))
        sys.stdout.flush()
        sys.stderr.write(END_OF_LOG + "\n")
        sys.stderr.flush()
        _answer(replies, {"status": "ok", "result": answer})


class Context:
    """The handler's second argument."""

    identity = None
    client_context = None

    def __init__(self, setup: dict[str, Any], invocation: dict[str, Any]) -> None:
        self._deadline = time.monotonic() + invocation["timeout_ms"] / 1000
        self.function_name = setup["function_name"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = str(setup["memory"])
        self.invoked_function_arn = invocation["invoked_function_arn"]
        self.aws_request_id = invocation["request_id"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        for name, value in (("_X_AMZN_TRACE_ID", invocation["trace_id"]), (setup["depth"][0], invocation["depth"])):
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = str(value)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class HandlerNotFound(Exception):
    """The module has no handler of that name."""


def _take_standard_streams() -> tuple[IO[str], IO[str]]:
    """The protocol's two ends, taken off the numbers 0 and 1, which a function may use as it likes."""
    requests, replies = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return requests, replies


def _answer(replies: IO[str], message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def _initialise(setup: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """The handler, found as Lambda finds it: the code before the layers, the layers before the runtime."""
    os.chdir(setup["task"])
    layers, version = setup["opt"], f"python{sys.version_info[0]}.{sys.version_info[1]}"
    sys.path[:0] = [setup["task"], f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"]
    sys.dont_write_bytecode = True  # packages bring theirs; what has none is compiled at each cold start, as on Lambda
    path, _, name = setup["handler"].rpartition(".")
    module = importlib.import_module(path.replace("/", "."))
    _mark_nested_calls(*setup["depth"])
    if not hasattr(module, name):
        raise HandlerNotFound(f"Handler '{name}' missing on module '{path}'")
    handler: Callable[[Any, Any], Any] = getattr(module, name)
    return handler


def _mark_nested_calls(variable: str, header: str) -> None:
    """Have calls of the SDK carry the depth of the invocation that makes them: so MiniStack ends recursive loops."""
    handlers: Any = sys.modules.get("botocore.handlers")
    if handlers is None:
        return

    def add(params: dict[str, Any], **_: Any) -> None:
        depth = os.environ.get(variable)
        if depth and header not in params["headers"]:
            params["headers"][header] = depth

    handlers.BUILTIN_HANDLERS.append(("before-call", add))


def _init_failure(setup: dict[str, Any], error: Exception) -> dict[str, Any]:
    module = setup["handler"].rpartition(".")[0]
    if isinstance(error, HandlerNotFound):
        return _failure(error, "Runtime.HandlerNotFound")
    if isinstance(error, ImportError):
        return _failure(error, "Runtime.ImportModuleError", f"Unable to import module '{module}': {error}")
    if isinstance(error, SyntaxError):
        return _failure(error, "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}")
    return _failure(error)


def _invoke(handler: Callable[[Any, Any], Any], event: Any, context: Context) -> Any:
    try:
        result = handler(event, context)
    except Exception as error:  # noqa: BLE001  # it is the caller's
        return {ERROR_KEY: _failure(error)}
    try:
        size = len(json.dumps(result))
    except (TypeError, ValueError) as error:
        return {ERROR_KEY: _failure(error, "Runtime.MarshalError", f"Unable to marshal response: {error}")}
    if size > RESPONSE_LIMIT:
        text = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
        return {ERROR_KEY: {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text}}
    return result


def _failure(error: Exception, kind: str | None = None, message: str | None = None) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    return {
        "errorType": kind or type(error).__name__,
        "errorMessage": message or str(error),
        "stackTrace": traceback.format_list(own),
    }


def _probe(folder: Path) -> dict[str, str]:
    """What this Python is, and why it cannot shut itself in ("": it can)."""
    for name in ("root", "code"):
        (folder / name).mkdir(parents=True)
    setup = {"root": f"{folder}/root", "code": f"{folder}/code", "layers": None, "tmp_mb": 1}
    reason = ""
    try:
        shut_in(setup)
        importlib.import_module("sqlite3")  # needs libraries of the system's and of Python's
    except Exception as error:  # noqa: BLE001  # said to whoever starts the stack
        reason = f"{type(error).__name__}: {error}"
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"executable": sys.executable, "version": version, "open_because": reason}


def shut_in(setup: dict[str, Any]) -> None:
    """Exchange the root for one that holds what Lambda's does. Only the process that does so sees any of it."""
    root = Path(setup["root"])
    resolver = Path("/etc/resolv.conf").resolve()
    _unshare()
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    (root / "tmp").mkdir()
    _mount("tmpfs", root / "tmp", "tmpfs", _NOSUID | _NODEV, f"size={setup['tmp_mb']}m,mode=1777")
    for folder in (Path("/") / name for name in _SYSTEM):
        if folder.is_symlink():
            (root / folder.name).symlink_to(folder.readlink())
        elif folder.is_dir():
            _bind(folder, _below(root, folder))
    for name in _DEVICES:
        _bind(Path("/dev") / name, root / "dev" / name, writable=True)
    for library in {Path(sys.base_prefix), Path(sys.base_exec_prefix)}:
        if library.parts[1] not in _SYSTEM:
            _bind(library, _below(root, library))
    if resolver.is_file() and resolver.parts[1] not in _SYSTEM:
        _bind(resolver, _below(root, resolver))
    _hide(root / "usr/share/zoneinfo", root / "mnt")
    _bind(Path(setup["code"]), root / "var/task")
    (root / "opt").mkdir(exist_ok=True)
    for entry in Path(setup["layers"]).iterdir() if setup["layers"] else ():
        _bind(entry, root / "opt" / entry.name)
    _mount(None, root, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chroot(root)
    os.chdir("/")


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _unshare() -> None:
    user, group = os.getuid(), os.getgid()
    if _libc("unshare", _CLONE_NEWNS):
        return
    if not _libc("unshare", _CLONE_NEWNS | _CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "this system gives a process no namespace of its own")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path("/proc/self", name).write_text(text, encoding="ascii")


def _bind(source: Path, target: Path, *, writable: bool = False) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(source, target, None, _BIND | _REC)
    if not writable:
        _mount(None, target, None, _REMOUNT | _BIND | _RDONLY | os.statvfs(target).f_flag & _KEPT)


def _hide(folder: Path, nothing: Path) -> None:
    if folder.is_dir():
        nothing.mkdir(parents=True, exist_ok=True)
        _bind(nothing, folder)


def _mount(source: Path | str | None, target: Path | str, kind: str | None, flags: int, options: str = "") -> None:
    places = [os.fsencode(text) if text is not None else None for text in (source, target, kind)]
    if not _libc("mount", *places, ctypes.c_ulong(flags), os.fsencode(options) or None):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source or ''} at {target}: {os.strerror(number)}")


def _libc(name: str, *arguments: Any) -> bool:
    """Whether a call of the C library succeeded."""
    return bool(getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == 0)


if __name__ == "__main__":
    try:
        main()
    except SystemExit as leaving:  # at once: the interpreter's own way out closes the streams long before it ends
        sys.stderr.flush()
        os._exit(leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None))
