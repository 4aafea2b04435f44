"""A provider that is told wrongly is refused with the path inside the contract, before anybody is asked."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.feeds import ROOT, contracts_in

from core.authoring.load import examine
from core.contract.model import Provider
from core.feeds.providers import history_span, needed_fields, provider_secrets

WEATHER = yaml.safe_load((ROOT / "tests/support/weather.yaml").read_text())
Change = Callable[[dict[str, Any]], object]


def problems_of(tmp_path: Path, change: Change) -> list[str]:
    contract = copy.deepcopy(WEATHER)
    contract["source"]["history"] = copy.deepcopy(contract["source"]["provider"])
    change(contract["source"])
    (tmp_path / "weather.yaml").write_text(yaml.safe_dump(contract))
    return [str(one) for one in examine(tmp_path, today=dt.date(2026, 11, 20))[1]]


def live(source: dict[str, Any]) -> dict[str, Any]:
    return source["provider"]["rest"]["live"]


def test_the_weather_contract_is_a_good_one(tmp_path: Path) -> None:
    assert problems_of(tmp_path, lambda _source: None) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["provider"]["rest"].update(tme="iso"), "source.provider.rest.tme: is no setting"),
        (lambda s: s["provider"]["rest"].update(time="unix"), "rest.time: 'unix' is no time format"),
        (lambda s: s["provider"]["rest"].pop("url"), "source.provider.rest.url: is missing"),
        (lambda s: s["history"]["rest"].update(span="a week"), "source.history.rest.span: 'a week' is no duration"),
        (lambda s: s["provider"]["rest"].update(calls_per_minute="9"), "rest.calls_per_minute: '9' is no number"),
        (lambda s: s["provider"]["rest"].pop("live"), "source.provider.rest.live: is missing"),
        (lambda s: s["history"]["rest"].pop("history"), "source.history.rest.history: is missing"),
        (lambda s: s.update(sample={"points": 5, "tolerance": "5"}), "'5' is no share"),
        (lambda s: s.update(sample={"points": 0, "tolerance": "1 %"}), "source.sample.points"),
        (lambda s: s.update(sample={"points": 100, "tolerance": "1 %"}), "100 are more than a minute's calls"),
        (lambda s: live(s).update(path="/{station}"), "rest.live.path: unknown placeholder {station}"),
        (lambda s: live(s).update(path="/{start}"), "rest.live.path: unknown placeholder {start}"),
        (lambda s: live(s).update(query={"key": "{secret}"}), "secrets go into headers alone"),
        (lambda s: live(s).update(query={"n": 5}), "rest.live.query: is no mapping of names to texts"),
        (lambda s: live(s).update(records="data..latest"), "rest.live.records: 'data..latest' is no JMESPath"),
        (lambda s: live(s).update(shape="cube"), "rest.live.shape: 'cube' is no shape"),
        (lambda s: live(s).update(fields={}), "rest.live.fields: is missing"),
        (lambda s: live(s).update(fields={"temp": "temp.value"}), "rest.live.fields: has no 'temperature'"),
        (lambda s: live(s).update(no_data_status=404), "rest.live.no_data_status: 404 is no list of statuses"),
        (lambda s: s["history"]["rest"]["history"].pop("time"), "rest.history.time: is missing"),
        (lambda s: s["history"]["rest"]["history"].update(end="open"), "rest.history.end: 'open' is no kind of end"),
        (lambda s: s.update(provider="finnhub", every="2 minutes"), "finnhub: has no candles of 120 s"),
        (lambda s: s.update(provider={"finnhub": {"tocken": "x"}}), "finnhub.tocken: is no setting"),
        (
            lambda s: s.update(every="1 minute", rate_limit="2 / minute"),
            "source.rate_limit: 3 entities every 60 s need more. Raise it to 3 / minute",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_its_path(tmp_path: Path, change: Change, message: str) -> None:
    found = problems_of(tmp_path, change)
    assert len(found) == 1
    assert message in found[0]
    assert found[0].startswith("weather.yaml: source.")


def test_the_quotes_need_their_price_and_nothing_else_of_the_provider() -> None:
    contracts = contracts_in()
    quotes, feed = contracts.dataset("quotes"), contracts.feed("quotes")
    assert needed_fields(quotes, feed, "live") == ("c",)
    assert needed_fields(quotes, feed, "history") == ("o",)


def test_a_feed_needs_the_secrets_of_all_its_providers() -> None:
    import dataclasses

    feed = contracts_in().feed("quotes")
    assert provider_secrets(feed) == ("finnhub-token",)
    other = dataclasses.replace(feed, history=Provider("rest", {"secret": "polygon-token"}))
    assert provider_secrets(other) == ("finnhub-token", "polygon-token")


def test_a_providers_span_is_known_without_asking_it() -> None:
    assert history_span(Provider("finnhub")) == dt.timedelta(days=30)
    assert history_span(Provider("rest", WEATHER["source"]["provider"]["rest"])) == dt.timedelta(days=31)


def test_the_history_that_the_quotes_contract_shows_commented_is_a_good_one(tmp_path: Path) -> None:
    text = (ROOT / "contracts/quotes.yaml").read_text()
    lines = text.splitlines()
    first = lines.index("  # history:")
    last = next(n for n in range(first, len(lines)) if not lines[n].startswith("  #"))
    shown = [line.replace("  # ", "  ", 1) for line in lines[first:last]]
    kept = [line for line in lines[:first] + shown + lines[last:] if not line.startswith("  history: finnhub")]
    (tmp_path / "quotes.yaml").write_text("\n".join(kept))
    contracts, problems = examine(tmp_path, today=dt.date(2026, 11, 20))
    assert [str(problem) for problem in problems] == []
    assert contracts.feed("quotes").history.kind == "rest"
