"""Pull history: missing points of one entity, into the feed's own stream as ``repaired``.

Only slots that the calendar expects are written. A slot that the provider answered for without a point is absent, as
far as one answer can say so, with the evidence; one that it has not published yet is neither. An answer that lacks a
point which the warehouse has is believed nothing by its own word, and one that lacks a point which the history gave
before leaves something out: what it lacks beside is unproven. A record that makes no point is told with its slot, and
keeps no other from being taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial

from core.audit.history import BadPoint, Evidence, HistoryOutcome, HistoryRequest, KnownValue, Ranges, Result
from core.contract.model import Entity
from core.errors import BadContract, InvalidData, StarmendError, TransientFailure, UnknownTable, shown
from core.feeds.calendar import expected_between, ranges, slot_of, slots_in, validity
from core.feeds.lines import PointLine, encode_line, number_text, provider_fields
from core.feeds.point_rules import broken_rule
from core.feeds.providers import NO_PROVIDER, needed_fields
from core.ports import StreamRecord
from core.time import at_epoch, iso, parse_instant
from ingestion.providers.answers import Answer, Broken, Data, Limited, NoData, NotEntitled, Point, ends_calls
from ingestion.providers.reading.known_values import Closeness, contradiction
from ingestion.providers.reading.slots import LONGEST_CONTENT
from ingestion.pull.deliver import deliver
from ingestion.pull.feed_client import FeedClient
from ingestion.pull.pace import Clock

WITNESS_SECONDS, MOST_WITNESSES = 86_400, 100  # on each side of what is asked for
ENOUGH_KNOWN = 3  # slots with known values, on each side
MOST_BAD = 20  # records of one request that are told with their content


def pull_history(request: HistoryRequest, *, client: FeedClient, clock: Clock, until: float) -> HistoryOutcome:
    """The outcome is settled when this returns: ``healed`` slots are durable in the stream.

    An interval beyond the provider's span is asked for in several calls, the earliest first. Asking again for what was
    healed writes the same rows again, which changes nothing; a request of ``values_only`` writes nothing. ``client`` is
    that of the request's cadence.
    Raises ``UnknownTable`` for an entity that the contract does not name, ``TransientFailure`` where the stream or the
    secret store does not answer in time.
    """
    entity = Entity(request.entity) if request.every else client.entities().get(request.entity)
    if entity is None:
        raise UnknownTable("fetch history", f"{request.dataset}/{request.entity}", "the contract names no such entity")
    client.forget_refusals()
    turn = partial(client.history_pace.enter, until=until)
    settled = _Settled()
    span = int(client.history.span.total_seconds())
    for start in range(request.start, request.end, span):
        owed = _owed(client, entity, start, min(start + span, request.end), request.wanted)
        if not owed:
            continue
        first, last = owed[0], owed[-1] + client.feed.every
        if not request.values_only:
            first, last = _with_known(request.known, first, last, span, every=client.feed.every)
            first, last = _with_witnesses(client, entity, first, last, span)
        if not turn():
            return settled.outcome(client, "limited", "the contract's rate leaves no call in time")
        try:
            answer = _answer(client, entity, first, last, turn=turn)
        except BadContract:
            raise
        except InvalidData as error:
            return settled.outcome(client, "secret_missing", str(error))
        settled.evidence.append(answer.evidence)
        _heed(client, answer)
        if request.values_only and isinstance(answer, Data):
            stopped = _take_values(settled, client, answer, owed)
        elif reason := _contradiction(client, answer, request.known, first, last):
            limit = ends_calls(answer)  # whatever is wrong with it, no further call may be made
            return _refusal(settled, client, limit) if limit else settled.outcome(client, "broken", reason)
        else:
            known = [each for each in request.known if first <= each.slot < last]
            stopped = _settle(settled, client, entity, answer, owed, known=known, clock=clock, until=until)
        if stopped is not None:
            return stopped
    return settled.outcome(client, "answered")


class _Settled:
    """The slots of a request that are settled so far."""

    def __init__(self) -> None:
        self.healed: set[int] = set()
        self.unwitnessed: set[int] = set()
        self.absent: set[int] = set()
        self.whole: set[int] = set()
        self.silent: set[int] = set()
        self.pending: set[int] = set()
        self.refused: set[int] = set()
        self.unproven: set[int] = set()
        self.bad: list[BadPoint] = []
        self.evidence: list[Evidence] = []
        self.values: dict[int, dict[str, str]] = {}
        self.reason = ""

    def outcome(
        self, client: FeedClient, result: Result, reason: str = "", *, retry_after: float | None = None
    ) -> HistoryOutcome:
        def packed(slots: Iterable[int]) -> Ranges:
            return tuple(ranges(sorted(slots), every=client.feed.every))

        return HistoryOutcome(
            result,
            packed(self.healed),
            packed(self.absent),
            packed(self.pending),
            reason or self.reason,
            retry_after,
            tuple(self.evidence),
            self.values,
            whole=packed(self.whole),
            silent=packed(self.silent),
            refused=packed(self.refused),
            unproven=packed(self.unproven),
            bad=tuple(self.bad),
            unwitnessed=packed(self.unwitnessed),
        )


def _answer(client: FeedClient, entity: Entity, first: int, last: int, *, turn: Callable[[], bool]) -> Answer:
    """The provider's answer. One that makes its reader fail is broken: it is no other range's fault."""
    try:
        return client.history.provider.history(entity.name, at_epoch(first), at_epoch(last), turn=turn)
    except StarmendError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this answer's and not its neighbours'
        return Broken(f"its answer could not be read ({shown(error)})", Evidence("", 0, "", ""))


def _owed(client: FeedClient, entity: Entity, start: int, end: int, wanted: Ranges) -> list[int]:
    """The slots that are owed and wanted; all that are owed where nothing is said to be wanted."""
    first, last = validity(entity)
    window = (max(start, first), min(end, last))
    owed = expected_between(client.calendar, every=client.feed.every, start=window[0], end=window[1])
    if not wanted:
        return owed
    inside = set(slots_in(wanted, every=client.feed.every))
    return [slot for slot in owed if slot in inside]


def _with_witnesses(client: FeedClient, entity: Entity, first: int, last: int, span: int) -> tuple[int, int]:
    """The interval with owed slots on both sides, as far as the span allows.

    An answer that holds a neighbour is alive; one that holds nothing at all says little of the points between.
    """
    reach = min(WITNESS_SECONDS, max(0, span - (last - first)) // 2)
    known = client.calendar.covers_from, client.calendar.covers_to
    before = _owed(client, entity, max(first - reach, known[0]), first, ())[-MOST_WITNESSES:]
    after = _owed(client, entity, last, min(last + reach, known[1]), ())[:MOST_WITNESSES]
    return before[0] if before else first, after[-1] + client.feed.every if after else last


def _with_known(known: tuple[KnownValue, ...], first: int, last: int, span: int, *, every: int) -> tuple[int, int]:
    """The interval with some of the known values on either side, as far as the span allows.

    They may lie beyond a night or a weekend. They come first: neighbours that nobody knows are witnesses of less.
    """
    slots = {each.slot for each in known}
    for slot in sorted((slot for slot in slots if slot < first), reverse=True)[:ENOUGH_KNOWN]:
        first = slot if last - slot <= span else first
    for slot in sorted(slot for slot in slots if slot >= last)[:ENOUGH_KNOWN]:
        last = slot + every if slot + every - first <= span else last
    return first, last


def _contradiction(client: FeedClient, answer: Answer, known: tuple[KnownValue, ...], first: int, last: int) -> str:
    """Why an answer for the interval is another time's or another entity's, by what is known; else empty.

    One that lacks records and all that is known cannot be told from such a one either.
    """
    if not isinstance(answer, Data):
        return ""
    sample = client.feed.sample
    inside = [each for each in known if first <= each.slot < last]
    doubt = _doubt(answer)
    if doubt and inside and _by_slot(answer).keys().isdisjoint(each.slot for each in inside):
        return f"it has none of {len(inside)} known values, and more is wrong with it: {doubt}"
    return contradiction(answer.points, inside, Closeness(Decimal(sample.tolerance) if sample.points else None))


def _heed(client: FeedClient, answer: Answer) -> None:
    """Keep the pause that a limit asks for, whatever becomes of the answer."""
    limit = ends_calls(answer)
    if isinstance(limit, Limited):
        client.history_pace.close(limit.retry_after or 0.0)


def _take_values(settled: _Settled, client: FeedClient, answer: Data, owed: list[int]) -> HistoryOutcome | None:
    """Keep the answer's numbers of the owed slots; an outcome where it ends the request."""
    fields = [field.name for field in provider_fields(client.feed)]
    for point in answer.points:
        slot = int(point.time.timestamp()) if point.time else None
        if slot in owed:
            texts = {name: number_text(point.values.get(name)) for name in fields}
            settled.values[slot] = {name: text for name, text in texts.items() if text}
    return _refusal(settled, client, answer.stopped) if answer.stopped else None


def _settle(
    settled: _Settled,
    client: FeedClient,
    entity: Entity,
    answer: Answer,
    owed: list[int],
    *,
    known: Sequence[KnownValue],
    clock: Clock,
    until: float,
) -> HistoryOutcome | None:
    """Write what the answer holds; an outcome where it ends the request.

    ``known`` are values that the warehouse has within what was asked for.
    """
    if isinstance(answer, Limited | NotEntitled):
        return _refusal(settled, client, answer)
    if not isinstance(answer, Data | NoData):
        return settled.outcome(client, "broken", answer.reason)
    complete = [slot for slot in owed if slot < _current(client, answer, clock)]
    taken = _take(client, entity, answer, complete, fetched_at=clock.now())
    _deliver_all(client, entity, taken.records, clock=clock, until=until)
    settled.healed |= taken.filled
    settled.unwitnessed |= taken.filled if taken.slots.isdisjoint(each.slot for each in known) else set()
    settled.refused |= taken.bad.keys()
    settled.pending |= set(owed) - set(complete)
    settled.bad += list(taken.bad.values())[: MOST_BAD - len(settled.bad)]
    rest = set(complete) - taken.filled - taken.bad.keys()
    if rest:
        lost = _lacking(client, entity, answer, {each.slot for each in known}, clock)
        withdrawn = sorted(lost & {each.slot for each in known if each.given})
        _settle_rest(settled, answer, rest, lost=lost, withdrawn=withdrawn, is_silent=taken.is_silent)
    stopped = ends_calls(answer)
    return _refusal(settled, client, stopped) if stopped else None


def _refusal(settled: _Settled, client: FeedClient, answer: Limited | NotEntitled) -> HistoryOutcome:
    """The outcome where a call was refused: what the ones before it gave stays settled."""
    if isinstance(answer, Limited):
        return settled.outcome(client, "limited", "the provider limits us", retry_after=answer.retry_after)
    reason = "the token is refused" if answer.what == "token" else "the provider's plan does not include this"
    reason = answer.evidence.answer if client.feed.history.kind == NO_PROVIDER else reason
    return settled.outcome(client, "not_entitled", reason)


def _settle_rest(
    settled: _Settled,
    answer: Data | NoData,
    rest: set[int],
    *,
    lost: Set[int],
    withdrawn: Sequence[int],
    is_silent: bool,
) -> None:
    """The slots that an answer lacks: absent as far as it goes, unless it cannot speak for what it lacks.

    ``lost`` are known points that it lacks too, ``withdrawn`` those of them that the history itself gave once. Of
    points that were observed a history may have no record (minutes without a trade): such an answer says as little as
    a silent one.
    """
    if doubt := _doubt(answer) or _withdrawal(withdrawn):
        settled.unproven |= rest
        settled.reason = doubt
        return
    settled.absent |= rest
    settled.whole |= rest if answer.whole and not lost else set()
    settled.silent |= rest if is_silent or lost else set()


def _doubt(answer: Data | NoData) -> str:
    """Why an answer cannot speak for what it lacks; empty where it can."""
    if isinstance(answer, Data) and answer.partial:
        return answer.partial
    return "" if answer.evidence.answered_at else "the answer has no Date header, so nobody knows when it was given"


def _withdrawal(withdrawn: Sequence[int]) -> str:
    if not withdrawn:
        return ""
    points = "1 point" if len(withdrawn) == 1 else f"{len(withdrawn)} points"
    return f"it lacks {points} near them that the provider gave before, the first at {iso(withdrawn[0])}"


def _lacking(client: FeedClient, entity: Entity, answer: Data | NoData, known: Set[int], clock: Clock) -> set[int]:
    """Those of the ``known`` slots that an answer lacks.

    Only what the calendar owes and the provider must have published by its own clock can be demanded. A record that
    makes no point is there; a null where a column needs a value is not.
    """
    published = _current(client, answer, clock)
    demanded = {slot for slot in known if slot < published and _is_owed(client, entity, slot)}
    held: set[int] = set()
    if isinstance(answer, Data):
        needed = needed_fields(client.contract, client.feed, "history")
        held = {slot for slot, point in _by_slot(answer).items() if not _is_nothing(point, needed)}
        held |= {int(record.slot.timestamp()) for record in answer.bad}
    return demanded - held


def _is_owed(client: FeedClient, entity: Entity, slot: int) -> bool:
    is_covered = client.calendar.covers_from <= slot < client.calendar.covers_to
    return is_covered and slot in _owed(client, entity, slot, slot + 1, ())


def _by_slot(answer: Data) -> dict[int, Point]:
    return {int(point.time.timestamp()): point for point in answer.points if point.time}


def _is_nothing(point: Point, needed: tuple[str, ...]) -> bool:
    """Whether it says that there is nothing: nulls where columns need values."""
    return bool(needed) and all(point.values.get(name) is None for name in needed)


def _current(client: FeedClient, answer: Data | NoData, clock: Clock) -> int:
    """The first slot that is not over, or not published yet, by the provider's clock; by ours where it sent none."""
    evidence = answer.evidence
    answered_at = parse_instant(evidence.answered_at) if evidence.answered_at else clock.now()
    return slot_of((answered_at - client.history.delay).timestamp(), client.feed.every)


@dataclass(frozen=True)
class _Taken:
    """The records for the stream, their slots, the records that make no point, and all ``slots`` of the answer."""

    records: list[StreamRecord] = field(default_factory=list)
    filled: set[int] = field(default_factory=set)
    bad: dict[int, BadPoint] = field(default_factory=dict)
    is_silent: bool = False
    slots: Set[int] = frozenset()


def _take(
    client: FeedClient, entity: Entity, answer: Data | NoData, complete: list[int], *, fetched_at: datetime
) -> _Taken:
    """Take each sound record of the complete slots. A null where a column needs a value says that there is nothing."""
    if isinstance(answer, NoData):
        return _Taken(is_silent=True)
    points = _by_slot(answer)
    taken = _Taken(is_silent=not answer.points and not answer.bad, slots=points.keys())
    for record in answer.bad:
        slot = int(record.slot.timestamp())
        taken.bad[slot] = BadPoint(slot, record.reason, record.content)
    for slot in taken.bad.keys() - set(complete):
        del taken.bad[slot]
    needed = needed_fields(client.contract, client.feed, "history")
    for slot in complete:
        point = points.get(slot)
        if point is None or _is_nothing(point, needed):
            continue
        line = _line(client, entity, slot, point, needed=needed, fetched_at=fetched_at)
        if isinstance(line, BadPoint):
            taken.bad[slot] = line
        else:
            taken.records.append(StreamRecord(entity.name, line))
            taken.filled.add(slot)
    return taken


def _line(
    client: FeedClient, entity: Entity, slot: int, point: Point, *, needed: tuple[str, ...], fetched_at: datetime
) -> bytes | BadPoint:
    content = _shown(point.values)
    if lacking := [name for name in needed if point.values.get(name) is None]:
        return BadPoint(slot, f"it lacks {', '.join(lacking)}", content)
    if broken := broken_rule(client.contract, client.feed, "history", point.values):
        return BadPoint(slot, broken, content)
    line = PointLine(entity.name, slot, "history", "repaired", fetched_at, point.values)
    try:
        return encode_line(line, dataset=client.dataset, feed=client.feed)
    except InvalidData as error:
        return BadPoint(slot, error.problem, content)


def _shown(values: Mapping[str, object]) -> str:
    return json.dumps(values, default=str)[:LONGEST_CONTENT]


def _deliver_all(
    client: FeedClient, entity: Entity, records: list[StreamRecord], *, clock: Clock, until: float
) -> None:
    if lost := deliver(client.stream, records, clock=clock, log=client.log, until=until):
        raise TransientFailure(
            "write history",
            f"{client.dataset}/{entity.name}",
            f"the stream did not take {len(lost)} of {len(records)} rows",
            "It is tried again; look at the stream's throttling if it stays",
        )
