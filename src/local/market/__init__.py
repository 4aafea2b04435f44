"""A market that can be told what time it is and how to fail: Finnhub's calls, and a weather service beside them."""

from local.market.control import MarketControl, MarketProcess
from local.market.prices import Candle
from local.market.server import Market

__all__ = ["Candle", "Market", "MarketControl", "MarketProcess"]
