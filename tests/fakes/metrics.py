"""Metrics in memory."""

from __future__ import annotations

from collections import defaultdict


class MemoryMetrics:
    """``core.ports.Metrics``: every value that was added, by name."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)
        self.units: dict[str, str] = {}

    def add(self, name: str, value: float, *, unit: str = "Count") -> None:
        self.values[name].append(value)
        self.units[name] = unit

    def total(self, name: str) -> float:
        return sum(self.values.get(name, ()))

    def flush(self) -> None:
        """Nothing is buffered."""
