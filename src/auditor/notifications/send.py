"""Events to the bus at the end of an audit: they are about it, and never decide whether it ends well.

A step that is tried again sends the same events again, with the same ids. What the bus does not take is logged and
counted: the certificates, the run's files and the mail say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from auditor.evidence.chain import ChainReader
from auditor.evidence.results import AuditResult
from auditor.notifications.compose import Origin, alarm_event, certificate_events, finding_events, repair_events
from auditor.repairs.causes import Cause
from auditor.repairs.outcomes import read_reports
from auditor.run_files import find_run_file
from auditor.services import Services
from core.audit.certificate import Certificate
from core.metrics import EVENTS_UNSENT
from core.ports import BusEvent, EventBus
from core.sending import send_until_taken
from core.time import format_second

ATTEMPTS = 4


def announce_alarm(services: Services, cause: Cause, run: str, environment: str, *, state: str) -> None:
    """Say that a cause is ``open`` or ``over``."""
    origin = _origin(services, cause.dataset, run, environment)

    def compose() -> list[BusEvent]:
        return [alarm_event(origin, cause, state, runbook=services.runbook, report=services.report)]

    _announce(services, origin, compose)


def announce_run(services: Services, dataset: str, run: str, environment: str) -> None:
    """Say what a run found, did and certified: three kinds of event, none of which waits for another to succeed."""
    origin = _origin(services, dataset, run, environment)
    for compose in (_findings, _repairs, _certificates):
        _announce(services, origin, partial(compose, services, origin))


def _origin(services: Services, dataset: str, run: str, environment: str) -> Origin:
    return Origin(services.project, environment, dataset, run, format_second(services.now()))


def _announce(services: Services, origin: Origin, compose: Callable[[], Sequence[BusEvent]]) -> None:
    if services.bus is None:
        return
    unsent = 1  # of what cannot even be composed nobody knows how much it is
    try:
        events = compose()
        unsent = len(events)
        unsent = _send(services.bus, events, services.pause)
        problem = "the bus refuses them"
    except Exception as error:  # noqa: BLE001 - whatever it is, the audit is over and must be concluded
        problem = f"{type(error).__name__}: {error}"
    if unsent:
        services.metrics(origin.dataset).add(EVENTS_UNSENT, unsent)
        services.log.error(
            "events were not sent", dataset=origin.dataset, run=origin.run, unsent=unsent, reason=problem
        )


def _send(bus: EventBus, events: Sequence[BusEvent], pause: Callable[[int], bool]) -> int:
    """How many events stay refused, of all that were offered several times."""
    return len(send_until_taken(bus.put, events, attempts=ATTEMPTS, pause=pause).refused)


def _findings(services: Services, origin: Origin) -> list[BusEvent]:
    scans = list(_scans(services, origin.run))
    return finding_events(origin, scans[0].findings, scans[-1].findings) if scans else []


def _scans(services: Services, run: str) -> Iterator[AuditResult]:
    attempt = 0
    while (data := find_run_file(services.records, run, f"audit-{attempt}")) is not None:
        yield AuditResult.from_data(data)
        attempt += 1


def _repairs(services: Services, origin: Origin) -> list[BusEvent]:
    """Those of all attempts; the jobs that make derived tables again are attempt 0, and no repairs of findings."""
    attempts = range(1, services.limits.attempts + 1)
    return repair_events(origin, read_reports(services, origin.run, attempts=attempts))


def _certificates(services: Services, origin: Origin) -> list[BusEvent]:
    first = next(_scans(services, origin.run), None)
    issued = list(_issued(services, origin, since=first.audited_at)) if first else []
    return certificate_events(origin, reversed(issued))


def _issued(services: Services, origin: Origin, *, since: str) -> Iterator[Certificate]:
    """The run's certificates, the newest first; another run's may stand between them, none was verified before."""
    chain = ChainReader(services.records, origin.dataset)
    number = chain.head().number
    while number and (certificate := chain.certificate(number)) and certificate.verified_at >= since:
        if certificate.run == origin.run:
            yield certificate
        number -= 1
