"""What the APIs of ``contracts/examples`` really answered, as their documents show it or other projects recorded it.

Of each answer only a few records are here, as the API gave them; the source names where it is from. What our own
stand-ins for these APIs (``tests.support.public_apis``) get wrong, they cannot show.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Recorded:
    """A recorded answer, the points in it by their slots, and what of the example is another one's.

    ``drop`` takes the record of the slot with that number out of a body. Where an answer is ``cut`` (only the newest
    records, and none of when it was asked from), it proves nothing to be absent. ``says`` replaces texts of the
    example: the recording is of another interval.
    """

    example: str
    source: str
    body: Any
    points: dict[str, dict[str, str]]
    every: timedelta
    drop: Callable[[Any, int], object]
    attributes: dict[str, str] = field(default_factory=dict)
    says: tuple[str, str] = ("", "")
    cut: bool = False

    def without(self, number: int) -> Any:
        """The answer of a provider that never had the point of a slot."""
        body = copy.deepcopy(self.body)
        self.drop(body, number)
        return body


def _columns(body: Any, number: int) -> None:
    for column in body["hourly"].values():
        column.pop(number)


def _lists(body: Any, number: int) -> None:
    for pairs in body.values():
        pairs.pop(number)


def _demand(body: Any, number: int) -> None:
    response = body["response"]
    response["data"].pop(number)
    response["total"] = str(len(response["data"]))


def _bars(body: Any, number: int) -> None:
    body["results"].pop(number)
    body["queryCount"] = body["resultsCount"] = len(body["results"])


def _hour(body: Any, number: int) -> None:
    """All that the station observed for an hour: from ten minutes before its end on."""
    hour = 7 + number
    first, last = f"2019-08-17T{hour:02}:50", f"2019-08-17T{hour + 1:02}:50"
    body["features"] = [
        feature for feature in body["features"] if not first <= feature["properties"]["timestamp"] < last
    ]


def _newest_first(name: str) -> Callable[[Any, int], object]:
    return lambda body, number: body[name].pop(-1 - number)


# Of station KCNK on 2019-08-17: time, temperature in degrees Celsius, wind in metres a second.
KCNK = (
    ("11:55", 20, 2.1), ("10:55", 20.600000000000023, 1.5), ("09:55", 20.600000000000023, 2.1),
    ("09:04", 21.100000000000023, 5.7), ("08:55", 21.100000000000023, None), ("08:52", 22, None), ("08:49", 22, 7.7),
    ("08:05", 23.30000000000001, 2.1), ("07:55", 23.30000000000001, 3.1),
)  # fmt: skip

RECORDED = (
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
        lambda body, number: body["Time Series (1min)"].pop(f"2017-12-18 14:5{3 + 3 * number}:00"),
        says=("5min", "1min"),
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
        lambda body, number: body.pop(number),
    ),
    Recorded(
        "census",
        "a public project's fixture of BFS, an indicator of the same API: terminal_zero, test of its Census parser",
        [
            ["cell_value", "time_slot_id", "time", "category_code", "data_type_code", "us"],
            ["9097", "0", "2024-01", "NAICSMNF", "BA_BA", "1"],
            ["8538", "0", "2024-02", "NAICSMNF", "BA_BA", "1"],
            ["7137", "5", "2026-01", "NAICSMNF", "BA_BA", "1"],
        ],
        {"2024-01-01T00:00Z": {"sales": "9097"}, "2024-02-01T00:00Z": {"sales": "8538"}},
        timedelta(days=1),
        lambda body, number: body.pop(1 + number),
    ),
    Recorded(
        "coingecko",
        "https://docs.coingecko.com/demo/reference/coins-id-market-chart-range (of the last day: every five minutes)",
        {
            "prices": [[1779027899041, 77953.82550382407], [1779028199661, 78052.87543398788]],
            "market_caps": [[1779027899041, 1560631481361.8042], [1779028199661, 1562027330524.267]],
            "total_volumes": [[1779027899041, 18688431751.857048], [1779028199661, 18974828816.446976]],
        },
        {
            "2026-05-17T14:20Z": {"price": "77953.82550382407", "volume": "18688431751.857048"},
            "2026-05-17T14:25Z": {"price": "78052.87543398788", "volume": "18974828816.446976"},
        },
        timedelta(minutes=5),
        _lists,
    ),
    Recorded(
        "eia",
        "a public project's answer of region-data, written after its recordings; the first record is a recorded one",
        {
            "response": {
                "total": "2", "dateFormat": 'YYYY-MM-DD"T"HH24', "frequency": "hourly",
                "data": [
                    {
                        "period": f"2023-01-01T0{hour}", "respondent": "PACW", "respondent-name": "PacifiCorp West",
                        "type": "D", "type-name": "Demand", "value": value, "value-units": "megawatthours",
                    }
                    for hour, value in enumerate(("2455", "2010"))
                ],
            }
        },
        {"2023-01-01T00:00Z": {"demand": "2455"}, "2023-01-01T01:00Z": {"demand": "2010"}},
        timedelta(hours=1),
        _demand,
    ),
    Recorded(
        "kraken",
        "https://docs.kraken.com/api/docs/rest-api/get-ohlc-data",
        {
            "error": [],
            "result": {
                "XXBTZUSD": [
                    [1688671200, "30306.1", "30306.2", "30305.7", "30305.7", "30306.1", "3.39243896", 23],
                    [1688671260, "30304.5", "30304.5", "30300.0", "30300.0", "30300.0", "4.42996871", 18],
                    [1688671320, "30300.3", "30300.4", "30291.4", "30291.4", "30294.7", "2.13024789", 25],
                ],
                "last": 1688672160,
            },
        },
        {
            "2023-07-06T19:20Z": {"price": "30306.1"},
            "2023-07-06T19:21Z": {"price": "30304.5"},
            "2023-07-06T19:22Z": {"price": "30300.3"},
        },
        timedelta(minutes=1),
        lambda body, number: body["result"]["XXBTZUSD"].pop(number),
        {"key": "XXBTZUSD"},
        cut=True,
    ),
    Recorded(
        "nws",
        "cosmer/Basic: lib/API/Tests/APITests/Data/ObservationsModelData.swift",
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "id": f"https://api.weather.gov/stations/KCNK/observations/2019-08-17T{at}:00+00:00",
                    "type": "Feature",
                    "properties": {
                        "station": "https://api.weather.gov/stations/KCNK",
                        "timestamp": f"2019-08-17T{at}:00+00:00",
                        "temperature": {"value": temperature, "unitCode": "unit:degC", "qualityControl": "qc:V"},
                        "windSpeed": {"value": wind, "unitCode": "unit:m_s-1", "qualityControl": "qc:V"},
                    },
                }
                for at, temperature, wind in KCNK
            ],
        },
        {
            "2019-08-17T07:00Z": {"temperature": "23.30000000000001", "wind": "3.1"},
            "2019-08-17T08:00Z": {"temperature": "22"},
            "2019-08-17T09:00Z": {"temperature": "20.600000000000023", "wind": "2.1"},
            "2019-08-17T10:00Z": {"temperature": "20.600000000000023", "wind": "1.5"},
            "2019-08-17T11:00Z": {"temperature": "20", "wind": "2.1"},
        },
        timedelta(hours=1),
        _hour,
    ),
    Recorded(
        "open_meteo",
        "an answer of 2023-07-22 that a public page kept, its last hours cut",
        {
            "latitude": 53.125, "longitude": 23.1875, "generationtime_ms": 0.6389617919921875, "utc_offset_seconds": 0,
            "timezone": "GMT", "timezone_abbreviation": "GMT", "elevation": 134,
            "hourly_units": {
                "time": "iso8601", "temperature_2m": "°C", "precipitation": "mm", "weathercode": "wmo code",
            },
            "hourly": {
                "time": ["2023-07-22T04:00", "2023-07-22T05:00", "2023-07-22T06:00", "2023-07-22T07:00"],
                "temperature_2m": [14.5, 15, 15.2, 15.6],
                "precipitation": [0, 0.9, 0.6, 2.4],
                "weathercode": [3, 61, 61, 61],
            },
        },
        {
            "2023-07-22T04:00Z": {"temperature": "14.5", "precipitation": "0"},
            "2023-07-22T05:00Z": {"temperature": "15", "precipitation": "0.9"},
            "2023-07-22T06:00Z": {"temperature": "15.2", "precipitation": "0.6"},
            "2023-07-22T07:00Z": {"temperature": "15.6", "precipitation": "2.4"},
        },
        timedelta(hours=1),
        _columns,
        {"lat": "53.12", "lon": "23.19"},
    ),
    Recorded(
        "openweather",
        "https://openweathermap.org/history",
        {
            "message": "", "cod": "200", "city_id": 2643743, "calctime": 0.0875, "cnt": 3,
            "list": [
                {
                    "main": {
                        "temp": 279.946, "temp_min": 279.946, "temp_max": 279.946, "pressure": 1016.76,
                        "sea_level": 1024.45, "grnd_level": 1016.76, "humidity": 100,
                    },
                    "wind": {"speed": 4.59, "deg": 163.001}, "clouds": {"all": 92}, "rain": {"3h": 2.69},
                    "dt": 1485717216,
                },
                {
                    "main": {
                        "temp": 282.597, "temp_min": 282.597, "temp_max": 282.597, "pressure": 1012.12,
                        "sea_level": 1019.71, "grnd_level": 1012.12, "humidity": 98,
                    },
                    "wind": {"speed": 4.04, "deg": 226}, "clouds": {"all": 92}, "rain": {"3h": 0.405},
                    "dt": 1485745061,
                },
                {
                    "main": {"temp": 279.38, "pressure": 1011, "humidity": 93, "temp_min": 278.15, "temp_max": 280.15},
                    "wind": {"speed": 2.6, "deg": 30}, "clouds": {"all": 90}, "dt": 1485768552,
                },
            ],
        },
        {
            "2017-01-29T19:00Z": {"temperature": "279.946", "humidity": "100"},
            "2017-01-30T02:00Z": {"temperature": "282.597", "humidity": "98"},
            "2017-01-30T09:00Z": {"temperature": "279.38", "humidity": "93"},
        },
        timedelta(hours=1),
        lambda body, number: body["list"].pop(number),
        {"lat": "51.51", "lon": "-0.13"},
    ),
    Recorded(
        "polygon",
        "https://massive.com/docs/rest/stocks/aggregates/custom-bars (bars of a day; its next page left out)",
        {
            "adjusted": True, "queryCount": 2, "request_id": "6a7e466379af0a71039d60cc78e72282",
            "results": [
                {
                    "c": 75.0875, "h": 75.15, "l": 73.7975, "n": 1, "o": 74.06, "t": 1577941200000, "v": 135647456,
                    "vw": 74.6099,
                },
                {
                    "c": 74.3575, "h": 75.145, "l": 74.125, "n": 1, "o": 74.2875, "t": 1578027600000, "v": 146535512,
                    "vw": 74.7026,
                },
            ],
            "resultsCount": 2, "status": "OK", "ticker": "AAPL",
        },
        {
            "2020-01-02T05:00Z": {"open": "74.06", "trades": "1"},
            "2020-01-03T05:00Z": {"open": "74.2875", "trades": "1"},
        },
        timedelta(minutes=1),
        _bars,
    ),
    Recorded(
        "tiingo",
        "https://www.tiingo.com/documentation/iex",
        [
            {"date": "2019-01-02T14:30:00.000Z", "open": 154.74, "high": 155.52, "low": 154.58, "close": 154.76,
             "volume": 16102},
            {"date": "2019-01-02T14:35:00.000Z", "open": 154.8, "high": 155.0, "low": 154.31, "close": 154.645,
             "volume": 19127},
        ],
        {"2019-01-02T14:30Z": {"price": "154.74"}, "2019-01-02T14:35Z": {"price": "154.8"}},
        timedelta(minutes=5),
        lambda body, number: body.pop(number),
    ),
    Recorded(
        "twelve_data",
        "DefinitelyNotAGoat/twelvedata: core/time_series_test.go (asked in the exchange's zone)",
        {
            "meta": {
                "symbol": "AAPL", "interval": "1min", "currency": "USD", "exchange_timezone": "America/New_York",
                "exchange": "NASDAQ", "mic_code": "XNGS", "type": "Common Stock",
            },
            "values": [
                {"datetime": "2023-08-24 11:09:00", "open": "177.91010", "high": "178.02000", "low": "177.91000",
                 "close": "178.00121", "volume": "293189"},
                {"datetime": "2023-08-24 11:08:00", "open": "177.75500", "high": "177.88499", "low": "177.73000",
                 "close": "177.88000", "volume": "143249"},
                {"datetime": "2023-08-24 11:07:00", "open": "177.73840", "high": "177.81000", "low": "177.69501",
                 "close": "177.74500", "volume": "57897"},
            ],
            "status": "ok",
        },
        {
            "2023-08-24T11:07Z": {"price": "177.73840"},
            "2023-08-24T11:08Z": {"price": "177.75500"},
            "2023-08-24T11:09Z": {"price": "177.91010"},
        },
        timedelta(minutes=1),
        _newest_first("values"),
    ),
)  # fmt: skip
