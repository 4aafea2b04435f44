"""Public APIs, each answering as its documents say it does: the shape of its bodies, what its parameters include.

Written after the documents that ``contracts/examples`` cite. Truth is a price of its own for each point; what is in
``holes`` the API has never had.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from tests.support.scripted_server import Answer, Request

NEW_YORK = ZoneInfo("America/New_York")
MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass
class Api:
    """What an API knows, and its clock."""

    at: dt.datetime
    every: int
    open: Callable[[int], bool] = lambda _slot: True
    holes: set[tuple[str, int]] = field(default_factory=set)
    secret: str = "key-of-the-test"

    def value(self, entity: str, slot: int, scale: int = 2) -> Decimal:
        """The truth."""
        return Decimal(random.Random(f"{entity}/{slot}").randint(100, 9_999)).scaleb(-scale)

    def slots(self, entity: str, first: float, last: float) -> list[int]:
        """What it has of ``[first, last]``, up to its own time."""
        start = int(-(-first // self.every) * self.every)
        end = int(min(last, self.at.timestamp()))
        return [s for s in range(start, end + 1, self.every) if self.open(s) and (entity, s) not in self.holes]

    def say(self, document: object, status: int = 200, **headers: str) -> Answer:
        text = json.dumps(document).replace('"@', "").replace('@"', "")
        return Answer(text, status, headers, format_datetime(self.at, usegmt=True))


def number(value: Decimal) -> str:
    """A number in JSON with these digits; as a text it would be quoted."""
    return f"@{value}@"


def utc(slot: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(slot, dt.UTC)


def seconds(day: str, zone: dt.tzinfo = dt.UTC, *, end: bool = False) -> float:
    """The start of a day, or its last second."""
    start = dt.datetime.fromisoformat(day).replace(tzinfo=zone)
    return (start + dt.timedelta(days=1)).timestamp() - 1 if end else start.timestamp()


def open_meteo(api: Api, path: str, query: dict[str, str]) -> Answer:
    place = {"51.47": "LHR", "40.64": "JFK"}[query["latitude"]]
    first, last = seconds(query["start_date"]), seconds(query["end_date"], end=True)
    hours = range(int(first), int(last), HOUR)
    known = set(api.slots(place, first, last))
    values = [number(api.value(place, hour, 1)) if hour in known else None for hour in hours]
    columns = {"time": [f"{utc(hour):%Y-%m-%dT%H:%M}" for hour in hours], "temperature_2m": values}
    rain = [None if value is None else number(Decimal("0.00")) for value in values]
    units = {"time": "iso8601", "temperature_2m": "°C", "precipitation": "mm"}
    return api.say({"latitude": 51.5, "hourly_units": units, "hourly": {**columns, "precipitation": rain}})


def coingecko(api: Api, path: str, query: dict[str, str]) -> Answer:
    if path.endswith("/simple/price"):
        slot = int(api.at.timestamp()) // HOUR * HOUR
        return api.say(
            {
                coin: {"usd": number(api.value(coin, slot)), "last_updated_at": slot + 31}
                for coin in query["ids"].split(",")
            }
        )
    coin = path.split("/")[-3]
    slots = api.slots(coin, float(query["from"]) - 400, float(query["to"]))
    at = [slot * 1000 + 331_041 for slot in slots]  # some minutes into the hour, as it has them
    inside = [(t, slot) for t, slot in zip(at, slots, strict=True) if float(query["from"]) * 1000 <= t]
    prices = [[t, number(api.value(coin, slot))] for t, slot in inside]
    return api.say({"prices": prices, "market_caps": [[t, 1] for t, _ in inside], "total_volumes": prices})


def binance(api: Api, path: str, query: dict[str, str]) -> Answer:
    if path.endswith("/ticker/price"):
        slot = int(api.at.timestamp()) // MINUTE * MINUTE
        symbols = json.loads(query["symbols"])
        return api.say([{"symbol": name, "price": str(api.value(name, slot, 8))} for name in reversed(symbols)])
    first, last = int(query["startTime"]) / 1000, int(query["endTime"]) / 1000
    slots = api.slots(query["symbol"], first, last)[: int(query["limit"])]
    row = ["9", "9", "9", "1.5"]
    candles = [
        [s * 1000, str(api.value(query["symbol"], s, 8)), *row, s * 1000 + 59_999, "1", 1, "1", "1", "0"] for s in slots
    ]
    return api.say(candles)


def alpha_vantage(api: Api, path: str, query: dict[str, str]) -> Answer:
    if query["apikey"] != api.secret:
        return api.say({"Error Message": "the parameter apikey is invalid or missing."})
    month = dt.datetime.strptime(query["month"], "%Y-%m").replace(tzinfo=NEW_YORK)
    after = (month + dt.timedelta(days=32)).replace(day=1)
    slots = api.slots(query["symbol"], month.timestamp(), after.timestamp() - 1)
    series = {
        f"{utc(s).astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}": {
            "1. open": str(api.value(query["symbol"], s, 4)), "2. high": "9", "5. volume": "100"
        }
        for s in reversed(slots)
    }  # fmt: skip
    meta = {"1. Information": "Intraday (5min)", "2. Symbol": query["symbol"], "6. Time Zone": "US/Eastern"}
    return api.say({"Meta Data": meta, "Time Series (5min)": series})


def polygon(api: Api, path: str, query: dict[str, str]) -> Answer:
    if query.get("apiKey") != api.secret:
        return api.say({"status": "ERROR", "error": "Unknown API Key"}, 401)
    _, _, _, _, ticker, _, _, _, first, last = path.split("/")
    slots = api.slots(ticker, int(first) / 1000, int(last) / 1000)
    offset = int(query.get("cursor", "0"))
    page = slots[offset : offset + 40]
    answer: dict[str, Any] = {
        "ticker": ticker, "queryCount": len(page), "resultsCount": len(page), "adjusted": False, "status": "OK",
        "results": [{"o": number(api.value(ticker, s)), "c": 9, "n": 3, "t": s * 1000, "v": 12.5} for s in page],
    }  # fmt: skip
    if offset + 40 < len(slots):
        answer["next_url"] = f"{path}?cursor={offset + 40}"
    return api.say(answer)


def twelve_data(api: Api, path: str, query: dict[str, str]) -> Answer:
    if path == "/price":
        slot = int(api.at.timestamp()) // MINUTE * MINUTE
        return api.say({"price": str(api.value(query["symbol"], slot, 5))})
    first, last = (seconds(query[name]) for name in ("start_date", "end_date"))
    slots = api.slots(query["symbol"], first, last)
    if not slots:
        message = "No data is available on the specified dates. Try setting different start/end dates."
        return api.say({"code": 400, "message": message, "status": "error"}, 400)
    values = [{"datetime": f"{utc(s):%Y-%m-%d %H:%M:%S}", "open": str(api.value(query["symbol"], s, 5))} for s in slots]
    meta = {"symbol": query["symbol"], "interval": "1min", "exchange_timezone": "America/New_York"}
    return api.say({"meta": meta, "values": values[::-1], "status": "ok"})


def tiingo(api: Api, path: str, query: dict[str, str]) -> Answer:
    ticker = path.split("/")[2]
    if not path.endswith("/prices"):
        slot = int(api.at.timestamp()) // MINUTE * MINUTE
        return api.say([{"ticker": ticker, "timestamp": "2026-11-20T09:31:38.186520297-05:00",
                         "tngoLast": number(api.value(ticker, slot))}])  # fmt: skip
    first = seconds(query["startDate"], NEW_YORK)
    slots = api.slots(ticker, first, seconds(query["endDate"], NEW_YORK, end=True))
    return api.say(
        [{"date": f"{utc(s):%Y-%m-%dT%H:%M:%S.000Z}", "open": number(api.value(ticker, s)), "volume": 7} for s in slots]
    )


def eia(api: Api, path: str, query: dict[str, str]) -> Answer:
    if query.get("api_key") != api.secret:
        return api.say({"error": {"code": "API_KEY_INVALID", "message": "An invalid api_key was supplied."}}, 403)
    region = query["facets[respondent][]"]
    first, last = (dt.datetime.strptime(query[name], "%Y-%m-%dT%H").replace(tzinfo=dt.UTC) for name in ("start", "end"))
    slots = api.slots(region, first.timestamp(), last.timestamp())
    page = slots[int(query.get("offset", "0")) :][:7]
    data = [
        {"period": f"{utc(s):%Y-%m-%dT%H}", "respondent": region, "type": "D", "value": str(api.value(region, s, 0)),
         "value-units": "megawatthours"}
        for s in page
    ]  # fmt: skip
    response = {"total": str(len(slots)), "dateFormat": 'YYYY-MM-DD"T"HH24', "frequency": "hourly", "data": data}
    return api.say({"response": response, "request": {"command": path, "params": query}, "apiVersion": "2.1.7"})


def nws(api: Api, path: str, query: dict[str, str]) -> Answer:
    station = path.split("/")[2]

    def observation(slot: int) -> dict[str, Any]:
        at = f"{utc(slot + 54 * 60):%Y-%m-%dT%H:%M:%S+00:00}"
        temperature = {"unitCode": "wmoUnit:degC", "value": number(api.value(station, slot)), "qualityControl": "V"}
        return {"properties": {"timestamp": at, "temperature": temperature, "windSpeed": {"value": None}}}

    now = int(api.at.timestamp())
    if path.endswith("/latest"):
        return api.say(observation((now - 54 * 60) // HOUR * HOUR))
    first, last = (dt.datetime.fromisoformat(query[name]).timestamp() for name in ("start", "end"))
    slots = [s for s in api.slots(station, first - HOUR, last) if first <= s + 54 * 60 < min(last, now)][::-1]
    offset = int(query.get("cursor", "0"))
    more = f"https://api.weather.gov{path}?start={query['start']}&end={query['end']}&cursor={offset + 5}"
    features = [observation(s) for s in slots[offset : offset + 5]]
    # It names a next page on every page, the one after the last being empty.
    return api.say({"type": "FeatureCollection", "features": features, "pagination": {"next": more}})


def openweather(api: Api, path: str, query: dict[str, str]) -> Answer:
    if query.get("appid") != api.secret:
        return api.say({"cod": 401, "message": "Invalid API key."}, 401)
    city = {"41.85": "chicago", "51.51": "london"}[query["lat"]]

    def main(slot: int) -> dict[str, Any]:
        return {"temp": number(api.value(city, slot)), "humidity": 82, "pressure": 1015}

    if path.endswith("/weather"):
        slot = int(api.at.timestamp()) // HOUR * HOUR
        return api.say({"main": main(slot), "dt": slot + 20, "timezone": 3600, "name": city, "cod": 200})
    slots = api.slots(city, float(query["start"]) - 16, float(query["end"]))
    listed = [{"dt": s + 16, "main": main(s)} for s in slots if s + 16 >= float(query["start"])]
    return api.say(
        {"message": "", "cod": "200", "city_id": 4887398, "calctime": 0.04, "cnt": len(listed), "list": listed}
    )


def kraken(api: Api, path: str, query: dict[str, str]) -> Answer:
    key = {"XBTUSD": "XXBTZUSD", "ETHUSD": "XETHZUSD"}[query["pair"]]
    now = int(api.at.timestamp()) // MINUTE * MINUTE
    if path.endswith("/Ticker"):
        return api.say({"error": [], "result": {key: {"c": [str(api.value(query["pair"], now, 5)), "0.1"]}}})
    slots = api.slots(query["pair"], int(query["since"]) + 1, now)[-720:]
    rows = [[s, str(api.value(query["pair"], s, 5)), "9", "9", "9", "9", "9.5", 23] for s in slots]
    return api.say({"error": [], "result": {key: rows, "last": now - MINUTE}})


def census(api: Api, path: str, query: dict[str, str]) -> Answer:
    if query.get("key") != api.secret:
        return Answer("<html>Invalid Key</html>", 200, {}, format_datetime(api.at, usegmt=True))
    _, first, _, last = query["time"].split(" ")
    start, end = (dt.datetime.strptime(text, "%Y-%m").replace(tzinfo=dt.UTC).timestamp() for text in (first, last))
    slots = api.slots(query["category_code"], start, end)
    rows = [[str(api.value(query["category_code"], s, 0)), "0", f"{utc(s):%Y-%m}", "1"] for s in slots]
    return api.say([["cell_value", "time_slot_id", "time", "us"], *rows])


_EACH = (
    open_meteo, coingecko, binance, alpha_vantage, polygon, twelve_data, tiingo, eia, nws, openweather, kraken, census
)  # fmt: skip
APIS: dict[str, Callable[[Api, str, dict[str, str]], Answer]] = {of.__name__: of for of in _EACH}


def answering(name: str, api: Api, url: Callable[[], str]) -> Callable[[Request], Answer]:
    """The API's answers; links to its own host lead to where it is served."""
    hosts = {"nws": "https://api.weather.gov", "polygon": "/v2/aggs"}

    def answer(request: Request) -> Answer:
        parts = urlsplit(request.path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        said = APIS[name](api, unquote(parts.path), query)
        body = said.body if isinstance(said.body, str) else said.body.decode()
        if name in hosts:
            body = body.replace(f'"{hosts[name]}', f'"{url()}{hosts[name] if hosts[name].startswith("/") else ""}')
        return Answer(body, said.status, said.headers, said.date)

    return answer
