"""The page's files: what is in them, and what is not."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from importlib.resources import files

from tests.support.pages import dataset, fed, large, planted

from auditor.feeds.points import MISSING
from auditor.page import document
from auditor.page.document import pages
from auditor.page.encode import page_data

VENDORED = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.iife.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


def data_in(text: str) -> dict[str, object]:
    """The data that a page carries, as its scripts read them."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, object] = json.loads(found[1])
    return data


def test_the_page_is_one_file_that_names_nothing_elsewhere() -> None:
    (text,) = pages(planted(), "page.html").values()
    without_data = text.replace(json.dumps(None), "")
    sources = re.findall(
        r"""(?:src|href)=["']([^"']*)["']|url\(([^)]*)\)|@import""", without_data.partition("<script")[0]
    )
    assert sources == [("data:,", "")], "the icon alone"
    assert not re.search(r"<script[^>]* src|<link[^>]*stylesheet|<img|<iframe", text)


def test_what_comes_from_outside_ends_no_script_and_is_no_html() -> None:
    evil = "</script><script>alert(1)</script><!--"
    view = fed("quotes", entities=(evil,), spoil={(evil, "2026-11-25T15:00:00Z"): (MISSING, 3)})
    report = replace(planted(), datasets=(dataset(evil, replace(view, dataset=evil)),), notes=(evil,))
    (text,) = pages(report, "page.html").values()
    assert evil not in text
    assert data_in(text)["notes"] == [evil], "and yet it is told as it is"


def test_the_verdict_is_there_for_those_who_run_no_scripts() -> None:
    (text,) = pages(planted(), "page.html").values()
    plain = text.partition("<script")[0]
    assert planted().banner.title in plain
    assert all(view.name in plain for view in planted().datasets)


def test_points_that_are_too_many_for_the_page_lie_beside_it_and_say_the_same(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    report = large(feeds=3, entities=30, days=2, noise=0.01, tables=0)
    whole = data_in(pages(report, "page.html")["page.html"])
    monkeypatch.setattr(document, "MOST_POINTS", len(json.dumps(whole["points"])) // 3)
    written = pages(report, "page.html")
    data = data_in(written.pop("page.html"))
    assert data["beside"] == {name.removeprefix("page.points/").removesuffix(".js"): name for name in written}
    assert written, "some of them"
    beside = {name: json.loads(text.partition(", ")[2].rstrip(");\n")) for name, text in written.items()}
    assert data["points"] | {key: beside[name] for key, name in data["beside"].items()} == whole["points"]  # type: ignore


def test_the_counts_of_every_dataset_add_up_in_what_the_page_carries() -> None:
    for view, data in zip(planted().datasets, page_data(planted())["datasets"], strict=True):
        grid = data["grid"]
        sums = [0] * 5
        for row in range(len(grid["rows"])):
            cells = [[plain, 0, 0, 0, 0] for plain in grid["plain"]]
            other = grid["cells"].get(str(row), [])
            for place in range(0, len(other), 6):
                cells[other[place]] = other[place + 1 : place + 6]
            sums = [total + sum(cell[at] for cell in cells) for at, total in enumerate(sums)]
        assert sums == data["counts"], view.name
        assert sum(sums) == view.counts.expected == view.counts.present + view.counts.absent + view.counts.missing


def test_the_chart_library_is_the_one_that_was_published() -> None:
    folder = files("auditor.page") / "templates" / "uplot"
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in VENDORED}
    assert hashes == VENDORED


def test_half_a_character_in_an_answer_does_not_keep_the_page_from_being_written() -> None:
    half = json.loads('"\\ud83d"')
    first, *others = planted().alarms
    text = pages(replace(planted(), alarms=(replace(first, answer=half), *others)), "page.html")["page.html"]
    assert b'"answer":"\\ud83d"' in text.encode()
