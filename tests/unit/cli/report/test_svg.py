"""Charts drawn as SVG inside the page."""

from __future__ import annotations

from cli.report.svg import draw


def test_a_mark_has_its_text_as_a_title_and_the_chart_refers_to_nothing_outside() -> None:
    spec = {
        "data": {"values": [{"x": 1, "tip": "57 of 60 <present>"}]},
        "mark": {"type": "rect", "aria": True},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "description": {"field": "tip"}},
    }
    drawn = draw(spec, label="Coverage")
    assert drawn.startswith("<svg ")
    assert 'aria-label="Coverage"' in drawn
    assert "<title>57 of 60 &lt;present&gt;</title>" in drawn
    assert "http" not in drawn
