"""Reads of metrics: each set of dimensions is a metric of its own, and so is none.

Restores "Dimensions" in "Metrics concepts" (CloudWatch User Guide: "you can't retrieve statistics for combinations of
dimensions that you did not publish") for GetMetricStatistics and GetMetricData, where stock adds all dimensions up when
none is asked for.
"""

from __future__ import annotations

from ministack.services import cloudwatch

from local.emulator.patching import wrap
from local.emulator.settings import Settings


class _Exactly(dict[str, str]):
    """Dimensions to match exactly. Stock takes what is false for "any"."""

    def __bool__(self) -> bool:
        return True


def apply(_settings: Settings) -> None:
    wrap(cloudwatch, "_dims_from_list", lambda stock, dimensions: _Exactly(stock(dimensions)))
