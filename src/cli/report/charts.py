"""Charts as Vega-Lite specifications. Pure.

Colours are CSS variables of the page, so that a chart follows light and dark; what is missing or absent has a pattern
beside its colour, and every cell its number.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.report import words
from cli.report.coverage import STATES, Counts, FeedView, Row, Stretch
from cli.report.shape import AuditView, Freshness

Spec = dict[str, Any]
FILLS = {name: f"url(#{name})" if name in ("absent", "missing") else f"var(--{name})" for name in STATES}
LEAST = 0.08  # of a cell's width, for a state that has any point at all: a single missing one must be seen
CHART_WIDTH, NARROW, WIDE = 860, 24, 116  # pixels: the heat map's, and the bounds of a column's
TEXT_FITS = 50  # pixels of a column in which ``57/60`` fits
ROW = 30
# Room for texts that the page's font draws wider than the library thinks.
SPARE = {"left": 24, "right": 110, "top": 6, "bottom": 4}
HEADER = {"day": -44, "hour": -27, "standing": -9}  # pixels above the cells
TIP = {"type": "rect", "fill": None, "aria": True}  # unseen: it holds the text that is shown at a pointer
MOST_RATIO = 2.0  # of age to limit that the freshness chart has room for


def heat_map(view: FeedView) -> Spec:
    """Entities x hours (or days): shares of each state, numbers of points, the auditor's status of each column."""
    width = min(WIDE, max(NARROW, CHART_WIDTH // max(1, len(view.columns))))
    wide = width >= TEXT_FITS
    rows = [view.all, *view.rows]
    labels = [f"all {words.number(view.entities)}", *(row.name for row in view.rows)]
    tips = [_tips(view, row, label) for row, label in zip(rows, labels, strict=True)]
    cells = [
        {"row": at, "x": column + 0.5, "text": words.cell(counts, wide=wide), "missing": counts.missing > 0}
        for at, row in enumerate(rows)
        for column, counts in enumerate(row.cells)
    ]
    hover = [
        {"row": at, "x": column + 0.02, "x2": column + 0.98, "tip": tips[at][column]}
        for at in range(len(rows))
        for column in range(len(view.columns))
    ]
    layers = [
        _bars([segment for at, row in enumerate(rows) for segment in _segments(at, row)]),
        _text(cells, "x", field="text", bold="missing", size=12, tight=not wide),
        _text(_labels(labels, rows), "x", field="label", align="right", dx=-8, bold="bold", size=12),
        _text(_sums(rows, len(view.columns)), "x", field="label", align="left", dx=8, bold="bold", size=12),
        *_header(view, wide=wide),
        {
            "data": {"values": hover},
            "mark": TIP,
            "encoding": {**_place("x", "x2"), "description": {"field": "tip"}},
        },
    ]
    return _chart(layers, width=width * len(view.columns), height=ROW * len(rows), columns=len(view.columns))


def _tips(view: FeedView, row: Row, label: str) -> list[str]:
    tips = []
    for place, counts in enumerate(row.cells):
        gaps = f": {row.gaps[place]}" if row.gaps[place] else ""
        column = view.columns[place]
        head = f"{label}, {words.column(column, view.unit)} UTC"
        tips.append(f"{head}: {words.breakdown(counts)}{gaps}. {words.standing(column).capitalize()}.")
    return tips


def _segments(at: int, row: Row) -> Iterator[Spec]:
    """A cell's stacked bar: one part per state that it has, none too thin to be seen."""
    for column, counts in enumerate(row.cells):
        left = column + 0.02
        for state, share in visible_shares(counts).items():
            right = left + share * 0.96
            yield {"row": at, "x": left, "x2": right, "state": state}
            left = right


def visible_shares(counts: Counts) -> dict[str, float]:
    """The shares of the states that there are, each at least ``LEAST`` before they are made one again."""
    parts = {name: max(share, LEAST) for name, share in counts.shares().items() if share}
    whole = sum(parts.values())
    return {name: part / whole for name, part in parts.items()}


def _labels(labels: Sequence[str], rows: Sequence[Row]) -> list[Spec]:
    return [
        {"row": at, "x": 0, "label": label, "bold": at == 0 or rows[at].total.missing > 0}
        for at, label in enumerate(labels)
    ]


def _sums(rows: Sequence[Row], columns: int) -> list[Spec]:
    texts = []
    for at, row in enumerate(rows):
        counts = row.total
        known = counts.present + counts.absent
        says = f"{words.number(counts.missing)} missing" if counts.missing else "✓ none missing"
        text = f"{words.percent(known, counts.expected)} · {says}" if counts.expected else "nothing expected"
        texts.append({"row": at, "x": columns, "label": text, "bold": counts.missing > 0})
    return texts


def _header(view: FeedView, *, wide: bool) -> Iterator[Spec]:
    """Texts above the columns: day where it begins, hour, the auditor's status; a line where a day begins."""
    days, hours, standings, lines = [], [], [], []
    before = ""
    for place, column in enumerate(view.columns):
        at = place + 0.5
        if view.unit == "day":
            hours.append({"x": at, "label": column.day if wide else column.day.partition(" ")[2]})
        else:
            hours.append({"x": at, "label": column.hour if wide else column.hour[:2]})
            if column.day != before:
                days.append({"x": place, "label": column.day, "bold": True})
                lines += [{"x": place}] if place else []
                before = column.day
        standing = f"{words.SYMBOLS[column.status]} {column.status if wide else ''}".strip()
        standings.append({"x": at, "label": standing, "bold": column.status == "alarmed"})
    auditor = [{"x": 0, "label": "auditor"}]
    yield _text(auditor, "x", field="label", align="right", dx=-8, size=11, above=HEADER["standing"], soft=True)
    yield _text(days, "x", field="label", align="left", dx=2, bold="bold", size=12, above=HEADER["day"])
    yield _text(hours, "x", field="label", size=11, above=HEADER["hour"])
    yield _text(standings, "x", field="label", size=11, bold="bold", above=HEADER["standing"], soft=True)
    yield {
        "data": {"values": lines},
        "mark": {"type": "rule", "stroke": "var(--line)", "strokeWidth": 2},
        "encoding": {"x": {"field": "x", "type": "quantitative"}},
    }


def slot_map(view: FeedView) -> Spec:
    """Entities x slots, each in its state: where within the hours the gaps lie. For views that have ``slots``."""
    count = len(view.slots)
    parts = [
        {"row": at, "x": stretch.first, "x2": stretch.last, "state": stretch.state}
        for at, row in enumerate(view.rows)
        for stretch in row.stretches
    ]
    hover = [
        {"row": at, "x": stretch.first, "x2": stretch.last, "tip": _stretch_text(view, row, stretch)}
        for at, row in enumerate(view.rows)
        for stretch in row.stretches
        if stretch.state != "observed"
    ]
    names = [{"row": at, "x": 0, "label": row.name} for at, row in enumerate(view.rows)]
    step = max(10, -(-count // 12) // 10 * 10)
    times = [{"x": place, "label": words.clock(view.slots[place])} for place in range(0, count, step)]
    layers = [
        _bars(parts),
        _text(names, "x", field="label", align="right", dx=-8, size=12),
        _text(times, "x", field="label", align="left", size=11, above=-9),
        {
            "data": {"values": hover},
            "mark": TIP,
            "encoding": {**_place("x", "x2"), "description": {"field": "tip"}},
        },
    ]
    return _chart(layers, width=CHART_WIDTH, height=20 * len(view.rows), columns=count)


def _stretch_text(view: FeedView, row: Row, stretch: Stretch) -> str:
    first, last = words.clock(view.slots[stretch.first]), words.clock(view.slots[stretch.last - 1])
    return f"{row.name}, {first if first == last else f'{first} to {last}'}: {stretch.state}"


def audits(views: Sequence[AuditView]) -> Spec:
    """Gaps over time: points that each audit found missing, by their state at its end; the oldest first."""
    ordered = sorted(views, key=lambda view: view.at)
    width = min(110, max(56, CHART_WIDTH // max(1, len(ordered))))
    parts, hover, sums, names = [], [], [], []
    for place, view in enumerate(ordered):
        below = 0
        for state, points in (("repaired", view.healed), ("absent", view.absent), ("missing", view.left)):
            if points:
                parts.append({"x": place + 0.2, "x2": place + 0.8, "y": below, "y2": below + points, "state": state})
                below += points
        sums.append({"x": place + 0.5, "y": below, "label": words.number(view.detected) if view.detected else "no gap"})
        names.append({"x": place + 0.5, "day": f"{view.at.day} {view.at:%b}", "hour": f"{view.at:%H:%M}"})
        hover.append({"x": place + 0.1, "x2": place + 0.9, "tip": audit_text(view)})
    highest = max([view.detected for view in ordered], default=0) or 1
    upright = {"field": "y", "type": "quantitative", "axis": None, "scale": {"domain": [0, highest * 1.15]}}
    height = 150
    layers = [
        {
            "data": {"values": parts},
            "mark": {"type": "rect"},
            "encoding": {**_across(), "y": upright, "y2": {"field": "y2"}, "fill": _fill()},
        },
        {
            **_text(sums, "x", field="label", size=12, dy=-8),
            "encoding": {"x": _x(), "y": upright, "text": {"field": "label"}},
        },
        _text(names, "x", field="day", size=11, above=height + 14, soft=True),
        _text(names, "x", field="hour", size=11, above=height + 28),
        {
            "data": {"values": hover},
            "mark": TIP,
            "encoding": {**_across(), "y": {"value": 0}, "y2": {"value": height}, "description": {"field": "tip"}},
        },
    ]
    return _chart(layers, width=width * max(1, len(ordered)), height=height, columns=max(1, len(ordered)))


def audit_text(view: AuditView) -> str:
    if view.detected:
        ends = [f"{words.number(view.healed)} healed"] if view.healed else []
        ends += [f"{words.number(view.absent)} proven absent"] if view.absent else []
        ends += [f"{words.number(view.left)} left"] if view.left else []
        attempts = words.count(view.attempts, "attempt")
        text = f"{words.count(view.detected, 'point')} missing: {', '.join(ends)} in {attempts}"
    else:
        text = "no gap found"
    return f"{view.dataset}, {words.moment(view.at)} UTC, {words.count(view.windows, 'window')}: {text}"


def freshness(facts: Sequence[Freshness]) -> Spec:
    """Age of each table's newest row, as a share of what the contract allows (the line)."""
    rows, labels, sums = [], [], []
    for at, fact in enumerate(facts):
        limit = fact.limit.total_seconds() or 1
        ratio = fact.behind.total_seconds() / limit if fact.behind is not None else 0
        state = "observed" if fact.state == "fresh" else "missing" if fact.feed else "late"
        rows.append({"row": at, "x": 0, "x2": min(max(ratio, 0.01), MOST_RATIO), "state": state})
        labels.append({"row": at, "x": 0, "label": fact.table, "bold": False})
        sums.append(
            {"row": at, "x": MOST_RATIO, "label": freshness_text(fact), "bold": fact.feed and fact.state == "old"}
        )
    line = [{"x": 1.0, "label": "limit"}]
    layers = [
        _bars([row for row, fact in zip(rows, facts, strict=True) if fact.behind is not None]),
        {
            "data": {"values": line},
            "mark": {"type": "rule", "stroke": "var(--ink)", "strokeDash": [4, 3]},
            "encoding": {"x": _x()},
        },
        _text(line, "x", field="label", size=11, above=-8, soft=True),
        _text(labels, "x", field="label", align="right", dx=-8, size=12, bold="bold"),
        _text(sums, "x", field="label", align="left", dx=10, size=12, bold="bold"),
    ]
    return _chart(layers, width=260, height=28 * max(1, len(facts)), columns=MOST_RATIO)


def freshness_text(fact: Freshness) -> str:
    if fact.newest is None or fact.behind is None:
        return "no rows yet"
    limit = f"{words.length(fact.limit)} allowed"
    newest = f"newest {words.moment(fact.newest)}"
    if fact.feed:
        behind = "nothing owed is newer" if fact.behind == dt.timedelta() else f"{words.length(fact.behind)} behind"
        return f"{'✓' if fact.state == 'fresh' else '!'} {behind}, {limit}; {newest}"
    return f"{'✓' if fact.state == 'fresh' else '?'} {words.length(fact.behind)} old, {limit}; {newest}"


# ---------------------------------------------------------------- parts of specifications


def _x() -> Spec:
    return {"field": "x", "type": "quantitative"}


def _rows() -> Spec:
    return {"field": "row", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0.12, "paddingOuter": 0}}


def _across() -> Spec:
    return {"x": _x(), "x2": {"field": "x2"}}


def _fill() -> Spec:
    scale = {"domain": list(FILLS), "range": list(FILLS.values())}
    return {"field": "state", "type": "nominal", "legend": None, "scale": scale}


def _place(x: str, x2: str) -> Spec:
    return {
        "x": {"field": x, "type": "quantitative"},
        "x2": {"field": x2},
        "y": _rows(),
    }


def _bars(values: Sequence[Spec]) -> Spec:
    return {
        "data": {"values": list(values)},
        "mark": {"type": "rect"},
        "encoding": {**_place("x", "x2"), "fill": _fill()},
    }


def _text(
    values: Sequence[Spec],
    x: str,
    *,
    field: str,
    size: int,
    align: str = "center",
    dx: int = 0,
    dy: int = 0,
    bold: str = "",
    above: int | None = None,
    soft: bool = False,
    tight: bool = False,
) -> Spec:
    """Texts in their rows, or all of them at one height (pixels from the top); ``tight``: smaller where long."""
    y: Spec = {"value": above} if above is not None else _rows()
    encoding: Spec = {"x": {"field": x, "type": "quantitative"}, "y": y, "text": {"field": field}}
    mark: Spec = {"type": "text", "fontSize": size, "align": align, "baseline": "middle", "dx": dx, "dy": dy}
    if tight:
        mark["fontSize"] = {"expr": f"length(datum.{field}) > 3 ? 8 : 11"}
    mark["fill"] = "var(--soft)" if soft else "var(--ink)"
    if bold:
        mark["fontWeight"] = {"expr": f"datum.{bold} ? 700 : 400"}
    return {"data": {"values": list(values)}, "mark": mark, "encoding": encoding}


def _chart(layers: Sequence[Spec], *, width: int, height: int, columns: float) -> Spec:
    x = {"axis": None, "scale": {"domain": [0, columns], "nice": False, "zero": False}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": None,
        "padding": SPARE,
        "width": width,
        "height": height,
        "config": {"aria": False, "font": "system-ui, sans-serif", "view": {"stroke": None}},
        "layer": [_with_x(layer, x) for layer in layers],
    }


def _with_x(layer: Spec, x: Mapping[str, Any]) -> Spec:
    encoding = layer["encoding"]
    return {**layer, "encoding": {**encoding, "x": {**encoding["x"], **x}}}
