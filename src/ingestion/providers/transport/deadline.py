"""A bound on the whole time of a call, however slowly its answer drips.

A socket's time-out begins anew with every byte. The deadline is the calling thread's. When it is over, the connection
that the thread waits on is shut down, and whatever reads from it ends with an error.
"""

from __future__ import annotations

import contextlib
import math
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
        self._socket: Any = None
        self.until = 0.0
        """In seconds of ``time.monotonic``."""

    @property
    def is_over(self) -> bool:
        """Whether the time has passed."""
        return time.monotonic() >= self.until

    def __enter__(self) -> Deadline:
        self.until = time.monotonic() + self._seconds
        _of_thread.deadline = self
        _watchdog.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _watchdog.remove(self)
        _of_thread.deadline = None

    def watch(self, connected: Any) -> None:
        """Cut this socket off when the time is over."""
        self._socket = connected
        if self.is_over:
            self.cut_off()

    def cut_off(self) -> None:
        """End whatever reads from the socket; again changes nothing."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it is closed already
                self._socket.shutdown(socket.SHUT_RDWR)


class _Watchdog:
    """One thread that cuts off every call whose deadline is over: a thread for each would cost more than the call."""

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._earlier = threading.Condition()
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        with self._earlier:
            self._open.add(deadline)
            if self._thread is None or not self._thread.is_alive():  # the copy of a process has no threads
                self._thread = threading.Thread(target=self._keep, name="deadlines", daemon=True)
                self._thread.start()
            elif deadline.until < self._wakes_at:
                self._earlier.notify()

    def remove(self, deadline: Deadline) -> None:
        with self._earlier:
            self._open.discard(deadline)

    def _keep(self) -> None:
        with self._earlier:
            while True:
                now = time.monotonic()
                for deadline in self._open:
                    if deadline.until <= now:
                        deadline.cut_off()
                untils = (deadline.until for deadline in self._open)
                self._wakes_at = min((until for until in untils if until > now), default=math.inf)
                self._earlier.wait(None if self._wakes_at == math.inf else self._wakes_at - now)


_watchdog = _Watchdog()


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
