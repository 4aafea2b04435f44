"""Call the market simulator as a careful client would: header token, decimals kept exact."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests

# Where tests set the market's clock: a Friday, while New York trades, in the first seconds of a minute.
NOW = dt.datetime(2026, 11, 20, 15, 0, 5, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Caller:
    url: str
    token: str
    session: requests.Session

    def get(self, path: str, **parameters: Any) -> requests.Response:
        headers = {"X-Finnhub-Token": self.token, "X-Api-Key": self.token}
        return self.session.get(f"{self.url}{path}", params=parameters, headers=headers, timeout=60)

    def quote(self, symbol: str = "AAPL") -> requests.Response:
        return self.get("/api/v1/quote", symbol=symbol)

    def candles(self, start: dt.datetime, end: dt.datetime, symbol: str = "AAPL") -> requests.Response:
        seconds = {"from": int(start.timestamp()), "to": int(end.timestamp())}
        return self.get("/api/v1/stock/candle", symbol=symbol, resolution="1", **seconds)


def exact(answer: requests.Response) -> Any:
    """The JSON with every number that has a point as the Decimal that was written."""
    return json.loads(answer.text, parse_float=Decimal)
