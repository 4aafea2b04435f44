"""The notary Lambda: a schedule's ``{"dataset": "quotes"}`` signs how far that dataset's certificates have gone.

It reads certificates, adds anchors and asks the keys to sign, and has no other right. What fails is an error of the
function, which its alarm tells: nothing is signed over a past that was changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from notary.runtime import build_runtime
from notary.sign import sign_chain


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The sequence of the new anchor and the certificate that it names; both 0 where there was nothing to sign."""
    records, anchors, signers, log = build_runtime()
    dataset = str(event["dataset"])
    anchor = sign_chain(dataset, records=records, anchors=anchors, signers=signers, now=datetime.now(UTC))
    if anchor is None:
        return {"dataset": dataset, "anchor": 0, "certificate": 0}
    log.info("chain signed", extra={"dataset": dataset, "anchor": anchor.sequence, "certificate": anchor.number})
    return {"dataset": dataset, "anchor": anchor.sequence, "certificate": anchor.number}
