"""What ``/_control`` understands, for whoever runs the market in another process.

``POST /_control`` takes one command: ``{"clock": {"set": TIME} | {"advance": SECONDS} | {"run_from": TIME} |
{"real": true}}``, ``{"fail": {"kind": ..., ...}}`` (answers ``{"fault": N}``), ``{"heal": N | null}``, ``{"limits":
{...}}``, ``{"sessions": [[TIME, TIME], ...] | null}``, ``{"symbols": [...]}``, ``{"forget_requests": true}``.
``GET /_control`` says how things stand, ``GET /_control/requests`` who called. Times are ISO 8601 with an offset.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from local.market.faults import Fault

if TYPE_CHECKING:
    from local.market.server import Market


def describe(market: Market, path: str) -> Any:
    if path.rstrip("/").endswith("/requests"):
        return [request.to_json() for request in market.requests.all()]
    return {"now": market.clock.now().isoformat(), "seed": market.seed, "token": market.token}


def carry_out(market: Market, command: dict[str, Any]) -> dict[str, Any]:
    """ValueError, TypeError or KeyError when it is not understood."""
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


def _set_clock(market: Market, how: dict[str, Any]) -> None:
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
