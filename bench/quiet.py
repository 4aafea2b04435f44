"""``core.ports.Log`` and ``core.ports.Metrics`` that nobody reads."""

from __future__ import annotations

from typing import Any

from core.metrics import Metric


class Quiet:
    """A log and metrics that keep nothing, so that no measure pays for writing."""

    def add(self, metric: Metric, value: float) -> None: ...

    def info(self, msg: str, /, **fields: Any) -> None: ...

    def warning(self, msg: str, /, **fields: Any) -> None: ...

    def error(self, msg: str, /, **fields: Any) -> None: ...
