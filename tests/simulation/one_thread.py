"""Everything in one thread: pools of threads work at once for whoever gives them work, so that no scheduler decides."""

from __future__ import annotations

import concurrent.futures
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pyarrow as pa

ROOMS = ("core.", "aws.", "ingestion.", "processing.", "auditor.", "mirror.", "starmend_reader.")


class Inline(Executor):
    """A pool whose work is done when it is submitted, by whoever submits it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """However many threads are wanted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result is told, as of a thread
            future.set_exception(error)
        return future


@contextmanager
def one_thread() -> Iterator[None]:
    """No module of ours starts a thread in this block, and Arrow has one: of tiny objects others only cost."""
    threads = pa.cpu_count()
    pa.set_cpu_count(1)
    patches = [patch.object(concurrent.futures, "ThreadPoolExecutor", Inline)]
    for name, module in list(sys.modules.items()):
        if name.startswith(ROOMS) and getattr(module, "ThreadPoolExecutor", None) is ThreadPoolExecutor:
            patches.append(patch.object(module, "ThreadPoolExecutor", Inline))
    for each in patches:
        each.start()
    try:
        yield
    finally:
        pa.set_cpu_count(threads)
        for each in patches:
            each.stop()
