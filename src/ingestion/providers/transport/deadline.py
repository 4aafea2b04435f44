"""A bound on the whole time of a call, however slowly its answer drips.

A socket's time-out begins anew with every byte. The deadline is the calling thread's. When it is over, the connection
that the thread waits on is shut down, and whatever reads from it ends with an error.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_of_thread = threading.local()


class Deadline:
    """A span of time, from entering the block on, after which the calls of this thread are cut off."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0
        self._socket: Any = None
        self._timer = threading.Timer(seconds, self._cut_off)
        self._timer.daemon = True

    @property
    def is_over(self) -> bool:
        """Whether the time has passed."""
        return time.monotonic() >= self._until

    def __enter__(self) -> Deadline:
        self._until = time.monotonic() + self._seconds
        _of_thread.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _of_thread.deadline = None

    def watch(self, connected: Any) -> None:
        """Cut this socket off when the time is over."""
        self._socket = connected
        if self.is_over:
            self._cut_off()

    def _cut_off(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it is closed already
                self._socket.shutdown(socket.SHUT_RDWR)


def _watch(connected: Any) -> None:
    deadline = getattr(_of_thread, "deadline", None)
    if deadline is not None and connected is not None:
        deadline.watch(connected)


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        _watch(self.sock)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        _watch(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def bounded(adapter: HTTPAdapter) -> HTTPAdapter:
    """The adapter, whose direct connections heed the deadline of the thread that uses them."""
    adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return adapter
