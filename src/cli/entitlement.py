"""Entitlement of a provider's key, tried by two calls: a quote as of now, and an hour of history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.contract import model
from core.contract.model import Contract, Contracts, Feed, TradingCalendar
from core.errors import InvalidData, StarmendError
from core.feeds.calendar import FOREVER, validity
from core.feeds.grid import expected_slots
from core.feeds.providers import NO_PROVIDER, asks_live
from core.ports import SecretStore
from core.time import at_epoch
from ingestion.providers.answers import Answer, Broken, Data, Limited, NoData, NotEntitled
from ingestion.providers.build import Source, build_source

LOOK_BACK = timedelta(days=10)  # longer than any holiday of an exchange
SETTLED = timedelta(hours=1)  # beyond what a provider needs to publish a candle


@dataclass(frozen=True, slots=True)
class Finding:
    """The provider's answer to one call. ``fine``: the key may make it; ``remedy`` is empty where it is."""

    dataset: str
    setting: str
    provider: str
    asked: str
    fine: bool
    says: str
    remedy: str = ""


def ask_providers(
    contracts: Contracts, *, secrets: SecretStore, urls: Mapping[str, str], now: datetime
) -> Iterator[Finding]:
    """Two calls per feed, to the provider and to who fills its gaps, where it has both; nothing is stored.

    ``urls`` replaces base addresses as it does for the pull function: by dataset, and ``<dataset>.history``.
    """
    for contract in contracts:
        if isinstance(contract.source, Feed) and asks_live(contract.source):
            yield _live(contract, contract.source, secrets, urls)
        if isinstance(contract.source, Feed) and contract.source.history.kind != NO_PROVIDER:
            yield _history(contract, contract.source, contracts.calendar(contract.source.calendar), secrets, urls, now)


def _live(contract: Contract, feed: Feed, secrets: SecretStore, urls: Mapping[str, str]) -> Finding:
    entity = _entity(feed)
    source = _source(feed, feed.provider, secrets, urls.get(contract.dataset, ""))
    where = (contract.dataset, "source.provider", feed.provider.kind, f"a quote of {entity}")
    try:
        answer = source.provider.live(entity)
    except StarmendError as error:
        return Finding(*where, False, str(error), error.remedy)
    return Finding(*where, *_verdict(answer, source, "source.provider", "Nothing can be acquired with it"))


def _history(
    contract: Contract,
    feed: Feed,
    calendar: TradingCalendar,
    secrets: SecretStore,
    urls: Mapping[str, str],
    now: datetime,
) -> Finding:
    entity = _entity(feed)
    own = urls.get(contract.dataset, "") if feed.history.kind == feed.provider.kind else ""
    source = _source(feed, feed.history, secrets, urls.get(f"{contract.dataset}.history", own))
    where = (contract.dataset, "source.history", feed.history.kind)
    window = _last_hour(feed, calendar, now - source.delay - SETTLED)
    if window is None:
        return Finding(*where, f"history of {entity}", True, "not asked: the calendar was not open lately")
    start, end = window
    asked = f"history of {entity}, {start:%Y-%m-%d %H:%M} to {end:%H:%M} UTC"
    try:
        answer = source.provider.history(entity, start, end)
    except StarmendError as error:
        return Finding(*where, asked, False, str(error), error.remedy)
    lost = "What is missed could not be fetched again"
    return Finding(*where, asked, *_verdict(answer, source, "source.history", lost))


def _source(feed: Feed, spec: model.Provider, secrets: SecretStore, url: str) -> Source:
    attributes = {entity.name: entity.attributes for entity in feed.entities}
    return build_source(
        spec, every=feed.every, secret=feed.secret, secrets=secrets, url=url, connections=1, attributes=attributes
    )


def _entity(feed: Feed) -> str:
    """An entity that is followed without an end, or the first."""
    return next((entity.name for entity in feed.entities if validity(entity)[1] == FOREVER), feed.entities[0].name)


def _last_hour(feed: Feed, calendar: TradingCalendar, until: datetime) -> tuple[datetime, datetime] | None:
    """The last hour at most of slots that were expected before ``until``; None where there were none lately."""
    end = min(int(until.timestamp()), calendar.covers_to)
    start = max(end - int(LOOK_BACK.total_seconds()), calendar.covers_from)
    slots = expected_slots(calendar, every=feed.every, start=start, end=end)
    if not len(slots):
        return None
    last = int(slots[-1])
    first = int(slots[slots > last - 3600][0])
    return at_epoch(first), at_epoch(last + feed.every)


def _verdict(answer: Answer, source: Source, setting: str, lost: str) -> tuple[bool, str, str]:
    """Whether it may be asked, what the provider says, and what to do."""
    secret = source.credential.name if source.credential else "its secret"
    match answer:
        case Data():
            return True, f"answers with {len(answer.points)} points", ""
        case NoData():
            return True, "may be asked; it has nothing for this", ""
        case NotEntitled(what="token"):
            return False, "refuses the key (401)", f"{lost}. Give it a good one: starmend secret set {secret}"
        case NotEntitled():
            remedy = f"{lost}. Name in {setting} of the contract a provider that this key may ask, or pay for the plan"
            return False, "does not include this in the key's plan (403)", remedy
        case Limited():
            after = f" for {answer.retry_after:.0f} s" if answer.retry_after else ""
            return False, f"limits the key{after} (429), so nobody knows", "Ask again later"
        case Broken():
            return False, f"is broken: {answer.reason}", f"Look at the provider's status, and at {setting}"
    raise InvalidData("read an answer", setting, f"{type(answer).__name__} is no answer")
