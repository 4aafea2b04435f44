"""A source that is told wrongly is refused with the path inside the contract, before anybody is asked."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.feeds import ROOT, TODAY
from tests.support.lake import shipped_contracts

from core.authoring.load import examine
from core.authoring.problems import Problems
from core.authoring.rules import check_contract
from core.contract.model import Contract, Database

WEATHER = yaml.safe_load((ROOT / "tests/support/weather.yaml").read_text())
Change = Callable[[dict[str, Any]], object]


def problems_of(tmp_path: Path, change: Change) -> list[str]:
    contract = copy.deepcopy(WEATHER)
    contract["source"]["history"] = copy.deepcopy(contract["source"]["provider"])
    change(contract["source"])
    (tmp_path / "weather.yaml").write_text(yaml.safe_dump(contract))
    return [str(problem) for problem in examine(tmp_path, today=dt.date(2026, 11, 20))[1]]


def live(source: dict[str, Any]) -> dict[str, Any]:
    return source["provider"]["rest"]["live"]


def test_the_weather_contract_is_a_good_one(tmp_path: Path) -> None:
    assert problems_of(tmp_path, lambda _source: None) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["provider"]["rest"].update(tme="iso"), "source.provider.rest.tme: is no setting"),
        (lambda s: s["provider"]["rest"].update(time="unix"), "rest.time: 'unix' is no form of time"),
        (lambda s: s["provider"]["rest"].pop("url"), "source.provider.rest.url: is missing"),
        (lambda s: s["history"]["rest"].update(span="a week"), "source.history.rest.span: 'a week' is no duration"),
        (lambda s: s["provider"]["rest"].update(calls_per_minute="9"), "rest.calls_per_minute: '9' is no such number"),
        (lambda s: s["history"]["rest"].pop("history"), "source.history.rest.history: is missing"),
        (lambda s: s.update(sample={"points": 5, "tolerance": "5"}), "'5' is no share"),
        (lambda s: s.update(sample={"points": 0, "tolerance": "1 %"}), "source.sample.points"),
        (lambda s: s.update(sample={"points": 100, "tolerance": "1 %"}), "100 are more than a minute's calls"),
        (lambda s: live(s).update(path="/{station}"), "rest.live.path: unknown placeholder {station}"),
        (lambda s: live(s).update(path="/{start}"), "rest.live.path: unknown placeholder {start}"),
        (lambda s: live(s).update(query={"key": "{secret}"}), "the secret is no part of a URL"),
        (lambda s: live(s).update(query={"n": 5}), "rest.live.query: is no mapping of names to texts"),
        (lambda s: live(s).update(records="data..latest"), "rest.live.records: 'data..latest' is no JMESPath"),
        (lambda s: live(s).update(shape="cube"), "rest.live.shape: 'cube' is no shape"),
        (lambda s: live(s).update(fields={}), "rest.live.fields: is missing"),
        (lambda s: live(s).update(fields={"temp": "temp.value"}), "rest.live.fields: has no 'temperature'"),
        (lambda s: live(s).update(no_data_status=404), "rest.live.no_data_status: 404 is no list of statuses"),
        (lambda s: s["history"]["rest"]["history"].pop("time"), "rest.history.time: is missing"),
        (lambda s: s["history"]["rest"]["history"].update(end="open"), "rest.history.end: 'open' is no end"),
        (lambda s: s.update(provider="finnhub", every="2 minutes"), "finnhub: has no candles of 120 s"),
        (lambda s: s.update(provider={"finnhub": {"tocken": "x"}}), "finnhub.tocken: is no setting"),
        (
            lambda s: s.update(every="1 minute", rate_limit="2 / minute"),
            "source.rate_limit: 3 entities every 60 s need more. Raise it to 3 / minute",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_its_path(tmp_path: Path, change: Change, message: str) -> None:
    messages = problems_of(tmp_path, change)
    assert len(messages) == 1
    assert message in messages[0]
    assert messages[0].startswith("weather.yaml: source.")


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


# ---------------------------------------------------------------- canaries of databases

CONTRACTS = shipped_contracts()


def paths_of(contract: Contract) -> set[str]:
    problems = Problems("canary.yaml")
    check_contract(contract, CONTRACTS, problems, today=dt.date(2026, 11, 21))
    return {problem.path for problem in problems.items}


def test_what_shares_a_current_state_with_other_datasets_is_refused() -> None:
    original = CONTRACTS.dataset("sales")
    assert isinstance(original.source, Database)
    wrong = replace(original, source=replace(original.source, canary=True))
    assert {"warehouse.dim_staff", "warehouse.dim_date"} <= paths_of(wrong)


def test_a_fact_that_cannot_tell_what_was_fetched_again_is_refused() -> None:
    canary = CONTRACTS.dataset("sales_canary")
    assert paths_of(canary) == set()
    (fact,) = canary.tables
    silent = replace(fact, columns=tuple(column for column in fact.columns if column.name != "checked_at"))
    assert "warehouse.fact_sales_canary" in paths_of(replace(canary, tables=(silent,)))


# ---------------------------------------------------------------- points of feeds


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["source"].update(point=["station", "station"]), "names one column twice"),
        (
            lambda c: c["source"].update(point=["station", "fetched_at"]),
            "'fetched_at' is a field of every line already",
        ),
        (lambda c: c["warehouse"]["fact_weather"].update(key=["station"]), "no column of the key takes 'hour'"),
        (lambda c: columns(c).update(station={"type": "date"}), "an entity's name is no date"),
        (lambda c: columns(c).update(station={"type": "string", "check": "> F"}), "'EGCC', which lines have, breaks"),
        (lambda c: columns(c)["provenance"].update(one_of=["late"], rank=["late"]), "'observed', which lines have"),
        (
            lambda c: columns(c).update(provenance={"type": "decimal(5,1)", "from": "temperature"}),
            "fact_weather.columns.provenance: is not what lines say of their points' origin",
        ),
        (
            lambda c: c["source"].update(entities={"A": {"valid_from": "2026-02-01", "valid_until": "2026-01-01"}}),
            "is not after valid_from",
        ),
    ],
)
def test_points_that_no_fact_could_take_are_refused(tmp_path: Path, change: Change, message: str) -> None:
    contract = copy.deepcopy(WEATHER)
    change(contract)
    (tmp_path / "weather.yaml").write_text(yaml.safe_dump(contract))
    problems = [str(problem) for problem in examine(tmp_path, today=dt.date(2026, 11, 20))[1]]
    assert any(message in problem for problem in problems), problems


def columns(contract: dict[str, Any]) -> dict[str, Any]:
    return contract["warehouse"]["fact_weather"]["columns"]


def test_two_plans_of_one_account_are_refused_with_the_feed_that_tells_the_other(tmp_path: Path) -> None:
    text = (ROOT / "tests/support/weather.yaml").read_text()
    (tmp_path / "weather.yaml").write_text(text)
    other = text.replace("dataset: weather", "dataset: winds").replace("fact_weather", "fact_wind")
    (tmp_path / "winds.yaml").write_text(other)
    assert [problem.problem for problem in examine(tmp_path, today=TODAY)[1]] == []
    (tmp_path / "winds.yaml").write_text(other.replace("30 / minute", "60 / minute"))
    problems = [problem for problem in examine(tmp_path, today=TODAY)[1] if not problem.warning]
    assert [(problem.file, problem.path) for problem in problems] == [("winds.yaml", "source.rate_limit")]
    assert problems[0].problem == "allows weather.example/weather-key 60 calls a minute, and weather 30"
    (tmp_path / "winds.yaml").write_text(
        other.replace("30 / minute", "60 / minute").replace("secret: weather-key", "secret: winds-key")
    )
    assert [problem for problem in examine(tmp_path, today=TODAY)[1] if not problem.warning] == []
