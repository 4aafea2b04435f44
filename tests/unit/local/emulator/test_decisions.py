"""Access decisions written and read."""

from __future__ import annotations

from pathlib import Path

from local.emulator.decisions import FILE, Decision, Ledger, read


def test_each_decision_is_kept_once_in_order(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    allowed = Decision("process", "s3:GetObject", "arn:aws:s3:::a/b", allowed=True)
    refused = Decision("process", "s3:ListBucket", "arn:aws:s3:::a", allowed=False, prefix="tables/")
    ledger = Ledger(tmp_path / FILE)
    for decision in (allowed, refused, allowed):
        ledger.write(decision)
    assert read(tmp_path) == [allowed, refused]
