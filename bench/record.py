"""A line of ``build/bench.json``: what was measured, and how it compares."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DIGITS = 4


@dataclass(frozen=True, slots=True)
class Record:
    """One measure. Ratios are our time over theirs, so below 1 is faster than they are; for rates, theirs over ours.

    ``peers`` holds each peer's figure in ``unit``; ``floor`` is what cannot be avoided (None: there is no such figure).
    ``peak_mb`` is our peak memory above what the process held before the work began. ``details`` explains, for people.
    """

    name: str
    unit: str
    ours: float
    peers: Mapping[str, float] = field(default_factory=dict)
    floor: float | None = None
    ratio_best_peer: float | None = None
    ratio_floor: float | None = None
    peak_mb: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_times(
        cls,
        name: str,
        ours: float,
        *,
        unit: str = "ms",
        peers: Mapping[str, float] | None = None,
        floor: float | None = None,
        peak_mb: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Record:
        """Less is better: the best peer is the one that took least."""
        peers = dict(peers or {})
        return cls(
            name,
            unit,
            _rounded(ours),
            {peer: _rounded(figure) for peer, figure in peers.items()},
            _rounded(floor),
            _rounded(ours / min(peers.values())) if peers else None,
            _rounded(ours / floor) if floor else None,
            _rounded(peak_mb),
            dict(details or {}),
        )

    @classmethod
    def of_rates(
        cls,
        name: str,
        ours: float,
        *,
        unit: str,
        peers: Mapping[str, float] | None = None,
        floor: float | None = None,
        peak_mb: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Record:
        """More is better: the best peer is the one with the highest rate."""
        peers = dict(peers or {})
        return cls(
            name,
            unit,
            _rounded(ours),
            {peer: _rounded(figure) for peer, figure in peers.items()},
            _rounded(floor),
            _rounded(max(peers.values()) / ours) if peers else None,
            _rounded(floor / ours) if floor else None,
            _rounded(peak_mb),
            dict(details or {}),
        )


def _rounded(figure: Any) -> Any:
    """Four significant digits: more would be noise."""
    return None if figure is None else float(f"{figure:.{DIGITS}g}")


def read_file(path: Path) -> list[Record]:
    """The records of an earlier run; none where there is no file."""
    if not path.exists():
        return []
    return [Record(**entry) for entry in json.loads(path.read_text())]


def write_file(path: Path, records: Iterable[Record]) -> None:
    """Put the records in, each in place of the one of its name; entries of other names stay. Whole or not at all."""
    entries = {record.name: record for record in read_file(path)}
    entries.update({record.name: record for record in records})
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps([asdict(entry) for entry in entries.values()], indent=1) + "\n")
    unfinished.replace(path)
