"""An executor with one thread beside the caller's: one piece of work at a time, in order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


class SerialExecutor:
    """Runs each piece of work after the one before has succeeded; a failure is raised at the next call.

    So an object is stored while the next one is read, and no object is stored unless all before it were. Leaving the
    block waits for the work under way, and raises its failure unless the block raises another.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="serial")
        self._running: Future[None] | None = None

    def run(self, work: Callable[[], None]) -> None:
        """Start the work once the one before is done."""
        self.wait()
        self._running = self._threads.submit(work)

    def wait(self) -> None:
        """Return when no work is under way."""
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.wait()
        finally:
            self._threads.shutdown(wait=True)
