"""Run the market by itself: ``python -m local.market --port 8099 --state build/market.json``."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from local.child import Daemon
from local.market.server import DEFAULT_TOKEN, Market
from local.market.sessions import sessions_of

# How far the sessions of an exchange are looked up around the clock's start.
DAYS_BACK, DAYS_AHEAD = 60, 370


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.market", description="A Finnhub-compatible market simulator")
    parser.add_argument("--state", type=Path, required=True, help="file to write the address to")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--token", default=DEFAULT_TOKEN)
    parser.add_argument("--at", type=dt.datetime.fromisoformat, help="stand still at this time (with an offset)")
    parser.add_argument("--calendar", help="trade in the sessions of this exchange only, such as XNYS")
    parser.add_argument("--parent", type=int, help="end when this process does")
    options = parser.parse_args()
    daemon = Daemon(options.state, options.parent)
    with Market.start(port=options.port, seed=options.seed, token=options.token) as market:
        if options.at is not None:
            market.clock.set(options.at)
        if options.calendar is not None:
            today = market.clock.now().date()
            first, last = today - dt.timedelta(days=DAYS_BACK), today + dt.timedelta(days=DAYS_AHEAD)
            market.trade_during(sessions_of(options.calendar, first, last))
        daemon.announce({"url": market.url, "token": market.token})
        daemon.wait()
    daemon.leave()


if __name__ == "__main__":
    main()
