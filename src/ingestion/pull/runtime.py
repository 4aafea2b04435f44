"""The runtime of the pull function, kept between batches: providers with their connections and paces."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.audit.history import HistoryRequest
from core.contract import model
from core.feeds.calendar import STEPS
from core.feeds.lines import provider_fields
from core.feeds.providers import account_of, account_plan, history_share
from core.feeds.turns import Plan, Share
from core.ports import Log, Metrics, ObjectStore, SecretStore, Stream
from ingestion.providers.build import Source, build_source
from ingestion.providers.transport.web import WHOLE_SECONDS
from ingestion.pull.ask import CONCURRENT_CALLS
from ingestion.pull.batch import Message, PullReport, pull_batch
from ingestion.pull.events import batch_response, messages_of
from ingestion.pull.feed_client import FeedClient
from ingestion.pull.history import pull_history
from ingestion.pull.ledger import Ledger, OwnLedger, SharedLedger
from ingestion.pull.pace import Clock, Pace

SPARE_SECONDS = 8.0  # to write the answers before the function's time is over


class PullRuntime:
    """Pulls live points and history of all feeds.

    ``urls`` replaces providers' base URLs: by dataset, and ``<dataset>.history`` for a history of its own. ``records``
    is where notes for the auditor go, and where all containers take their turns at a provider; without it each counts
    alone.
    """

    def __init__(
        self,
        *,
        contracts: model.Contracts,
        secrets: SecretStore,
        stream_of: Callable[[str], Stream],
        metrics_of: Callable[[str], Metrics],
        flush_metrics: Callable[[], None],
        urls: Mapping[str, str],
        clock: Clock,
        log: Log,
        concurrent_calls: int = CONCURRENT_CALLS,
        records: Callable[[], ObjectStore] | None = None,
    ) -> None:
        self._contracts = contracts
        self._secrets = secrets
        self._stream_of = stream_of
        self._metrics_of = metrics_of
        self._flush_metrics = flush_metrics
        self._urls = urls
        self.concurrent_calls = concurrent_calls
        self._records = records
        self._clients: dict[tuple[str, int], FeedClient] = {}
        self._ledgers: dict[str, Ledger] = {}
        self.clock = clock
        self.log = log

    def client(self, dataset: str, every: int = 0) -> FeedClient:
        """The client of a feed; ``every`` (seconds, 0: the contract's) is the cadence of an earlier contract.

        Raises ``KeyError`` where the contracts name no such feed, ``BadContract`` where its provider is none.
        """
        feed = self._contracts.feed(dataset)
        key = dataset, every or feed.every
        if key not in self._clients:
            self._clients[key] = self._build(dataset, replace(feed, every=key[1]))
        return self._clients[key]

    def pull(self, messages: Sequence[Message], *, until: float) -> PullReport:
        """Pull one batch, done before ``until`` (monotonic)."""
        return pull_batch(messages, client_of=self.client, clock=self.clock, log=self.log, until=until)

    def answer(self, event: Mapping[str, Any], *, milliseconds: float) -> dict[str, Any]:
        """SQS's event in, its partial batch response out, within the time that the function has left."""
        try:
            report = self.pull(messages_of(event), until=self.clock.monotonic() + milliseconds / 1000 - SPARE_SECONDS)
        finally:
            self._flush_metrics()
        return batch_response(report)

    def last_call(self, *, milliseconds: float) -> float:
        """The end (monotonic) of calls for history, where a function has so much time left.

        A call that has begun is waited for, and what it gives is written.
        """
        return self.clock.monotonic() + milliseconds / 1000 - WHOLE_SECONDS - SPARE_SECONDS

    def repair(self, request: Mapping[str, Any], *, until: float) -> dict[str, Any]:
        """``HistoryRequest`` in, ``HistoryOutcome`` out, both as JSON data; raises what ``pull_history`` raises.

        ``until`` is the same for all requests of one function's run (``last_call``).
        """
        asked = HistoryRequest.from_data(request)
        client = self.client(asked.dataset, asked.every)
        return pull_history(asked, client=client, clock=self.clock, until=until).to_data()

    def _build(self, dataset: str, feed: model.Feed) -> FeedClient:
        live = self._source(feed, feed.provider, self._urls.get(dataset, ""))
        history = live
        if feed.history != feed.provider:
            own = "" if feed.history.kind != feed.provider.kind else self._urls.get(dataset, "")
            history = self._source(feed, feed.history, self._urls.get(f"{dataset}.history", own))
        return FeedClient(
            contract=self._contracts.dataset(dataset),
            feed=feed,
            calendar=self._contracts.calendar(feed.calendar),
            live=live,
            history=history,
            live_pace=self._pace(feed, feed.provider, account_plan(self._contracts, feed, feed.provider)),
            history_pace=self._pace(feed, feed.history, history_share(self._contracts, feed)),
            stream=self._stream_of(dataset),
            metrics=self._metrics_of(dataset),
            log=self.log,
            notes=self._records,
            at_once=self.concurrent_calls,
        )

    def _source(self, feed: model.Feed, spec: model.Provider, url: str) -> Source:
        return build_source(
            spec,
            every=feed.every,
            secret=feed.secret,
            secrets=self._secrets,
            url=url,
            connections=self.concurrent_calls,
            taken={field.name for field in provider_fields(feed)},
            attributes={entity.name: entity.attributes for entity in feed.entities},
            step=STEPS.get(feed.calendar, 0),
            sleep=self.clock.sleep,
        )

    def _pace(self, feed: model.Feed, provider: model.Provider, plan: Plan | Share) -> Pace:
        account = account_of(feed, provider)
        if account not in self._ledgers:
            self._ledgers[account] = SharedLedger(self._records(), account) if self._records else OwnLedger()
        return Pace(self.clock, plan, ledger=self._ledgers[account], log=self.log)


def machine_clock() -> Clock:
    """This machine's time."""
    return Clock(now=lambda: datetime.now(UTC), monotonic=time.monotonic, sleep=time.sleep)
