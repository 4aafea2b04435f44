"""Main program of the emulator's process: MiniStack with its patches, on the socket that the parent listens on.

``python -m local.emulator.launch --listener FD --token T [--lifeline FD]``. Ends on SIGTERM, and, when it has a
lifeline (the read end of a pipe), as soon as the other end is closed: the parent has ended, however it did.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from local.emulator.process import IDENTITY
from local.emulator.settings import MINISTACK_VERSION, Settings

log = logging.getLogger("starmend.emulator")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listener", type=int, required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--lifeline", type=int)
    arguments = parser.parse_args()
    if arguments.lifeline is not None:
        # Before anything slow: a parent may die while we import.
        threading.Thread(target=_end_with_parent, args=(arguments.lifeline,), daemon=True, name="lifeline").start()
    refuse_other_versions()
    settings = Settings.take_from(os.environ)
    os.environ.pop("PYTHONPATH", None)

    from local.emulator.patches import apply_all

    apply_all(settings)
    _keep_what_was_imported()
    asyncio.run(_serve(arguments.listener, arguments.token))
    _end_workers()


def _keep_what_was_imported() -> None:
    """No search for garbage goes through the modules again, and one begins at thousands of objects, not at hundreds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def refuse_other_versions() -> None:
    """Exit unless MiniStack has the version whose internals the patches are written for."""
    try:
        installed = version("ministack")
    except PackageNotFoundError:
        installed = "none"
    if installed != MINISTACK_VERSION:
        sys.exit(
            f"the emulator needs ministack {MINISTACK_VERSION}, but {installed} is installed: "
            "install what requirements.lock names"
        )


async def _serve(listener: int, token: str) -> None:
    """Answer until a signal comes.

    By uvicorn: MiniStack's own Hypercorn takes more of the processor than MiniStack itself, for what a stack does is
    small requests, by the ten thousand, over connections that stay.
    """
    import uvicorn
    from ministack import app as ministack

    config = uvicorn.Config(
        _with_identity(ministack.app, token),
        loop="asyncio",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # what uvicorn ended for, it raises again: our workers are to end first
    await uvicorn.Server(config).serve(sockets=[socket.socket(fileno=listener)])


def _with_identity(app: Any, token: str) -> Any:
    """Answer :data:`IDENTITY` with the token, so that a later process knows this emulator from another on its port."""

    async def identified(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != IDENTITY:
            await app(scope, receive, send)
            return
        body = json.dumps({"token": token, "pid": os.getpid(), "ministack": MINISTACK_VERSION}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return identified


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns only when the last writer, our parent, has closed its end or died
    os.killpg(0, signal.SIGKILL)  # the Lambda workers too: the group is ours alone


def _end_workers() -> None:
    from ministack.core import lambda_runtime

    lambda_runtime.reset()
    logging.shutdown()
    os._exit(0)  # threads of MiniStack's that wait for a queue or a timer would hold the interpreter


if __name__ == "__main__":
    main()
