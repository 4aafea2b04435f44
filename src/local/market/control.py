"""Control of a market in another process, with the methods of one in this process."""

from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.request
from collections.abc import Collection
from pathlib import Path
from typing import Any

from core.errors import OutOfReach
from local.child import Child
from local.market.faults import Fault
from local.market.prices import Candle, candle
from local.market.request_log import Request, RequestLog
from local.market.sessions import Span, minute_of

SECONDS = 10


class MarketControl:
    """The same methods as :class:`local.market.server.Market`, over HTTP. Raises OutOfReach when nobody answers."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.api_url = f"{self.url}/api/v1"
        # Loopback: whatever proxy the environment names is not asked.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        state = self._call("/_control")
        self.seed: int = state["seed"]
        self.token: str = state["token"]
        self.clock = ClockControl(self)

    @property
    def requests(self) -> RequestLog:
        """A copy of the calls so far; :meth:`forget_requests` clears the market's own log."""
        return RequestLog(Request.from_json(data) for data in self._call("/_control/requests"))

    def forget_requests(self) -> None:
        self.command({"forget_requests": True})

    def fail(self, kind: str, **which: Any) -> int:
        return int(self.command({"fail": Fault(kind, **which).to_json()})["fault"])

    def heal(self, number: int | None = None) -> None:
        self.command({"heal": number})

    def limits(
        self, *, per_minute: int | None = None, per_second: int | None = None, retry_after: bool = False
    ) -> None:
        self.command({"limits": {"per_minute": per_minute, "per_second": per_second, "retry_after": retry_after}})

    def trade_during(self, spans: Collection[Span] | None) -> None:
        sessions = None if spans is None else [[start.isoformat(), end.isoformat()] for start, end in spans]
        self.command({"sessions": sessions})

    def list_symbols(self, *symbols: str) -> None:
        self.command({"symbols": list(symbols)})

    def candle(self, symbol: str, at: dt.datetime) -> Candle:
        return candle(symbol, minute_of(at), seed=self.seed)

    def command(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send one command; ValueError with the market's reason when it does not understand."""
        answer: dict[str, Any] = self._call("/_control", json.dumps(command).encode())
        return answer

    def _call(self, path: str, body: bytes | None = None) -> Any:
        try:
            with self._opener.open(urllib.request.Request(self.url + path, data=body), timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.load(error)["error"]) from None
        except OSError as error:
            raise OutOfReach("control the market", self.url, str(error), "Start it: python -m local.market") from error


class ClockControl:
    """The clock of a market in another process."""

    def __init__(self, market: MarketControl) -> None:
        self._market = market

    def now(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self._market._call("/_control")["now"])

    def set(self, at: dt.datetime) -> None:
        self._market.command({"clock": {"set": at.isoformat()}})

    def advance(self, seconds: float) -> None:
        self._market.command({"clock": {"advance": seconds}})

    def run_from(self, at: dt.datetime) -> None:
        self._market.command({"clock": {"run_from": at.isoformat()}})

    def real(self) -> None:
        self._market.command({"clock": {"real": True}})


class MarketProcess(MarketControl):
    """A market that was started as a process, by us or by somebody who left its state in a folder."""

    def __init__(self, child: Child) -> None:
        super().__init__(child.facts["url"])
        self._child = child

    @classmethod
    def start(
        cls, state_dir: Path, *, port: int = 0, seed: int = 0, token: str | None = None, detached: bool = False
    ) -> MarketProcess:
        """Run ``python -m local.market``; it ends with this process, unless ``detached``."""
        arguments = ["--port", str(port), "--seed", str(seed)]
        if token is not None:
            arguments += ["--token", token]
        return cls(Child.start("local.market", arguments, state=_state_file(state_dir), detached=detached))

    @classmethod
    def attach(cls, state_dir: Path) -> MarketProcess:
        """The one that runs there; OutOfReach when none does."""
        return cls(Child.attach(_state_file(state_dir)))

    def stop(self) -> None:
        """End it and remove what it left in its folder."""
        self._child.stop()


def _state_file(state_dir: Path) -> Path:
    return state_dir / "market.json"
