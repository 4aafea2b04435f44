"""Market simulator with a settable clock and switchable faults: Finnhub's calls, and a weather service's."""

from local.market.control import MarketControl, MarketProcess
from local.market.prices import Candle
from local.market.server import Market

__all__ = ["Candle", "Market", "MarketControl", "MarketProcess"]
