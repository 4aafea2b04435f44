"""Metrics in memory."""

from __future__ import annotations

from collections import defaultdict

from core.metrics import Metric


class MemoryMetrics:
    """``core.ports.Metrics``: every value that was added, by name."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)

    def add(self, metric: Metric, value: float) -> None:
        self.values[metric.name].append(value)

    def total(self, name: str) -> float:
        return sum(self.values.get(name, ()))

    def flush(self) -> None:
        """Nothing is buffered."""
