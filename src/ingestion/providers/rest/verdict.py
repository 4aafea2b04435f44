"""The verdict on an answer of a described API: points, nothing, or why neither may be said. Pure.

``judge_live`` and ``judge_history`` judge a saved answer as the client judges one that has just come.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.feeds.calendar import slot_of
from core.feeds.rest.settings import Call, HistoryCall, LiveCall, RestSpec, names_entity
from core.time import at_epoch
from ingestion.providers.answers import Answer, Broken, Data, NoData, Point, ends_calls
from ingestion.providers.reading.classify import Reply, classify
from ingestion.providers.reading.received import Received
from ingestion.providers.reading.slots import Record, fit
from ingestion.providers.rest.asking import (
    EARLIEST,
    LATEST,
    Ask,
    ask_history,
    ask_live,
    history_call,
    live_call,
)
from ingestion.providers.rest.pages import PageReader, Pages
from ingestion.providers.rest.records import Reader

DRIFT = timedelta(minutes=1)  # of an instrument's clock before the provider's


class Verdict:
    """The judge of one API's answers, for one cadence of ``every`` seconds."""

    def __init__(self, spec: RestSpec, *, every: int, taken: Collection[str] | None = None, step: int = 0) -> None:
        self._spec = spec
        self._every = every
        self._taken = taken
        self._step = step

    def reader(self, call: Call, ask: Ask) -> Reader:
        """The reader of a call's records."""
        form = self._spec.times(call).in_records
        return Reader(call, form, ask.values, self._taken, self._spec.offset)

    # ------------------------------------------------------------ live

    def live(self, call: LiveCall, ask: Ask, entities: Sequence[str], answer: Received | Broken) -> dict[str, Answer]:
        """The answer for each of the entities that were asked for in one call."""
        reply = answer if isinstance(answer, Broken) else classify(answer, call, ask.values)
        records = self.reader(call, ask).of_entities(reply) if isinstance(reply, Reply) else reply
        if not isinstance(reply, Reply) or not isinstance(records, dict):
            return dict.fromkeys(entities, records)  # type: ignore[arg-type]
        if records and names_entity(call) and records.keys().isdisjoint(entities):
            return dict.fromkeys(entities, Broken("all its records are of other entities", reply.evidence))
        return {entity: self._live_of(call, reply, records.get(entity, [])) for entity in entities}

    def _live_of(self, call: LiveCall, reply: Reply, records: Sequence[Record]) -> Answer:
        filled = [record for record in records if not record.is_empty]
        if not filled:
            return NoData(reply.evidence)
        if call.slot == "record" and len(filled) > 1 and all(record.time is not None for record in filled):
            filled = [max(filled, key=lambda record: record.time)]  # type: ignore[arg-type, return-value]
        if len(filled) > 1:
            return Broken(f"{len(filled)} records where one was asked for", reply.evidence)
        record, clock = filled[0], reply.provider_time
        if record.reason:
            return Broken(f"a record that the contract does not describe ({record.reason})", reply.evidence)
        if clock is None:
            return Broken("no Date header, so nobody knows which slot this is", reply.evidence)
        point = Point(record.time, record.values)
        if call.slot == "record" and record.time is not None:
            if not -DRIFT <= clock - (record.time + self._spec.offset) <= self._spec.span:  # a clock may show any year
                return Broken("a record of another time than the provider's clock shows", reply.evidence)
            return Data((point,), clock, reply.evidence, slot_time=record.time)
        origin = reply.made_at or clock
        if record.time is not None and self._slot(record.time) != self._slot(origin):
            return Broken("a record of another slot than the provider's clock shows", reply.evidence)
        return Data((point,), clock, reply.evidence, slot_time=None if origin == clock else origin)

    def _slot(self, instant: datetime) -> int:
        return slot_of(instant.timestamp(), self._every)

    # ------------------------------------------------------------ history

    def history(self, call: HistoryCall, ask: Ask, pages: Pages, *, start: datetime, end: datetime) -> Answer:
        """The answer for the slots that start in ``[start, end)``."""
        evidence, clock = pages.first.evidence, pages.first.provider_time
        if pages.records and all(record.time is None for record in pages.records):
            return Broken(f"records that the contract does not describe ({pages.records[0].reason})", evidence)
        short = self._falls_short(ask, pages, start, end)
        fitted = fit(
            pages.records,
            start=start,
            end=end,
            every=self._every,
            align=call.align,
            keep=call.keep,
            asked=_shifted(ask, self._spec.offset),
            step=self._step,
            published=self._published(pages.first.made_at, end),
            loss=pages.loss if pages.partial else "ends" if pages.is_full or short else "none",
            doubtful=pages.doubtful,
        )
        is_part = pages.is_full or bool(pages.partial)  # the rest may be of what was asked for
        if fitted.shifted and not is_part:
            return Broken(f"{fitted.shifted}: records of another time than asked for", evidence)
        if fitted.elsewhere or (not is_part and _is_elsewhere(ask, pages.records, start, end)):
            return Broken("records of another interval than asked for", evidence)
        if fitted.is_nonsense:
            return Broken(fitted.bad[0].reason, evidence)
        partial = pages.partial or fitted.partial or short
        if fitted.points or fitted.bad or partial:
            return Data(fitted.points, clock, evidence, fitted.bad, whole=pages.whole and not partial, partial=partial)
        return NoData(evidence, whole=pages.whole)

    def _falls_short(self, ask: Ask, pages: Pages, start: datetime, end: datetime) -> str:
        """The reason why an answer says nothing of what lies before its records, or after them.

        So is one that is full, and one to a call that did not say where to begin or to end.
        """
        times = _times(pages.records)
        step = timedelta(seconds=self._every)
        reason = (
            "it has as many records as one answer may have" if pages.is_full else "the call does not say which time"
        )
        if pages.is_full and not times:
            return f"none of its records is of what was asked for, and {reason}"
        if times and (pages.is_full or ask.start == EARLIEST) and min(times) >= start + step:
            return f"its records begin within what was asked for, and {reason}"
        published = self._published(pages.first.made_at, end)
        if times and (pages.is_full or ask.end == LATEST) and max(times) < min(end, published) - step:
            return f"its records end within what was asked for, and {reason}"
        return ""

    def _published(self, clock: datetime | None, end: datetime) -> datetime:
        """Up to when there can be records, as far as the provider's clock tells it."""
        return at_epoch(self._slot(clock - self._spec.delay)) if clock else end


def _times(records: Sequence[Record]) -> list[datetime]:
    return [record.time for record in records if record.time is not None]


def _is_elsewhere(ask: Ask, records: Sequence[Record], start: datetime, end: datetime) -> bool:
    """Whether an answer to a call that names no time is of another one."""
    times = _times(records)
    return bool(times) and ((ask.start == EARLIEST and min(times) >= end) or (ask.end == LATEST and max(times) < start))


def _shifted(ask: Ask, offset: timedelta) -> tuple[datetime, datetime]:
    """The time that was asked for, by the slots that its records are of."""
    is_open = not offset
    return ask.start if is_open else _less(ask.start, offset), ask.end if is_open else _less(ask.end, offset)


def _less(instant: datetime, offset: timedelta) -> datetime:
    try:
        return instant - offset
    except OverflowError:
        return instant


def joined(answers: Sequence[Answer], *, missing: str = "") -> Answer:
    """One answer of the answers for the parts of an interval; a part that failed leaves it partial.

    The first part that failed is the whole answer where no part has points, unless the last one ended the calls.
    """
    if len(answers) == 1 and not missing:
        return answers[0]
    failed = [answer for answer in answers if not isinstance(answer, Data | NoData)]
    of_data = [answer for answer in answers if isinstance(answer, Data)]
    stopped = ends_calls(answers[-1])
    if failed and not of_data:
        return stopped or failed[0]
    given = [answer for answer in answers if isinstance(answer, Data | NoData)]
    whole = not failed and not missing and all(answer.whole for answer in given)
    partial = next((answer.partial for answer in of_data if answer.partial), "")
    partial = partial or missing or ("a part of it was not given" if failed else "")
    if not of_data and not partial:
        return replace(given[0], whole=whole)
    first = of_data[0] if of_data else Data((), None, given[0].evidence)
    return replace(
        first,
        points=tuple(point for answer in of_data for point in answer.points),
        bad=tuple(record for answer in of_data for record in answer.bad),
        whole=whole,
        partial=partial,
        stopped=stopped,
    )


# ---------------------------------------------------------------- saved answers


def judge_live(
    spec: RestSpec, entity: str, saved: Received, *, every: int, attributes: Mapping[str, str] | None = None
) -> Answer:
    """The verdict on a saved live answer. Raises ``KeyError`` where an attribute is missing."""
    call = live_call(spec)
    ask = ask_live(call, [entity], attributes or {})
    return Verdict(spec, every=every).live(call, ask, [entity], saved)[entity]


def judge_history(
    spec: RestSpec,
    entity: str,
    saved: Sequence[Received],
    *,
    start: datetime,
    end: datetime,
    every: int,
    attributes: Mapping[str, str] | None = None,
) -> Answer:
    """The verdict on the saved pages of a history answer, the last of which ends it."""
    call, verdict = history_call(spec), Verdict(spec, every=every)
    ask = ask_history(spec, call, entity, attributes or {}, start=start, end=end, every=every)
    pages = PageReader(call, ask, verdict.reader(call, ask))
    outcome: Pages | Answer | None = None
    for page in saved:
        outcome = pages.take(page)
        if outcome is not None:
            break
    outcome = outcome or pages.ended()
    if not isinstance(outcome, Pages):
        return outcome
    return verdict.history(call, ask, outcome, start=start, end=end)
