"""Certificates and ledgers: bytes that hash alike everywhere, and claims that can be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.audit.certificate import (
    Certificate,
    Ledger,
    certificate_key,
    differences,
    entry_of,
    hash_of,
    head_key,
    number_of,
    window_digest,
)
from core.errors import InvalidData

FIRST = Certificate(
    dataset="quotes", subject="quotes", number=1, previous="", start="2026-11-20T14:30:00Z", end="2026-11-20T15:00:00Z",
    contract="c", calendar="XNYS", expected=2, present=2, observed=2, repaired=0, late=0, absent=0, missing=0,
    partitions={"fact_quote/symbol=AAPL": [2, "d1"]}, digest="d", verified_at="2026-11-20T16:00:00Z", run="r1",
    evidence=("audit/e.json",),
)  # fmt: skip


def test_a_certificate_is_read_back_and_hashes_its_bytes() -> None:
    assert Certificate.from_json(FIRST.to_json(), key="k") == FIRST
    assert FIRST.hash == hash_of(FIRST.to_json())
    assert FIRST.window == "quotes/2026-11-20T14:30:00Z"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", FIRST.to_json().replace(b'"format":1', b'"format":2')])
def test_what_is_no_certificate_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidData, match="is no certificate"):
        Certificate.from_json(body, key="k")


def test_two_certificates_say_the_same_whatever_their_time_and_place_in_the_chain() -> None:
    later = replace(FIRST, number=7, previous="h", verified_at="2026-11-21T00:00:00Z", run="r2", replaces=1)
    assert FIRST.says_the_same(later)
    assert not FIRST.says_the_same(replace(later, present=1, missing=1))


def test_a_successor_says_what_changed() -> None:
    after = replace(FIRST, observed=1, repaired=1, partitions={"fact_quote/symbol=AAPL": [2, "d2"]})
    assert differences(FIRST, after) == {
        "observed": [2, 1],
        "repaired": [0, 1],
        "partitions": ["fact_quote/symbol=AAPL"],
    }
    assert differences(entry_of(FIRST), FIRST) == {}


def test_the_digest_of_a_window_does_not_depend_on_the_order_of_its_partitions() -> None:
    parts = {"b": [1, "x"], "a": [2, "y"]}
    assert window_digest(parts) == window_digest(dict(reversed(parts.items()))) == hash_of(b"a 2 y\nb 1 x\n")


def test_keys_are_read_back_and_others_are_no_certificates() -> None:
    assert number_of(certificate_key("quotes", 42)) == 42
    assert number_of(head_key("quotes")) is None


def test_a_ledger_keeps_the_newest_certificate_of_a_window() -> None:
    newer = entry_of(replace(FIRST, number=3))
    ledger = Ledger().with_entry("w", entry_of(FIRST)).with_entry("w", newer).with_entry("w", entry_of(FIRST))
    assert ledger.windows["w"].number == 3
    assert Ledger.from_json(ledger.to_json(), key="k") == ledger
    with pytest.raises(InvalidData, match="the next audit makes it again"):
        Ledger.from_json(b"[]", key="k")
