"""The page as files: one HTML text that asks nobody for anything, and beside it points that are too many for it. Pure.

All that comes from outside (names, keys, answers of providers) travels as JSON, in which no ``<`` is left as it is; the
scripts put it into the page as text, never as HTML. The verdict is in the HTML too, for those who run no scripts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files

from auditor.page.condition import Banner
from auditor.page.encode import Data, page_data, points_data
from auditor.page.report import DatasetView, Report
from core.time import at_epoch

MOST_POINTS = 300_000  # characters of points within the page; those of further feeds lie beside it
STYLES = ("page.css", "parts.css")
# In the order in which they need one another; the chart library first.
SCRIPTS = (
    "words.js", "elements.js", "model.js", "age.js", "charts.js", "coverage.js", "points.js", "datasets.js",
    "tables.js", "history.js", "router.js",
)  # fmt: skip
CHARTS = "uplot/uPlot.iife.min"


def pages(report: Report, name: str, *, most_points: int | None = None) -> dict[str, str]:
    """The files of the page by name: first the page itself, then the points beside it, which it loads when asked to.

    ``most_points`` is how many characters of points stand within it, by default ``MOST_POINTS``.
    """
    data, beside = page_data(report), {}
    folder = f"{name.removesuffix('.html')}.points"
    left = MOST_POINTS if most_points is None else most_points
    within: dict[str, Data] = {}
    outside: dict[str, str] = {}
    for view in sorted(report.datasets, key=lambda view: view.name):
        if view.coverage is None:
            continue
        points = points_data(view.coverage.points)
        text = _json(points)
        if len(text) <= left:
            left -= len(text)
            within[view.name] = points
        else:
            outside[view.name] = f"{folder}/{view.name}.js"
            beside[outside[view.name]] = f"starmendPoints({_json(view.name)}, {text});\n"
    text = _html(report, data | {"points": within, "beside": outside})
    return {name: text} | beside


def _json(value: object) -> str:
    """JSON that may stand in a script: nothing in it ends the element, opens a comment or another script."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    text = text.encode("utf-8", "backslashreplace").decode()  # half a character, which JSON may name
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _html(report: Report, data: Mapping[str, object]) -> str:
    name = f"{report.project} / {report.environment}"
    styles = "".join(_template(style) for style in (*STYLES, f"{CHARTS}.css"))
    scripts = "".join(f"<script>{_template(script)}</script>\n" for script in (f"{CHARTS}.js", *SCRIPTS))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(report.banner.title)} · {escape(name)}</title>\n"
        f"<style>{styles}</style></head>\n<body>\n"
        f"{_plain(report, name)}"
        f'<script type="application/json" id="data">{_json(data)}</script>\n'
        f"{scripts}</body></html>\n"
    )


def _plain(report: Report, name: str) -> str:
    """The verdict and each dataset's state as plain HTML; the scripts take their place."""
    items = "".join(_item(view) for view in report.datasets)
    return (
        f'<main id="app"><h1>{escape(report.banner.title)}</h1>\n<p>{escape(name)}, made '
        f"{report.made_at:%Y-%m-%d %H:%M} UTC{_since(report.banner)}.</p>\n"
        f"<p>Valid until {report.valid_until:%Y-%m-%d %H:%M} UTC: from then on nobody can tell from this page.</p>\n"
        f"<ul>{items}</ul></main>\n"
    )


def _since(verdict: Banner) -> str:
    return f"; so since {at_epoch(verdict.since):%Y-%m-%d %H:%M}" if verdict.since is not None else ""


def _item(view: DatasetView) -> str:
    texts = "; ".join(f"{condition.state.replace('_', ' ')}: {condition.text}" for condition in view.conditions)
    return f"<li><b>{escape(view.name)}</b> {escape(texts)}</li>"


@cache
def _template(name: str) -> str:
    return (files("auditor.page") / "templates" / name).read_text(encoding="utf-8")
