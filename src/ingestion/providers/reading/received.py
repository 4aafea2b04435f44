"""An answer as it came, before anything is made of it: a saved one is read like one of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from requests.structures import CaseInsensitiveDict

from core.audit.history import Evidence
from core.time import format_second
from ingestion.providers.reading.headers import made_at, next_link, provider_clock

EVIDENCE_CHARACTERS = 400
End = Literal["told", "unknown", "cut"]


@dataclass(frozen=True, slots=True)
class Received:
    """Status, headers (of any spelling) and body of an answer; nothing of it holds a secret.

    ``came_at``: by this machine's clock, None of a saved one. ``end`` says whether the body is known to be whole, by
    its length, its chunks or the end of its compression (``told``); one that only ends with its connection may have
    been cut (``unknown``), and one whose compression has no end was.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    evidence: Evidence
    came_at: datetime | None = None
    end: End = "told"

    @property
    def provider_time(self) -> datetime | None:
        """The provider's own clock."""
        return provider_clock(self.headers)

    @property
    def made_at(self) -> datetime | None:
        """When the answer was made by the provider's own clock, however long it lay in a cache."""
        return made_at(self.headers, self.came_at)

    @property
    def next_link(self) -> str:
        """The URL that the Link header calls the next page; empty where it names none."""
        return next_link(self.headers.get("Link", ""))


def received(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    request: str,
    came_at: datetime | None = None,
    end: End = "told",
) -> Received:
    """An answer with its evidence; ``request`` names the call, without its secret."""
    spelt = headers if isinstance(headers, CaseInsensitiveDict) else CaseInsensitiveDict(headers)
    origin = made_at(spelt, came_at)
    text = body[: EVIDENCE_CHARACTERS * 4].decode("utf-8", "replace")[:EVIDENCE_CHARACTERS]
    evidence = Evidence(request, status, text, format_second(origin) if origin else "")
    return Received(status, spelt, body, evidence, came_at, end)
