"""The client of any API that ``core.feeds.rest`` can describe: it asks, and lets ``verdict`` say what was answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from core.feeds.rest.settings import HistoryCall, RestSpec
from ingestion.providers.answers import Answer, Data, always, ends_calls
from ingestion.providers.rest.asking import ask_history, ask_live, history_call, live_call, periods
from ingestion.providers.rest.pages import PageReader, Pages
from ingestion.providers.rest.verdict import Verdict, joined
from ingestion.providers.transport.web import Web


class Rest:
    """The provider for one cadence, ``every`` seconds.

    ``attributes`` are those of each entity. ``taken`` names the fields that columns take (None: all). ``step``: the
    seconds between points, where they lie further apart than the cadence.
    """

    def __init__(
        self,
        web: Web,
        spec: RestSpec,
        *,
        every: int,
        taken: Collection[str] | None = None,
        attributes: Mapping[str, Mapping[str, str]] | None = None,
        step: int = 0,
    ) -> None:
        self._web = web
        self._spec = spec
        self._every = every
        self._attributes = attributes or {}
        self._verdict = Verdict(spec, every=every, taken=taken, step=step)

    def live(self, entity: str) -> Answer:
        return self.live_all([entity])[entity]

    def live_all(self, entities: Sequence[str], *, turn: Callable[[], bool] = always) -> Mapping[str, Answer]:
        call = live_call(self._spec)
        ask = ask_live(call, entities, self._attributes.get(entities[0], {}))
        return self._verdict.live(call, ask, entities, self._web.ask(ask.path, ask.query, ask.body, turn=turn))

    def history(self, entity: str, start: datetime, end: datetime, *, turn: Callable[[], bool] = always) -> Answer:
        call = history_call(self._spec)
        answers: list[Answer] = []
        for first, last in periods(self._spec, call, start, end):
            if answers and not turn():
                return joined(answers, missing="no call for its later part in time")
            answers.append(self._part(call, entity, first, last, turn=turn))
            if ends_calls(answers[-1]):
                break
        return joined(answers)

    def _part(
        self, call: HistoryCall, entity: str, start: datetime, end: datetime, *, turn: Callable[[], bool]
    ) -> Answer:
        attributes = self._attributes.get(entity, {})
        ask = ask_history(self._spec, call, entity, attributes, start=start, end=end, every=self._every)
        pages = PageReader(call, ask, self._verdict.reader(call, ask)).fetch(self._web, turn=turn)
        if not isinstance(pages, Pages):
            return pages
        answer = self._verdict.history(call, ask, pages, start=start, end=end)
        if pages.stopped is None:
            return answer
        return replace(answer, stopped=pages.stopped) if isinstance(answer, Data) else pages.stopped
