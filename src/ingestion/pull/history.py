"""Pull history: missing points of one entity, into the feed's own stream as ``repaired``.

Only slots that the calendar expects are written. A slot that the provider answered for without a point is absent, with
the evidence; one that it has not published yet is neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from core.audit.history import Evidence, HistoryOutcome, HistoryRequest, Ranges, Result
from core.contract.model import Entity
from core.errors import BadContract, InvalidData, TransientFailure, UnknownTable
from core.feeds.calendar import expected_between, ranges, slot_of, validity
from core.feeds.lines import PointLine, encode_line, provider_fields
from core.feeds.providers import needed_fields
from core.ports import StreamRecord
from core.time import at_epoch, iso, parse_instant
from ingestion.providers.answers import Answer, Data, Limited, NoData, NotEntitled
from ingestion.pull.deliver import deliver
from ingestion.pull.feed_client import FeedClient
from ingestion.pull.pace import Clock


def pull_history(request: HistoryRequest, *, client: FeedClient, clock: Clock, until: float) -> HistoryOutcome:
    """The outcome is settled when this returns: ``healed`` slots are durable in the stream.

    An interval beyond the provider's span is asked for in several calls, the earliest first. Asking again for what was
    healed writes the same rows again, which changes nothing; a request of ``values_only`` writes nothing.
    Raises ``UnknownTable`` for an entity that the contract does not name, ``TransientFailure`` where the stream or the
    secret store does not answer in time.
    """
    entity = client.entities().get(request.entity)
    if entity is None:
        raise UnknownTable("fetch history", f"{request.dataset}/{request.entity}", "the contract names no such entity")
    client.forget_refusals()
    settled = _Settled()
    span = int(client.history.span.total_seconds())
    for start in range(request.start, request.end, span):
        owed = _owed(client, entity, start, min(start + span, request.end))
        if not owed:
            continue
        first, last = owed[0], owed[-1] + client.feed.every
        if not client.history_pace.enter(until=until):
            return settled.outcome(client, "limited", "the contract's rate leaves no call in time")
        try:
            answer = client.history.provider.history(entity.name, at_epoch(first), at_epoch(last))
        except BadContract:
            raise
        except InvalidData as error:
            return settled.outcome(client, "secret_missing", str(error))
        settled.evidence.append(answer.evidence)
        if request.values_only and isinstance(answer, Data):
            _take_values(settled, client, answer, owed)
            continue
        stopped = _settle(settled, client, entity, answer, owed, clock=clock, until=until)
        if stopped is not None:
            return stopped
    return settled.outcome(client, "answered")


class _Settled:
    """The slots of a request that are settled so far."""

    def __init__(self) -> None:
        self.healed: set[int] = set()
        self.absent: set[int] = set()
        self.pending: set[int] = set()
        self.evidence: list[Evidence] = []
        self.values: dict[int, dict[str, str]] = {}

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
            reason,
            retry_after,
            tuple(self.evidence),
            self.values,
        )


def _owed(client: FeedClient, entity: Entity, start: int, end: int) -> list[int]:
    first, last = validity(entity)
    window = (max(start, first), min(end, last))
    return expected_between(client.calendar, every=client.feed.every, start=window[0], end=window[1])


def _take_values(settled: _Settled, client: FeedClient, answer: Data, owed: list[int]) -> None:
    """Keep the answer's numbers of the owed slots."""
    fields = [field.name for field in provider_fields(client.feed)]
    for point in answer.points:
        slot = int(point.time.timestamp()) if point.time else None
        if slot in owed:
            values = {name: point.values.get(name) for name in fields}
            settled.values[slot] = {
                name: str(value) for name, value in values.items() if isinstance(value, int | Decimal)
            }


def _settle(
    settled: _Settled,
    client: FeedClient,
    entity: Entity,
    answer: Answer,
    owed: list[int],
    *,
    clock: Clock,
    until: float,
) -> HistoryOutcome | None:
    """Write what the answer holds; an outcome where it ends the request."""
    if isinstance(answer, NotEntitled):
        reason = "the token is refused" if answer.what == "token" else "the provider's plan does not include this"
        return settled.outcome(client, "not_entitled", reason)
    if isinstance(answer, Limited):
        client.history_pace.close(answer.retry_after or 0.0)
        return settled.outcome(client, "limited", "the provider limits us", retry_after=answer.retry_after)
    if not isinstance(answer, Data | NoData):
        return settled.outcome(client, "broken", answer.reason)
    answered_at = answer.provider_time if isinstance(answer, Data) else _answered_at(answer.evidence, clock)
    current = slot_of((answered_at - client.history.delay).timestamp(), client.feed.every)
    points = (
        {int(point.time.timestamp()): point for point in answer.points if point.time}
        if isinstance(answer, Data)
        else {}
    )
    complete = [slot for slot in owed if slot < current]
    filled = [slot for slot in complete if slot in points]
    needed = needed_fields(client.contract, client.feed, "history")
    fetched_at = clock.now()
    records: list[StreamRecord] = []
    for slot in filled:
        values = points[slot].values
        if lacking := [name for name in needed if values.get(name) is None]:
            return settled.outcome(client, "broken", f"{iso(slot)} lacks {', '.join(lacking)}")
        point = PointLine(entity.name, slot, "history", "repaired", fetched_at, values)
        try:
            records.append(StreamRecord(entity.name, encode_line(point, dataset=client.dataset, feed=client.feed)))
        except InvalidData as error:
            return settled.outcome(client, "broken", f"{iso(slot)}: {error.problem}")
    _deliver_all(client, entity, records, clock=clock, until=until)
    settled.healed |= set(filled)
    settled.absent |= set(complete) - set(filled)
    settled.pending |= set(owed) - set(complete)
    return None


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


def _answered_at(evidence: Evidence, clock: Clock) -> datetime:
    return parse_instant(evidence.answered_at) if evidence.answered_at else clock.now()
