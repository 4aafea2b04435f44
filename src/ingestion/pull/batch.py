"""Pull a batch: messages become lines in the stream, and each message is done or to be delivered again.

A message comes back only where that can help: the stream or the secret store did not answer, or it is no request for
points (and goes to the dead letters). A provider's failure is no reason, for the minute is over when the message
returns: the gap is the auditor's to fill. A feed that fails, whatever the reason, keeps no line of another feed from
being written, and an answer none of another entity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from core.audit.broken_answers import BrokenAnswers, keep_broken
from core.contract.model import Entity
from core.errors import InvalidData, StarmendError, TransientFailure, shown
from core.feeds.providers import needed_fields
from core.metrics import (
    POINTS_LIMITED,
    POINTS_UNANSWERED,
    POINTS_WRITTEN,
    PROVIDER_BROKEN,
    PROVIDER_REFUSED,
    SECRET_MISSING,
    TRIGGER_DELAY,
)
from core.ports import Log, StreamRecord
from ingestion.providers.answers import Answer
from ingestion.pull.ask import Round
from ingestion.pull.decide import Skip, Why, Write, decide
from ingestion.pull.deliver import deliver
from ingestion.pull.feed_client import FeedClient
from ingestion.pull.pace import Clock
from ingestion.request.message import PointsDue, read_points_due

STALE_AFTER = 2  # intervals that a message may wait: by then a newer one has been sent for every entity
NAMED_IN_LOG = 5
GO_BACK = "messages go back to the queue"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the queue. ``sent_at`` is epoch seconds by the queue's clock, None where it is not known."""

    id: str
    body: str
    sent_at: float | None = None


@dataclass(frozen=True, slots=True)
class PullReport:
    """``failed``: ids of messages to be delivered again. The counts are of points."""

    failed: tuple[str, ...]
    written: int
    skipped: Mapping[str, int]


def pull_batch(
    messages: Sequence[Message],
    *,
    client_of: Callable[[str], FeedClient],
    clock: Clock,
    log: Log,
    until: float,
) -> PullReport:
    """Ask for the points of these messages and write them to their streams, done before ``until`` (monotonic).

    ``client_of`` raises ``KeyError`` for a dataset that is no feed. Feeds are pulled side by side, so that one whose
    provider hangs leaves the others their time.
    """
    failed: set[str] = set()
    due: dict[str, dict[str, PointsDue]] = {}
    sent: dict[str, float | None] = {}
    for message in messages:
        try:
            points = read_points_due(message.body)
        except ValueError as error:
            log.error("a message is no request for points", message_id=message.id, error=str(error))
            failed.add(message.id)
            continue
        due.setdefault(points.dataset, {})[message.id] = points
        sent[message.id] = message.sent_at
    clients: dict[str, FeedClient] = {}
    for dataset, requests in due.items():
        try:
            clients[dataset] = client_of(dataset)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this feed's and not its neighbours'
            problem = f"no contract names such a feed ({error})" if isinstance(error, KeyError) else shown(error)
            log.error(GO_BACK, dataset=dataset, messages=len(requests), error=problem)
            failed |= set(requests)

    def pull(dataset: str) -> _Outcome:
        return _pulled(clients[dataset], due[dataset], sent, clock=clock, until=until)

    with ThreadPoolExecutor(max(1, len(clients)), thread_name_prefix="feed") as beside:
        outcomes = list(beside.map(pull, clients) if len(clients) > 1 else map(pull, clients))
    failed |= {id_ for outcome in outcomes for id_ in outcome.failed}
    skipped = sum((outcome.skipped for outcome in outcomes), Counter[str]())
    ids = tuple(message.id for message in messages if message.id in failed)
    return PullReport(ids, sum(outcome.written for outcome in outcomes), dict(+skipped))


@dataclass(frozen=True, slots=True)
class _Outcome:
    failed: frozenset[str]
    written: int
    skipped: Counter[str]


def _pulled(
    client: FeedClient,
    requests: Mapping[str, PointsDue],
    sent: Mapping[str, float | None],
    *,
    clock: Clock,
    until: float,
) -> _Outcome:
    """The outcome of one feed's messages; raises nothing."""
    try:
        fresh = _fresh(client, requests, sent, now=clock.now().timestamp())
        stale = sum(len(request.entities) for id_, request in requests.items() if id_ not in fresh)
        outcome = _pull(client, fresh, clock=clock, until=until)
        return replace(outcome, skipped=outcome.skipped + Counter(stale=stale))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this feed's and not its neighbours'
        client.log.error(GO_BACK, dataset=client.dataset, messages=len(requests), error=shown(error))
        if not isinstance(error, TransientFailure):
            client.metrics.add(PROVIDER_BROKEN, len(_newest(requests)))  # its alarm leads to the log
        return _Outcome(frozenset(requests), 0, Counter())


def _fresh(
    client: FeedClient, requests: Mapping[str, PointsDue], sent: Mapping[str, float | None], *, now: float
) -> dict[str, PointsDue]:
    """The messages that are not stale. One that waited is dropped: a newer one has been sent meanwhile."""
    oldest = now - STALE_AFTER * client.feed.every
    return {id_: due for id_, due in requests.items() if (sent[id_] or now) > oldest}


def _pull(client: FeedClient, requests: Mapping[str, PointsDue], *, clock: Clock, until: float) -> _Outcome:
    """An entity is asked for once, however many messages name it; the newest request is the one that is answered."""
    known = client.entities()
    newest = _newest(requests)
    unknown = [name for name in newest if name not in known]
    if unknown:
        client.log.warning("the contract does not name them", dataset=client.dataset, entities=unknown[:NAMED_IN_LOG])
    client.forget_refusals()
    calls = Round(pace=client.live_pace, clock=clock, until=until, at_once=client.at_once)
    asked = [name for name in newest if name in known]
    live = client.live
    call = partial(live.provider.live_all, turn=calls.turn)
    answers = calls.ask_all(asked, call, together=live.entities_per_call, suspects=client.suspects)
    needed = needed_fields(client.contract, client.feed, "live")
    judge = partial(decide, contract=client.contract, feed=client.feed, calendar=client.calendar, needed=needed)
    decisions = [
        _decided(judge, known[name], *answers[name]) if name in answers else _unanswered(name, calls) for name in asked
    ]
    writes = [decision for decision in decisions if isinstance(decision, Write)]
    skips = [decision for decision in decisions if isinstance(decision, Skip)]
    records = [StreamRecord(write.entity, write.line) for write in writes]
    lost = {writes[index].entity for index in deliver(client.stream, records, clock=clock, log=client.log, until=until)}
    again = lost
    if calls.failure is not None:
        again = lost | set(asked) - answers.keys()
        client.log.error(GO_BACK, dataset=client.dataset, points=len(again), error=str(calls.failure))
    _note_broken(client, skips, newest)
    failed = frozenset(id_ for id_, due in requests.items() if again.intersection(due.entities))
    _report(client, writes, skips, newest, lost)
    return _Outcome(failed, len(writes) - len(lost), Counter(skip.why for skip in skips))


def _decided(judge: Callable[..., Write | Skip], entity: Entity, answer: Answer, fetched_at: datetime) -> Write | Skip:
    try:
        return judge(entity, answer, fetched_at=fetched_at)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this entity's and not its neighbours'
        return Skip(entity.name, "broken", f"its answer could not be read ({shown(error)})")


def _note_broken(client: FeedClient, skips: Sequence[Skip], slots: Mapping[str, int]) -> None:
    """Let the auditor know which live answers made no sense; the points are not lost where that cannot be noted."""
    by_slot: dict[int, list[Skip]] = {}
    for skip in skips:
        if skip.why == "broken":
            by_slot.setdefault(slots[skip.entity], []).append(skip)
    notes = [
        BrokenAnswers(client.dataset, slot, tuple(sorted(skip.entity for skip in of_slot)), of_slot[0].detail[:300])
        for slot, of_slot in sorted(by_slot.items())
    ]
    if notes and client.notes is not None:
        try:
            keep_broken(client.notes(), notes)
        except StarmendError as error:
            client.log.error("broken answers were not noted", dataset=client.dataset, error=str(error))


def _newest(requests: Mapping[str, PointsDue]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for due in requests.values():
        for entity in due.entities:
            newest[entity] = max(due.slot, newest.get(entity, due.slot))
    return newest


def _unanswered(entity: str, calls: Round) -> Skip:
    if calls.secret_unread is not None:
        why: Why = "secret_missing" if isinstance(calls.secret_unread, InvalidData) else "secret_refused"
        return Skip(entity, why, str(calls.secret_unread))
    return Skip(entity, "unanswered", "not asked: the round ended before")


_METRICS = {
    "token_refused": PROVIDER_REFUSED,
    "not_entitled": PROVIDER_REFUSED,
    "secret_missing": SECRET_MISSING,
    "secret_refused": SECRET_MISSING,
    "limited": POINTS_LIMITED,
    "unanswered": POINTS_UNANSWERED,
    "broken": PROVIDER_BROKEN,
}
_REMEDIES = {
    "token_refused": "the provider refuses the token: starmend secret set {secret}",
    "not_entitled": "the token is good, but not for this: look at the provider's plan",
    "secret_missing": "the secret has no value: starmend secret set {secret}",
    "secret_refused": "the secret {secret} is there and cannot be read",
    "limited": "the provider limits us; it goes on by itself",
    "unanswered": "the round ended before; the auditor fetches them",
    "broken": "the provider's answer makes no sense; nothing was written",
    "closed": "outside the calendar's expected slots; nothing was written",
    "no_data": "the provider has nothing now; nothing was written",
}


def _report(
    client: FeedClient, writes: list[Write], skips: list[Skip], asked: Mapping[str, int], lost: set[str]
) -> None:
    """One log line per cause, not per entity, and the counts as metrics."""
    client.metrics.add(POINTS_WRITTEN, len(writes) - len(lost))
    if writes:
        delay = max(write.provider_time - asked[write.entity] for write in writes)
        client.metrics.add(TRIGGER_DELAY, delay)
    for why in dict.fromkeys(skip.why for skip in skips):
        skipped = [skip for skip in skips if skip.why == why]
        if why in _METRICS:
            client.metrics.add(_METRICS[why], len(skipped))
        log = client.log.info if why in ("closed", "no_data") else client.log.error
        log(
            _REMEDIES[why].format(secret=client.feed.secret),
            dataset=client.dataset,
            why=why,
            points=len(skipped),
            entities=[skip.entity for skip in skipped[:NAMED_IN_LOG]],
            detail=skipped[0].detail,
        )
    client.log.info("points pulled", dataset=client.dataset, asked=len(asked), written=len(writes) - len(lost))
