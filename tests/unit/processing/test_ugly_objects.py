"""Damaged and unusual objects: whatever is wrong, a receipt accounts for every line."""

from __future__ import annotations

import gzip

import pytest
from tests.support.lake import MemoryLake, line_of, order, shipped_contracts

KEY = "tables/sales/sales_order/000000000001.jsonl.gz"
GOOD = [line_of(order(number)) for number in range(1, 9)]
WHOLE = b"".join(GOOD)


def with_units(text: bytes) -> bytes:
    return GOOD[0].replace(b'"units_sold": 3', b'"units_sold": ' + text)


# Name: the object's bytes, lines in, rows in the fact, rejected, outcome.
UGLY: dict[str, tuple[bytes, int, int, int, str]] = {
    "empty object": (b"", 0, 0, 0, "unchanged"),
    "empty gzip": (gzip.compress(b""), 0, 0, 0, "unchanged"),
    "only newlines": (gzip.compress(b"\n\n\r\n"), 0, 0, 0, "unchanged"),
    "half a last line": (gzip.compress(WHOLE + GOOD[0][:40]), 9, 8, 1, "committed"),
    "no last newline": (gzip.compress(WHOLE.rstrip(b"\n")), 8, 8, 0, "committed"),
    "byte order mark": (gzip.compress(b"\xef\xbb\xbf" + WHOLE), 8, 8, 0, "committed"),
    "carriage returns": (gzip.compress(WHOLE.replace(b"\n", b"\r\n")), 8, 8, 0, "committed"),
    "several members": (b"".join(gzip.compress(line) for line in GOOD), 8, 8, 0, "committed"),
    "plain text": (WHOLE, 8, 8, 0, "committed"),
    "NaN": (gzip.compress(WHOLE + with_units(b"NaN")), 9, 8, 1, "committed"),
    "an integer of 100 digits": (gzip.compress(WHOLE + with_units(b"9" * 100)), 9, 8, 1, "committed"),
    "an integer beyond 64 bits": (gzip.compress(WHOLE + with_units(str(2**64).encode())), 9, 8, 1, "committed"),
    "invalid UTF-8": (gzip.compress(WHOLE + GOOD[0].replace(b"2026-11-21", b"\xff\xfe")), 9, 8, 1, "committed"),
    "null bytes": (gzip.compress(WHOLE + b"\0" * 50 + b"\n"), 9, 8, 1, "committed"),
    "deep nesting": (gzip.compress(WHOLE + b"[" * 5_000 + b"\n"), 9, 8, 1, "committed"),
    "truncated gzip": (gzip.compress(WHOLE, 1)[:-20], 0, 0, 0, "halted"),
    "corrupt gzip": (gzip.compress(WHOLE, 1)[:60] + b"\xff" * 30 + gzip.compress(WHOLE, 1)[90:], 0, 0, 0, "halted"),
}


@pytest.mark.parametrize("what", UGLY)
def test_a_receipt_accounts_for_every_line(what: str) -> None:
    body, lines, rows, rejected, outcome = UGLY[what]
    lake = MemoryLake(shipped_contracts())
    lake.ingest.write(KEY, body)
    assert lake.process(KEY) == {}
    receipt = lake.receipt(KEY)
    assert receipt["outcome"] == outcome, receipt["reason"]
    if outcome == "halted":
        assert receipt["rows_out"] == 0
        assert receipt["reason"]
        assert lake.paths("fact_sales_order") == []
        return
    assert (receipt["lines_in"], receipt["rows_out"], receipt["rejected"]) == (lines, rows, rejected)
    assert receipt["lines_in"] == receipt["accepted"] + receipt["rejected"]
    assert len(lake.quarantined(KEY)) == rejected
    assert len(lake.rows("fact_sales_order")) == rows


@pytest.mark.parametrize("what", UGLY)
def test_and_once_more_changes_nothing(what: str) -> None:
    lake = MemoryLake(shipped_contracts())
    lake.ingest.write(KEY, UGLY[what][0])
    lake.process(KEY)
    versions, quarantined = lake.versions(), lake.quarantined(KEY)
    lake.process(KEY)
    assert lake.versions() == versions
    assert lake.quarantined(KEY) == quarantined
