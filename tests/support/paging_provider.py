"""A provider whose history comes in pages by cursor, and that may leave records out while its pages end normally."""

from __future__ import annotations

import datetime as dt
import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.stored_forms.lake import HERE, TODAY
from tests.support.answering_provider import Provider, Record, float_free, iso, render
from tests.support.scripted_server import Answer, Request

from core.authoring.load import load
from core.contract.model import Contracts

PAGE = 50
_FIELDS = "fields: {o: price}"
_PAGED = f"{_FIELDS}\n        pages: {{by: cursor, parameter: after, from: meta.next}}"


@functools.cache
def paged_contracts() -> Contracts:
    """The feed ``prices`` of the stored forms, of an API whose last page says that there is no more."""
    text = (HERE / "contracts" / "prices.yaml").read_text(encoding="utf-8")
    assert _FIELDS in text
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "prices.yaml").write_text(text.replace(_FIELDS, _PAGED), encoding="utf-8")
        return load(Path(folder), today=TODAY)


@dataclass
class PagingProvider(Provider):
    """``drops(slot)`` says which records an answer leaves out; ``spoil`` changes those that it has."""

    drops: Callable[[int], bool] = lambda _slot: False
    spoil: Callable[[Record], Record] = lambda record: record

    def answer(self, request: Request) -> Answer:
        parts = urlsplit(request.path)
        _, kind, entity = parts.path.split("/")
        if kind == "live":
            return super().answer(request)
        self.answers += 1
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        start, end = (int(dt.datetime.fromisoformat(query[name]).timestamp()) for name in ("start", "end"))
        slots = [
            slot
            for slot in range(-(-start // self.step) * self.step, end, self.step)
            if slot < self.now - self.step and self.has(entity, slot) and not self.drops(slot)
        ]
        first = int(query.get("after", 0))
        page = slots[first : first + PAGE]
        records = [self.spoil({"time": iso(slot), "price": float_free(self.price(entity, slot))}) for slot in page]
        following = {"next": str(first + PAGE)} if slots[first + PAGE :] else {}
        date = f"{self.at:%a, %d %b %Y %H:%M:%S} GMT"
        return Answer(render({"points": records, "meta": following}), date=date)
