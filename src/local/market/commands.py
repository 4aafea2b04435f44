"""Commands of ``/_control``, for whoever runs the market in another process.

``POST /_control`` takes one command: ``{"clock": {"set": TIME} | {"advance": SECONDS} | {"run_from": TIME} |
{"real": true}}``, ``{"fail": {"kind": ..., ...}}`` (answers ``{"fault": N}``), ``{"heal": N | null}``, ``{"limits":
{...}}``, ``{"sessions": [[TIME, TIME], ...] | null}``, ``{"symbols": [...]}``, ``{"forget_requests": true}``.
``GET /_control`` says how things stand, ``GET /_control/requests`` who called. Times are ISO 8601 with an offset.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any, Protocol

from local.market.clock import Clock
from local.market.faults import Fault
from local.market.request_log import RequestLog
from local.market.sessions import Span


class Controllable(Protocol):
    """A market, as far as the commands reach it; the methods are those of :class:`local.market.server.Market`."""

    seed: int
    token: str
    clock: Clock
    requests: RequestLog

    def fail(self, kind: str, **which: Any) -> int: ...

    def heal(self, number: int | None = None) -> None: ...

    def limits(
        self, *, per_minute: int | None = None, per_second: int | None = None, retry_after: bool = False
    ) -> None: ...

    def trade_during(self, spans: Collection[Span] | None) -> None: ...

    def list_symbols(self, *symbols: str) -> None: ...


def describe(market: Controllable, path: str) -> Any:
    """The reply to ``GET``: the requests so far, or clock, seed and token."""
    if path.rstrip("/").endswith("/requests"):
        return [request.to_json() for request in market.requests.all()]
    return {"now": market.clock.now().isoformat(), "seed": market.seed, "token": market.token}


def carry_out(market: Controllable, command: dict[str, Any]) -> dict[str, Any]:
    """Carry out one command and answer it. Raises ValueError, TypeError or KeyError where it is not understood."""
    ((name, value),) = command.items()
    if name == "clock":
        _set_clock(market, value)
    elif name == "fail":
        fault = Fault.from_json(value)
        return {"fault": market.fail(**{field: getattr(fault, field) for field in fault.to_json()})}
    elif name == "heal":
        market.heal(value)
    elif name == "limits":
        market.limits(**value)
    elif name == "sessions":
        market.trade_during(value and [(_time(start), _time(end)) for start, end in value])
    elif name == "symbols":
        market.list_symbols(*value)
    elif name == "forget_requests":
        market.requests.clear()
    else:
        raise ValueError(f"unknown command {name!r}")
    return {"now": market.clock.now().isoformat()}


def _set_clock(market: Controllable, how: dict[str, Any]) -> None:
    ((name, value),) = how.items()
    if name == "set":
        market.clock.set(_time(value))
    elif name == "advance":
        market.clock.advance(value)
    elif name == "run_from":
        market.clock.run_from(_time(value))
    elif name == "real":
        market.clock.real()
    else:
        raise ValueError(f"unknown clock command {name!r}")


def _time(text: str) -> dt.datetime:
    at = dt.datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text}: a time needs an offset")
    return at
