"""Cost of a feed's object once everything is warm: eleven quotes into a month of one symbol, without S3."""

from __future__ import annotations

from bench.options import Options
from bench.race import OURS, Contestant, race
from bench.record import Record

QUOTES, DAYS = 11, 20


def quotes_11_warm(options: Options) -> Record:
    """Short, so it is measured often; no peer does the same."""
    often = options.with_rounds(300)
    given = {"quotes": QUOTES, "days": DAYS}
    contestants = [Contestant(OURS, "bench.ours:quotes_warm", given, compared=False)]
    return race(contestants, threads=1, options=often).record("quotes_11_warm", rows_in_month=DAYS * 390 - QUOTES)


MEASURES = {"quotes_11_warm": quotes_11_warm}
