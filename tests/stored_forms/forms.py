"""All stored forms: the objects of the lakes, and what travels between functions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.stored_forms.documents import as_text, objects_of
from tests.stored_forms.feed import feed_lake
from tests.stored_forms.lake import small_contracts
from tests.stored_forms.metrics import metric_lines

from core.contract.render import render


@dataclass(frozen=True)
class Forms:
    """``texts`` are for reading and comparing, ``objects`` the bytes of both lakes."""

    texts: dict[str, str]
    objects: dict[str, bytes]


def make_forms() -> Forms:
    """Run both lakes. The same every time and everywhere: no clock, no chance."""
    texts: dict[str, str] = {}
    objects: dict[str, bytes] = {}
    with feed_lake() as feed:
        for name, (body, metadata) in objects_of(feed.memory).items():
            objects[f"feed/{name}"], texts[f"feed/{name}"] = body, as_text(body, metadata)
        texts["feed/queue/requests.jsonl"] = _lines(feed.requested)
        texts["feed/queue/history.jsonl"] = _records(feed.asked)
        texts["feed/mail.txt"] = "\n".join(f"{subject}\n\n{text}" for subject, text in feed.mail.sent)
        texts["feed/metrics.jsonl"] = metric_lines(
            "prices", feed.acquisition.metrics, feed.memory.metrics["prices"], feed.metrics
        )
    texts["contracts.json"] = render(small_contracts())
    return Forms(texts, objects)


def _records(data: Any) -> str:
    return "".join(json.dumps(one, sort_keys=True) + "\n" for one in data)


def _lines(some: list[str]) -> str:
    return "".join(f"{line}\n" for line in some)
