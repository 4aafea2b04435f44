"""End of an audit: messages to the admins, once per cause; causes that are over; and the metrics of the dataset.

``audit/causes/<dataset>/<cause>.json`` remembers that a message was sent. It is sent first and remembered then: a crash
in between costs a second message, never the first. The same is so of the events about it (``auditor.notifications``).
What somebody silenced is remembered as ``held`` instead of told, and is told by the first audit after the silence. So
is what nobody would hear of, for no subscription of the topic is confirmed: of that the events tell at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from auditor.alarms.mail import compose, compose_end
from auditor.alarms.outages import NothingBetween, is_news, remember
from auditor.canary import canary_healed
from auditor.events import Notices
from auditor.evidence.failures import failure_of
from auditor.evidence.journal import entry_of, write_entry
from auditor.interventions.pauses import read_pauses
from auditor.interventions.silences import end_silence, read_silences
from auditor.notifications.send import announce_alarm, announce_run
from auditor.repairs.cause_memory import ROOT, cause_key, places_of, read_cause
from auditor.repairs.causes import Cause
from auditor.repairs.outcomes import JobReport, read_reports, tried
from auditor.run_files import find_run_file
from auditor.services import Services
from auditor.state import read_state
from core.contract.model import Feed
from core.errors import NotGranted, StarmendError
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

UNHEARD = "nobody heard of alarms: no subscription was confirmed"
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
    known = _open_memories(services, dataset)  # before the state: what another run opens meanwhile is not over
    state = read_state(services.records, dataset)
    alive = {cause.name for cause in causes} | set(state.causes)
    alive |= {name for window in state.open.values() for name in window.causes}
    heard = _is_heard(services)
    notices = _notify(services, dataset, causes, run, environment, heard=heard)
    over = {name: memory for name, memory in known.items() if name not in alive}
    recovered = _close(services, dataset, over, run, environment)
    unhealed = sum(window.missing for window in state.open.values() if window.causes)
    metrics = services.metrics(dataset)
    metrics.add(POINTS_UNHEALED, unhealed)
    metrics.add(CAUSES_OPEN, len(alive - _never_told(services, dataset, alive)))
    for metric, name in _COUNTS.items():
        metrics.add(metric, float(counts.get(name, 0)))
    healed = canary_healed(services, dataset, now=int(services.now().timestamp()))
    if healed is not None:
        metrics.add(CANARY_HEALED, float(healed))
    metrics.add(AUDIT_FINISHED, 1)
    announce_run(services, dataset, run, environment)
    notices = replace(notices, recovered=tuple(recovered))
    _journal(services, dataset, run, notices, counts=counts, heard=heard)
    services.log.info("audit finished", dataset=dataset, run=run, **asdict(notices), **counts)
    return notices


def conclude_failure(services: Services, dataset: str, run: str, *, environment: str, error: str) -> Notices:
    """An audit that failed: its own cause. ``error`` is Step Functions' name and cause.

    It counts as finished as well, once it was told: what watches the auditor need not say it again.
    """
    failure = failure_of(error)
    reports = _reports(services, run)
    cause = Cause(
        "audit_failed",
        dataset,
        1,
        tried=tried(reports),
        attempts=max((report.attempt for report in reports), default=0),
        answer=failure.text,
        details=(f"execution {run}",),
    )
    heard = _is_heard(services)
    notices = _notify(services, dataset, [cause], run, environment, heard=heard)
    services.metrics(dataset).add(AUDIT_FAILED, 1)
    services.metrics(dataset).add(AUDIT_FINISHED, 1)
    _journal(services, dataset, run, notices, counts={}, error=failure.text, heard=heard)
    services.log.error("audit failed", dataset=dataset, run=run, reason=failure.text)
    return replace(notices, failure=failure.text)


def _reports(services: Services, run: str) -> list[JobReport]:
    """The reports of the run's repairs, none where its files cannot be read: that it failed is told in any case."""
    try:
        return read_reports(services, run, attempts=range(1, services.limits.attempts + 1))
    except (StarmendError, ValueError, LookupError, TypeError):
        return []


def _is_heard(services: Services) -> bool:
    """Whether somebody hears of alarms. Where that may not be asked mails go out, as if it were so."""
    try:
        return services.mail is None or services.mail.is_heard()
    except NotGranted as error:
        services.log.warning("whether anybody hears of alarms is not known", reason=str(error))
        return True


def _journal(
    services: Services,
    dataset: str,
    run: str,
    notices: Notices,
    *,
    counts: Mapping[str, Any],
    heard: bool,
    error: str = "",
) -> None:
    entry = entry_of(
        services.records,
        dataset,
        run,
        ended_at=format_second(services.now()),
        counts=counts,
        silenced=notices.silenced,
        error=error,
        heard=heard,
    )
    write_entry(services.records, entry)


def _notify(
    services: Services, dataset: str, causes: Sequence[Cause], run: str, environment: str, *, heard: bool
) -> Notices:
    """Tell the admins of the causes that are news, but for those that are silenced or nobody hears of: held back."""
    notices: dict[str, list[str]] = {"sent": [], "known": [], "silenced": [], "unheard": []}
    silences = read_silences(services.records, dataset, now=int(services.now().timestamp()))
    for cause in causes:
        before = read_cause(services.records, cause_key(cause.dataset, cause.name))
        mailed = places_of(before.get("told", {})) if before.get("open") else {}
        is_known = before.get("open") and not is_news(cause.places, mailed, _nothing_between(services, cause.dataset))
        if is_known and not before.get("held"):
            notices["known"].append(cause.name)
            if cause.places and (mailed_now := remember(cause.places, mailed)) != before.get("told"):
                _remember(services, cause, {**before, "told": mailed_now})
        elif silence := silences.get(cause.name):
            notices["silenced"].append(cause.name)
            _hold(services, cause, before, run, {"held": str(silence)})
        elif not heard:
            notices["unheard"].append(cause.name)
            if not _is_announced(before):
                announce_alarm(services, cause, run, environment, state="open")
            _hold(services, cause, before, run, {"held": UNHEARD, "announced": True})
        else:
            _tell(services, cause, before, run, environment)
            notices["sent"].append(cause.name)
    sent, known, silenced, unheard = map(tuple, notices.values())
    return Notices(sent, known, (), silenced, unheard=unheard)


def _tell(services: Services, cause: Cause, before: Mapping[str, Any], run: str, environment: str) -> None:
    """Send the mail and the event of a cause, and remember them then."""
    pause = read_pauses(services.records, cause.dataset).standing
    notes = [f"{cause.dataset} is {pause}"] if pause else []
    notes += [f"This was held back: {before['held']}"] if before.get("held") else []
    links = {"runbook": services.runbook, "report": services.report}
    subject, text = compose(cause, environment=environment, notes=notes, **links)
    services.needed_mail().publish(subject, text)
    if not _is_announced(before):
        announce_alarm(services, cause, run, environment, state="open")
    memory = _memory_of(services, cause, run, sent=before.get("sent", 0) + 1)
    if cause.places:
        mailed = places_of(before.get("told", {})) if before.get("open") else {}
        memory["told"] = remember(cause.places, mailed)
    _remember(services, cause, memory)


def _is_announced(before: Mapping[str, Any]) -> bool:
    """Whether an event told of a cause that is held back since."""
    return bool(before.get("open") and before.get("held") and before.get("announced"))


def _hold(services: Services, cause: Cause, before: Mapping[str, Any], run: str, held: dict[str, Any]) -> None:
    """Remember a cause as open, and that nobody was told of it, or not of all of it, and why."""
    memory = _memory_of(services, cause, run, sent=before.get("sent", 0)) | held
    if before.get("open"):
        memory |= {name: before[name] for name in ("since", "told", "announced") if name in before}
    _remember(services, cause, memory)


def _memory_of(services: Services, cause: Cause, run: str, *, sent: int) -> dict[str, Any]:
    since = format_second(services.now())
    return {"open": True, "since": since, "run": run, "sent": sent, "cause": cause.to_data()}


def _remember(services: Services, cause: Cause, memory: Mapping[str, Any]) -> None:
    key = cause_key(cause.dataset, cause.name)
    services.records.write(key, canonical_json(memory), content_type="application/json")


def _never_told(services: Services, dataset: str, names: Collection[str]) -> set[str]:
    """The open causes of which neither mail nor event told yet: somebody silenced them before."""
    memories = {name: read_cause(services.records, cause_key(dataset, name)) for name in names}
    return {
        name
        for name, memory in memories.items()
        if memory.get("held") and not (memory.get("told") or memory.get("announced"))
    }


def _nothing_between(services: Services, dataset: str) -> NothingBetween:
    """Whether a feed owes nothing in ``[start, end)``; what its calendar does not know is no connection."""

    def nothing_between(start: int, end: int) -> bool:
        feed = services.contracts.dataset(dataset).source
        if not isinstance(feed, Feed):
            return False
        calendar = services.contracts.calendar(feed.calendar)
        if start < calendar.covers_from or end > calendar.covers_to:
            return False
        return not len(expected_slots(calendar, every=feed.every, start=start, end=end))

    return nothing_between


def _open_memories(services: Services, dataset: str) -> dict[str, dict[str, Any]]:
    """The memories of the dataset's causes that are open, by name."""
    keys = [info.key for info in services.records.list(f"{ROOT}{dataset}/")]
    memories = {key.rpartition("/")[2].removesuffix(".json"): read_cause(services.records, key) for key in keys}
    return {name: memory for name, memory in memories.items() if memory.get("open")}


def _close(
    services: Services, dataset: str, memories: Mapping[str, Mapping[str, Any]], run: str, environment: str
) -> list[str]:
    """Tell of the causes that are over, all in one mail, and remember it; not of those that nobody was told of.

    Those of which an event told are over by an event, too.
    """
    mailed = {name: each for name, each in memories.items() if not each.get("held") or each.get("told")}
    if mailed:
        since = {name: str(memory.get("since", "")) for name, memory in mailed.items()}
        services.needed_mail().publish(*compose_end(dataset, since, environment=environment, report=services.report))
    for name, memory in memories.items():
        cause = Cause.from_data(memory["cause"])
        if name in mailed or _is_announced(memory):
            announce_alarm(services, cause, run, environment, state="over")
        _remember(services, cause, {**memory, "open": False, "until": format_second(services.now())})
    _end_acknowledgements(services, dataset, memories.keys())
    return [*memories]


def _end_acknowledgements(services: Services, dataset: str, over: Collection[str]) -> None:
    """An acknowledgement ends with its cause: when that comes again, it is news."""
    now = int(services.now().timestamp())
    for name, silence in read_silences(services.records, dataset, now=now).items():
        if name in over and not silence.until:
            end_silence(services.records, silence, now=now)
