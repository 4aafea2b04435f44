"""Certificates to be chained."""

from __future__ import annotations

from core.audit.certificate import Certificate, window_digest


def draft(hour: int, *, present: int = 60, rows: str = "a") -> Certificate:
    parts = {"fact_quote/symbol=A": [present, rows * 64]}
    return Certificate(
        dataset="quotes",
        subject="quotes",
        number=0,
        previous="",
        start=f"2026-11-20T{hour:02d}:00:00Z",
        end=f"2026-11-20T{hour + 1:02d}:00:00Z",
        contract="c",
        calendar="XNYS",
        expected=60,
        present=present,
        observed=present,
        repaired=0,
        late=0,
        absent=60 - present,
        missing=0,
        partitions=parts,
        digest=window_digest(parts),
        verified_at="2026-11-20T20:00:00Z",
        run="r",
    )
