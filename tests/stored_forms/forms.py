"""All stored forms: the objects of the lakes, and what travels between functions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.metrics import MemoryMetrics
from tests.stored_forms.database import DatabaseLake, canary_lake, database_lake
from tests.stored_forms.documents import Kept, as_text, objects_of, rendered
from tests.stored_forms.feed import FeedLake, feed_lake
from tests.stored_forms.lake import small_contracts
from tests.stored_forms.messages import example_lines
from tests.stored_forms.metrics import metric_lines
from tests.support.lake import shipped_contracts

from core.rendering.render import render


@dataclass
class Forms:
    """``texts`` are for reading and comparing, ``objects`` those of the lakes."""

    texts: dict[str, str] = field(default_factory=dict)
    objects: dict[str, Kept] = field(default_factory=dict)

    def add_lake(self, lake: FeedLake | DatabaseLake, *counted: MemoryMetrics) -> None:
        """Its objects, parameters, mails and metrics, and what its state machine carried."""
        name = lake.dataset
        for key, kept in objects_of(lake.lake).items():
            self.objects[f"{name}/{key}"], self.texts[f"{name}/{key}"] = kept, as_text(kept)
        self.texts[f"{name}/parameters.jsonl"] = _records(sorted(lake.lake.parameters.values.items()))
        self.texts[f"{name}/machine.jsonl"] = _records(lake.carried)
        self.texts[f"{name}/mail.txt"] = "\n".join(f"{subject}\n\n{text}" for subject, text in lake.mail.sent)
        processing = lake.lake.metrics[name]
        self.texts[f"{name}/metrics.jsonl"] = metric_lines(name, *counted, processing, lake.metrics)


def make_forms() -> Forms:
    """Run the lakes. The same every time and everywhere: no clock, no chance."""
    forms = Forms()
    with feed_lake() as feed:
        forms.add_lake(feed, feed.acquisition.metrics)
        forms.texts["prices/queue.jsonl"] = _lines([*feed.requested, *feed.queued])
        forms.texts["prices/history.jsonl"] = _records(feed.asked)
    for lake in (database_lake(), canary_lake()):
        forms.add_lake(lake, lake.extracted)
        forms.texts[f"{lake.dataset}/queue.jsonl"] = _lines(lake.queued)
        forms.texts[f"{lake.dataset}/source_checks.jsonl"] = _lines(dict.fromkeys(_records(lake.asked).splitlines()))
    forms.texts["messages.txt"] = example_lines()
    forms.texts["contracts.txt"] = rendered(render(small_contracts()), whole=True)
    forms.texts["contracts_shipped.txt"] = rendered(render(shipped_contracts()), whole=False)
    return forms


def _records(some: Iterable[Mapping[str, Any] | tuple[str, str]]) -> str:
    return _lines(json.dumps(one, separators=(",", ":")) for one in some)


def _lines(some: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in some)
