"""The example contracts held to what the APIs really answered, as other projects' tests have recorded it.

Of each recording only a few values are here, in the shape that the API gave them; the source names the project and the
file. What our own stand-ins for these APIs (``tests.support.public_apis``) get wrong, they cannot show.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.support.feeds import ROOT, contracts_in

from core.feeds.rest.settings import RestSpec
from core.feeds.rest.spec import read_spec
from ingestion.providers.answers import Data, Limited, NoData
from ingestion.providers.reading.received import received
from ingestion.providers.rest.verdict import judge_history, judge_live

EXAMPLES = ROOT / "contracts/examples"


@dataclass(frozen=True)
class Recorded:
    """A recorded answer, the points in it by their slots, and what of the example is another one's.

    ``says`` replaces texts of the example: the recording is of another interval.
    """

    example: str
    source: str
    body: Any
    points: dict[str, dict[str, str]]
    every: timedelta
    attributes: dict[str, str] = field(default_factory=dict)
    says: tuple[str, str] = ("", "")


RECORDED = (
    Recorded(
        "tiingo",
        "hydrosquall/tiingo-python: tests/fixtures/intraday_price.yaml",
        [
            {"date": "2018-01-02T14:30:00.000Z", "close": 91.145, "high": 91.75, "low": 91.06, "open": 91.75},
            {"date": "2018-01-02T15:00:00.000Z", "close": 91.115, "high": 91.305, "low": 91.05, "open": 91.14},
        ],
        {"2018-01-02T14:30Z": {"price": "91.75"}, "2018-01-02T15:00Z": {"price": "91.14"}},
        timedelta(minutes=30),
    ),
    Recorded(
        "binance",
        "sammchardy/python-binance: tests/test_historical_klines.py",
        [
            [
                1519892340000, "0.00099400", "0.00099810", "0.00099400", "0.00099810", "4806.04000000", 1519892399999,
                "4.78553253", 154, "1785.14000000", "1.77837524", "0",
            ]
        ],
        {"2018-03-01T08:19Z": {"price": "0.00099400"}},
        timedelta(minutes=1),
    ),
    Recorded(
        "kraken",
        "ccxt/ccxt: ts/src/test/static/response/kraken.json, fetchOHLCV",
        {
            "error": [],
            "result": {
                "XBTUSDT": [
                    [1706799600, "42633.7", "42905.4", "42545.2", "42548.5", "42817.6", "75.60416795", 612]
                ],
                "last": "1706796000",
            },
        },
        {"2024-02-01T15:00Z": {"price": "42633.7"}},
        timedelta(hours=1),
        {"key": "XBTUSDT"},
    ),
    Recorded(
        "alpha_vantage",
        "RomelTorres/alpha_vantage: test_alpha_vantage/test_data/mock_time_series",
        {
            "Meta Data": {
                "1. Information": "Intraday (1min) prices and volumes", "2. Symbol": "MSFT",
                "3. Last Refreshed": "2017-12-18 14:56:00", "4. Interval": "1min", "6. Time Zone": "US/Eastern",
            },
            "Time Series (1min)": {
                "2017-12-18 14:56:00": {"1. open": "86.4900", "2. high": "86.5000", "5. volume": "10494"},
                "2017-12-18 14:53:00": {"1. open": "86.5000", "2. high": "86.5000", "5. volume": "13249"},
            },
        },
        {
            "2017-12-18T19:53Z": {"open": "86.5000", "volume": "13249"},
            "2017-12-18T19:56Z": {"open": "86.4900", "volume": "10494"},
        },
        timedelta(minutes=1),
        says=("5min", "1min"),
    ),
    Recorded(
        "polygon",
        "polygon-io/client-python: test_rest/mocks/v2/aggs/ticker/AAPL/prev.json",
        {
            "ticker": "AAPL", "queryCount": 1, "resultsCount": 1, "adjusted": True, "status": "OK", "count": 1,
            "results": [{"T": "AAPL", "v": 95595226.0, "vw": 158.6074, "o": 162.25, "t": 1651003200000, "n": 899965}],
        },
        {"2022-04-26T20:00Z": {"open": "162.25", "trades": "899965"}},
        timedelta(minutes=1),
    ),
    Recorded(
        "open_meteo",
        "frenck/python-open-meteo: tests/fixtures/historical_weather.json",
        {
            "latitude": 52.26713, "utc_offset_seconds": 0, "elevation": 29.0,
            "hourly_units": {"time": "iso8601", "temperature_2m": "°C"},
            "hourly": {
                "time": ["1953-01-31T00:00", "1953-01-31T01:00", "1953-01-31T02:00"],
                "temperature_2m": [5.8, 5.5, 5.1],
                "precipitation": [None, None, None],
            },
        },
        {f"1953-01-31T0{hour}:00Z": {"temperature": value} for hour, value in enumerate(("5.8", "5.5", "5.1"))},
        timedelta(hours=1),
        {"lat": "52.27", "lon": "6.82"},
    ),
    Recorded(
        "nws",
        "MatthewFlamm/pynws: tests/fixtures/stations_observations_multiple_unsorted.json",
        {
            "type": "FeatureCollection",
            "features": [
                {"properties": {"timestamp": at, "temperature": {"value": value, "unitCode": "unit:degC"},
                                "windSpeed": {"value": None, "unitCode": "unit:m_s-1"}}}
                for at, value in (("2019-06-27T10:53:00+00:00", 10), ("2019-06-27T10:50:00+00:00", -100))
            ],
        },
        {"2019-06-27T10:00Z": {"temperature": "-100"}},
        timedelta(hours=1),
    ),
    Recorded(
        "census",
        "a fixture of BFS in the shape of all economic indicators: a week's slot beside the months",
        [
            ["cell_value", "time_slot_id", "time", "category_code", "data_type_code", "us"],
            ["9097", "0", "2024-01", "NAICSMNF", "BA_BA", "1"],
            ["8538", "0", "2024-02", "NAICSMNF", "BA_BA", "1"],
            ["7137", "5", "2024-02", "NAICSMNF", "BA_BA", "1"],
        ],
        {"2024-01-01T00:00Z": {"sales": "9097"}, "2024-02-01T00:00Z": {"sales": "8538"}},
        timedelta(days=1),
    ),
)  # fmt: skip


def spec_of(example: str, says: tuple[str, str] = ("", "")) -> RestSpec:
    settings = json.dumps(dict(contracts_in(EXAMPLES).feed(example).history.settings))
    return read_spec(json.loads(settings.replace(*says) if says[0] else settings))


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.example)
def test_an_example_reads_what_its_api_really_answered(recorded: Recorded) -> None:
    spec = spec_of(recorded.example, recorded.says)
    slots = [datetime.fromisoformat(slot) for slot in recorded.points]
    saved = received(200, {"Content-Type": "application/json"}, json.dumps(recorded.body).encode(), request="GET /")
    answer = judge_history(
        spec, "recorded", [saved], start=min(slots), end=max(slots) + recorded.every,
        every=int(recorded.every.total_seconds()), attributes=recorded.attributes,
    )  # fmt: skip
    assert isinstance(answer, Data), answer
    assert answer.bad == ()
    points = {point.time: {name: value for name, value in point.values.items() if value is not None}
              for point in answer.points}  # fmt: skip
    assert list(points) == slots
    for slot, values in zip(slots, recorded.points.values(), strict=True):
        for name, value in values.items():
            assert Decimal(str(points[slot][name])) == Decimal(value)


def test_the_last_trade_of_a_ticker_of_kraken_is_its_live_point() -> None:
    """As ccxt/ccxt has recorded it (kraken.json, fetchTicker): price and volume of the last trade are ``c``."""
    body = {
        "error": [],
        "result": {"XBTUSDT": {"a": ["73380.70000", "1", "1.000"], "c": ["73380.60000", "0.00160710"]}},
    }
    saved = received(200, {"Date": "Wed, 13 Mar 2024 11:06:00 GMT"}, json.dumps(body).encode(), request="GET /")
    answer = judge_live(spec_of("kraken"), "recorded", saved, every=60, attributes={"key": "XBTUSDT"})
    assert isinstance(answer, Data)
    assert answer.points[0].values["price"] == "73380.60000"


@pytest.mark.parametrize("name", ["Note", "Information"])
def test_the_limit_that_alpha_vantage_tells_with_status_200_is_one(name: str) -> None:
    """Its first words, as dozens of public clients quote them; the limit itself has changed over the years."""
    body = json.dumps({name: "Thank you for using Alpha Vantage! Our standard API rate limit is 25 requests per day."})
    start = datetime.fromisoformat("2026-11-20T15:00Z")
    saved = received(200, {}, body.encode(), request="GET /")
    end = start + timedelta(minutes=5)
    answer = judge_history(spec_of("alpha_vantage"), "IBM", [saved], start=start, end=end, every=300)
    assert isinstance(answer, Limited)


def test_an_answer_of_polygon_without_bars_names_no_results_at_all() -> None:
    """As public clients of it expect: an empty answer has a count of zero and no list."""
    start = datetime.fromisoformat("2026-11-20T15:00Z")
    saved = received(
        200, {}, b'{"ticker": "AAPL", "queryCount": 0, "resultsCount": 0, "status": "OK"}', request="GET /"
    )
    answer = judge_history(spec_of("polygon"), "AAPL", [saved], start=start, end=start + timedelta(minutes=5), every=60)
    assert isinstance(answer, NoData)
