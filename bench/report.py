"""Records as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from bench.record import Record


def table(records: Sequence[Record]) -> str:
    """For each record a line of our figure with its ratios, and one below it for each peer and the floor."""
    lines = []
    for record in records:
        lines.append(f"{record.name} ({record.unit})")
        ratios = [(record.ratio_best_peer, "x the best peer"), (record.ratio_floor, "x the floor")]
        shown = "".join(f"   {ratio:g} {of}" for ratio, of in ratios if ratio is not None)
        lines.append(_line("ours", record.ours, record.peak_mb) + shown)
        peaks = record.details.get("peak_mb", {})
        lines += [_line(name, figure, peaks.get(name)) for name, figure in record.peers.items()]
        lines += [_line("floor", record.floor, peaks.get("floor"))] if record.floor is not None else []
    return "\n".join(lines)


def _line(name: str, figure: float, peak: float | None) -> str:
    memory = f"{peak:>8,.0f} MB" if peak is not None else " " * 11
    return f"  {name:<12}{figure:>12,.4g}{memory}"
