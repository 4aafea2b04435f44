"""End of an audit: messages to the admins, once per cause; causes that are over; and the metrics of the dataset.

``audit/causes/<dataset>/<cause>.json`` remembers that a message was sent. It is sent first and remembered then: a crash
in between costs a second message, never the first. The same is so of the events about it (``auditor.notifications``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.alarms.mail import compose
from auditor.alarms.outages import NothingBetween, is_news, places_of, remember
from auditor.canary import canary_healed
from auditor.events import Notices
from auditor.notifications.send import announce_alarm, announce_run
from auditor.repairs.triage import Cause
from auditor.run_files import find_run_file
from auditor.services import Services
from auditor.state import read_state
from core.feeds.grid import expected_slots
from core.json import canonical_json
from core.metrics import (
    AUDIT_ABSENT,
    AUDIT_EXPECTED,
    AUDIT_FAILED,
    AUDIT_FINISHED,
    AUDIT_MISSING,
    CANARY_HEALED,
    CAUSES_OPEN,
    CERTIFICATES_ISSUED,
    POINTS_REPAIRED,
    POINTS_UNHEALED,
)
from core.time import format_second

ROOT = "audit/causes/"


def cause_key(dataset: str, name: str) -> str:
    """The key of the memory of a cause."""
    return f"{ROOT}{dataset}/{name}.json"


_COUNTS = {
    AUDIT_EXPECTED: "expected",
    AUDIT_MISSING: "missing",
    AUDIT_ABSENT: "absent",
    CERTIFICATES_ISSUED: "certificates",
    POINTS_REPAIRED: "repaired",
}


def conclude(services: Services, dataset: str, run: str, *, environment: str, counts: Mapping[str, Any]) -> Notices:
    """Tell the admins of new causes, close those that are over, and count what everybody may see."""
    triage = find_run_file(services.records, run, "judgement") or {"causes": []}
    causes = [Cause.from_data(cause) for cause in triage["causes"]]
    state = read_state(services.records, dataset)
    alive = {cause.name for cause in causes} | set(state.causes)
    alive |= {name for window in state.open.values() for name in window.causes}
    sent, known = _notify(services, causes, run, environment)
    recovered = _close(services, dataset, alive, run, environment)
    unhealed = sum(window.missing for window in state.open.values() if window.causes)
    metrics = services.metrics(dataset)
    metrics.add(POINTS_UNHEALED, unhealed)
    metrics.add(CAUSES_OPEN, len(alive))
    for metric, name in _COUNTS.items():
        metrics.add(metric, float(counts.get(name, 0)))
    healed = canary_healed(services, dataset, now=int(services.now().timestamp()))
    if healed is not None:
        metrics.add(CANARY_HEALED, float(healed))
    metrics.add(AUDIT_FINISHED, 1)
    announce_run(services, dataset, run, environment)
    services.log.info("audit finished", dataset=dataset, run=run, sent=sent, known=known, recovered=recovered, **counts)
    return Notices(tuple(sent), tuple(known), tuple(recovered))


def conclude_failure(services: Services, dataset: str, run: str, *, environment: str, error: str) -> Notices:
    """An audit that failed: its own cause, and no ``AuditFinished``."""
    cause = Cause("audit_failed", dataset, 1, answer=error[:500], details=(f"execution {run}",))
    sent, known = _notify(services, [cause], run, environment)
    services.metrics(dataset).add(AUDIT_FAILED, 1)
    services.log.error("audit failed", dataset=dataset, run=run, reason=error)
    return Notices(tuple(sent), tuple(known), ())


def _notify(services: Services, causes: Sequence[Cause], run: str, environment: str) -> tuple[list[str], list[str]]:
    sent, known = [], []
    for cause in causes:
        key = cause_key(cause.dataset, cause.name)
        before = _memory(services, key)
        mailed = places_of(before.get("told", {})) if before.get("open") else {}
        if before.get("open") and not is_news(cause.places, mailed, _nothing_between(services, cause.dataset)):
            known.append(cause.name)
            if cause.places and (mailed_now := remember(cause.places, mailed)) != before.get("told"):
                services.records.write(
                    key, canonical_json({**before, "told": mailed_now}), content_type="application/json"
                )
            continue
        subject, text = compose(cause, environment=environment, runbook=services.runbook, report=services.report)
        services.needed_mail().publish(subject, text)
        announce_alarm(services, cause, run, environment, state="open")
        now = format_second(services.now())
        memory = {"open": True, "since": now, "run": run, "sent": before.get("sent", 0) + 1, "cause": cause.to_data()}
        if cause.places:
            memory["told"] = remember(cause.places, mailed)
        services.records.write(key, canonical_json(memory), content_type="application/json")
        sent.append(cause.name)
    return sent, known


def _nothing_between(services: Services, dataset: str) -> NothingBetween:
    """Whether a feed owes nothing in ``[start, end)``; what its calendar does not know is no connection."""

    def nothing_between(start: int, end: int) -> bool:
        feed = services.contracts.feed(dataset)
        calendar = services.contracts.calendar(feed.calendar)
        if start < calendar.covers_from or end > calendar.covers_to:
            return False
        return not len(expected_slots(calendar, every=feed.every, start=start, end=end))

    return nothing_between


def _close(services: Services, dataset: str, alive: set[str], run: str, environment: str) -> list[str]:
    over = []
    for info in services.records.list(f"{ROOT}{dataset}/"):
        name = info.key.rpartition("/")[2].removesuffix(".json")
        memory = _memory(services, info.key) if name not in alive else {}
        if memory.get("open"):
            announce_alarm(services, Cause.from_data(memory["cause"]), run, environment, state="over")
            closed = {**memory, "open": False, "until": format_second(services.now())}
            services.records.write(info.key, canonical_json(closed), content_type="application/json")
            over.append(name)
    return over


def _memory(services: Services, key: str) -> dict[str, Any]:
    stored = services.records.read(key)
    return json.loads(stored.body) if stored else {}
