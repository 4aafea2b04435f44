"""Promises of a feed at each time: its newest contract, with entities, cadence and calendar as they were before it.

The result is a contract like any other, so that whoever counts what is owed needs to know of one contract only. Pure.

- A point is owed by the contract of its time. The first contract speaks for all time before it, for whoever asks for a
  backfill.
- An entity is expected from the deployment on that brought it, until the one that took it out. What the newest contract
  that names it says of its bounds (``valid_from``, ``valid_until``) holds for all time: it is how somebody says that an
  entity's past is to be fetched, or that it ended before anybody noticed.
- A calendar speaks for its time as far as it reaches, the newest one for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from core.contract.model import Contracts, Entity, Feed, TradingCalendar
from core.evolution.deployments import ContractForm, Deployment, Recorded, read_history
from core.feeds.calendar import FOREVER, validity
from core.ports import ObjectReader
from core.time import iso

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Settling:
    """The time that points could take from ``since`` on (epoch seconds): ``settle`` seconds from their slot's start.

    Slots are ``every`` seconds long.
    """

    since: int
    every: int
    settle: int


@dataclass(frozen=True, slots=True)
class _Era:
    """The time in which a contract held."""

    since: int
    until: int
    feed: Feed
    calendar: TradingCalendar


def contracts_at_all_times(contracts: Contracts, dataset: str, history: Sequence[Recorded], *, now: int) -> Contracts:
    """The contracts, the named dataset's feed with what it promised before; of other datasets nothing changes.

    ``now`` (epoch seconds) is when a contract that the history does not end with began to hold.
    """
    contract = next((contract for contract in contracts if contract.dataset == dataset), None)
    if contract is None or not isinstance(contract.source, Feed) or not history:
        return contracts
    today = ContractForm.of(contracts, dataset)
    if history[-1].form != today:
        number = history[-1].deployment.number + 1
        since = max(now, history[-1].deployment.since)
        unrecorded = Deployment(dataset, number, since, contract.hash, "")
        history = [*history, Recorded(unrecorded, today)]
    eras = _eras(history)
    if all(_promise(era) == _promise(eras[0]) for era in eras):
        return contracts
    calendar = _calendar(eras, name=f"{contract.source.calendar} as promised to {dataset}")
    feed = replace(contract.source, entities=_entities(eras), calendar=calendar.name)
    changed = (replace(each, source=feed) if each is contract else each for each in contracts)
    return replace(contracts, contracts=tuple(changed), calendars=(*contracts.calendars, calendar))


def read_promises(contracts: Contracts, dataset: str, store: ObjectReader, *, now: int) -> Contracts:
    """``contracts_at_all_times`` by the history in the warehouse bucket, which is read for a feed alone."""
    if not any(contract.dataset == dataset and isinstance(contract.source, Feed) for contract in contracts):
        return contracts
    return contracts_at_all_times(contracts, dataset, read_history(store, dataset), now=now)


def settlings(history: Sequence[Recorded]) -> tuple[Settling, ...]:
    """The time that a feed's points could take, in order; the first holds for all before it, too. Empty: no feed's."""
    eras = [Settling(era.since, era.feed.every, era.feed.settle) for era in _eras(history)] if history else []
    return tuple(next(same) for _, same in groupby(eras, key=lambda era: (era.every, era.settle)))


def place_of(history: Sequence[Recorded], contract: str, *, verified_at: int) -> int | None:
    """The place in the history of the contract of this hash that an audit at that time went by; None: it has none."""
    places = [place for place, recorded in enumerate(history) if recorded.deployment.contract == contract]
    earlier = [place for place in places if history[place].deployment.since <= verified_at]
    return earlier[-1] if earlier else places[0] if places else None


def contracts_until(history: Sequence[Recorded], place: int) -> Contracts:
    """The dataset's contract at this place with all that was promised before it, as an audit of that time knew it."""
    recorded = history[place]
    form = recorded.form
    contracts = Contracts((form.contract,), form.lookups, (form.calendar,) if form.calendar else ())
    return contracts_at_all_times(contracts, form.contract.dataset, history[: place + 1], now=recorded.deployment.since)


def _promise(era: _Era) -> tuple[object, ...]:
    """What decides which points are owed."""
    return era.feed.entities, era.feed.every, era.calendar


def _eras(history: Sequence[Recorded]) -> list[_Era]:
    """The times of the deployments that had a feed, the first one's from the beginning on."""
    of_feeds = [
        (recorded.deployment.since, recorded.form.contract.source, recorded.form.calendar)
        for recorded in history
        if isinstance(recorded.form.contract.source, Feed) and recorded.form.calendar is not None
    ]
    starts = [-FOREVER, *(since for since, _, _ in of_feeds[1:]), FOREVER]
    return [
        _Era(since, until, feed, calendar)
        for (since, until), (_, feed, calendar) in zip(pairwise(starts), of_feeds, strict=True)
        if since < until
    ]


# ---------------------------------------------------------------- entities


def _entities(eras: Sequence[_Era]) -> tuple[Entity, ...]:
    """Every entity that was ever promised, those of the newest contract first."""
    newest: dict[str, tuple[_Era, Entity]] = {}
    for era in reversed(eras):
        for entity in era.feed.entities:
            newest.setdefault(entity.name, (era, entity))
    return tuple(_at_all_times(eras, era, entity) for era, entity in newest.values())


def _at_all_times(eras: Sequence[_Era], last: _Era, entity: Entity) -> Entity:
    """The entity with all the time in which it was expected; ``last`` is the newest era that names it."""
    spans: list[Span] = []
    for era in eras:
        for named in era.feed.entities:
            if named.name == entity.name:
                since, until = validity(named)
                spans.append((max(since, era.since), min(until, era.until)))
    since, until = validity(entity)
    if since > -FOREVER:
        spans.append((since, min(until, last.until)))
    joined = _joined((start, min(end, until)) for start, end in spans)
    if not joined:
        return replace(entity, valid_from=iso(0), valid_until=iso(0))  # never expected
    *earlier, latest = [(_text(start), _text(end)) for start, end in joined]
    return replace(entity, valid_from=latest[0], valid_until=latest[1], earlier=tuple(earlier))


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that touch one another as one; empty ones are left out."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _text(instant: int) -> str:
    return "" if abs(instant) >= FOREVER else iso(instant)


# ---------------------------------------------------------------- calendar and cadence


def _calendar(eras: Sequence[_Era], *, name: str) -> TradingCalendar:
    """The calendars of all eras as one, and the cadences before the newest."""
    newest = eras[-1].calendar
    parts: list[tuple[int, int, TradingCalendar]] = []
    for era in eras:
        start, end = max(era.since, era.calendar.covers_from), min(era.until, era.calendar.covers_to)
        if start < end:
            parts.append((start, end, era.calendar))
    start = min(newest.covers_from, *(first for first, _, _ in parts)) if parts else newest.covers_from
    whole: list[tuple[int, int, TradingCalendar]] = []
    for first, last, calendar in parts:
        if start < first and newest.covers_from <= start:
            whole.append((start, first, newest))
        elif start < first:
            whole.clear()  # what nobody knows must not look like a holiday: the calendar begins after it
        whole.append((first, last, calendar))
        start = last
    if start < newest.covers_to:
        whole.append((start, newest.covers_to, newest))
    cadences: list[tuple[int, int]] = []
    for era, following in pairwise(eras):
        if era.feed.every != following.feed.every:
            cadences.append((era.until, era.feed.every))
    return TradingCalendar(
        name=name,
        version=newest.version,
        covers_from=whole[0][0],
        covers_to=whole[-1][1],
        segments=_segments(whole),
        cadences=tuple(cadences),
    )


def _segments(parts: Sequence[tuple[int, int, TradingCalendar]]) -> tuple[Span, ...]:
    """The segments of each calendar within its part; one that goes on in the next part is one segment."""
    return tuple(
        _joined(
            [
                (max(opens, start), min(closes, end))
                for start, end, calendar in parts
                for opens, closes in calendar.segments
                if opens < end and closes > start
            ]
        )
    )
