"""An API that cannot give what the feed needs is refused with the need that is unmet, before anybody is asked."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.feeds import ROOT

from core.authoring.load import examine
from core.contract.model import Feed

EXAMPLES = ROOT / "contracts/examples"
TODAY = dt.date(2026, 11, 20)


def changed(tmp_path: Path, name: str, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> list[str]:
    """The problems of an example whose source and settings were changed."""
    contract = copy.deepcopy(yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text()))
    source = contract["source"]
    change(source, source["provider"]["rest"])
    (tmp_path / "changed.yaml").write_text(yaml.safe_dump(contract))
    return [str(problem) for problem in examine(tmp_path, today=TODAY)[1]]


@pytest.mark.parametrize(
    ("name", "change", "need"),
    [
        ("binance", lambda _s, r: r.update(span="2 days"), "2880 points of span are more than the 1000 of one answer"),
        ("tiingo", lambda _s, r: r.update(span="7 days"), "11520 points of span are more than the 10000"),
        ("census", lambda _s, r: r.update(span="12 hours"), "holds no point: one comes every 1 day"),
        ("binance", lambda s, _r: s.pop("entities_per_message"), "50 entities of one call come in messages of 1"),
        ("binance", lambda _s, r: r["live"].pop("entity"), "does not tell whose a record is"),
        ("open_meteo", lambda s, _r: s["entities"].update(X={"lat": 1}), "X lack the attribute 'lon'"),
        ("open_meteo", lambda s, _r: s.update(entities=["LHR"]), "unknown placeholder {lat}"),
        ("nws", lambda _s, r: r.update(offset="2 hours"), "offset: is no part of 1 hour"),
        ("nws", lambda _s, r: r["live"].pop("time"), "live.time: is missing"),
        ("nws", lambda _s, r: r["history"].update(period="day"), "period: a day begins within a point of 1 hour"),
        ("eia", lambda s, _r: s.pop("secret"), "source.secret: is missing, and provider sends one"),
        ("eia", lambda s, _r: s.update(complete_within="1 day"), "is over before history is published (delay)"),
        ("eia", lambda s, _r: s.update(canary=True), "leaves no observed point out"),
        ("eia", lambda s, _r: s.update(history="none"), "nobody has the points, neither now nor later"),
        ("eia", lambda s, _r: s.update(provider="none"), "source.provider: is none"),
        ("eia", lambda _s, r: r.update(auth={"query": "k", "basic": True}), "auth: tells two ways"),
        ("eia", lambda _s, r: r.update(time={"urls": "soon"}), "'soon' is no form of time"),
        ("eia", lambda _s, r: r.update(time={"zone": "Mars/Olympus"}), "'Mars/Olympus' is no time zone"),
        ("eia", lambda _s, r: r["history"].update(next="link"), "tells a second way to the next page"),
        ("eia", lambda _s, r: r["history"]["pages"].update({"by": "cursor"}), "belongs to by: cursor"),
        ("eia", lambda _s, r: r["history"].update(records="a.{entity}"), "a placeholder stands in quotes"),
        ("eia", lambda _s, r: r["history"].update(nulls=5), "5 is no list of values"),
        ("alpha_vantage", lambda _s, r: r["history"]["query"].pop("month"), "history.period: is named by nothing"),
        (
            "openweather",
            lambda s, _r: s.update(history="none", sample={"points": 1, "tolerance": "1 %"}),
            "a sample or",
        ),
    ],
)
def test_the_unmet_need_is_named(tmp_path: Path, name: str, change: Any, need: str) -> None:
    problems = changed(tmp_path, name, change)
    assert [problem for problem in problems if need in problem], problems


def test_history_may_be_none_and_attributes_keep_the_digits_of_the_file(tmp_path: Path) -> None:
    text = (EXAMPLES / "openweather.yaml").read_text().replace("lat: 41.85", "lat: 41.850").replace("51.51", "0x33")
    start, end = text.index("history:\n"), text.index("  secret:")
    (tmp_path / "openweather.yaml").write_text(text[:start] + "history: none\n" + text[end:])
    contracts, problems = examine(tmp_path, today=TODAY)
    assert problems == []
    feed = contracts.dataset("openweather").source
    assert isinstance(feed, Feed)
    assert [dict(entity.attributes)["lat"] for entity in feed.entities] == ["41.850", "0x33"]


@pytest.mark.parametrize(
    ("calendar", "expected"),
    [("weeks", 52), ("months", 12), ("quarters", 4), ("years", 1)],
)
def test_a_calendar_of_first_days_expects_a_point_for_each(tmp_path: Path, calendar: str, expected: int) -> None:
    problems = changed(tmp_path, "census", lambda source, _rest: source.update(calendar=calendar))
    assert problems == []
    (known,) = examine(tmp_path, today=TODAY)[0].calendars
    days = [dt.datetime.fromtimestamp(start, dt.UTC) for start, _ in known.segments]
    assert len([day for day in days if day.year == 2026]) == expected
    assert all(end - start == 86_400 and start % 86_400 == 0 for start, end in known.segments)
    assert all(day.weekday() == 0 if calendar == "weeks" else day.day == 1 for day in days)
