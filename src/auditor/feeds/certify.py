"""The end of a feed's audit: certificates for windows that are whole, rows of ``completeness``, rollups, the state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from auditor.evidence.certificates import Basis, Certified, Entries, issue_certificates
from auditor.evidence.completeness import completeness_key, completeness_row, write_completeness
from auditor.evidence.halts import halt_rows, halts_before, halts_in
from auditor.evidence.outstanding import Looks, kept_looks, read_outstanding, settle_looks
from auditor.evidence.results import AuditResult, WindowResult
from auditor.feeds.choose import RECENT_DAYS, FeedOrder, feed_of
from auditor.repairs.causes import CAUSES_OF_POINTS
from auditor.repairs.triage import Triage
from auditor.services import Services
from auditor.state import DatasetState, OpenWindow, change_state, read_state, still_open
from auditor.windows import DAY, Window, facts_of, partitions_of
from core.audit.repair_jobs import RepairJob, Restate, find_job, find_outcome, write_job
from core.contract.model import Contract, Feed, Table
from core.errors import InvalidData, of_kind
from core.feeds.partitions import period_of
from core.time import epoch, iso

Rows = dict[str, dict[str, Any]]  # of completeness, by key


def certify_windows(services: Services, order: FeedOrder, result: AuditResult, triage: Triage) -> Certified:
    """End an audit with the result of its last scan. ``jobs`` make the windows' rollups again.

    ``completeness`` shows windows that were read to their end: who scanned ten minutes of an hour knows nothing better
    of the hour. What it shows already is not written again: a partition of a month has hundreds of certified windows,
    which are all read again as often as anything comes to it. So the row of a window that is not whole follows the
    state that remembers it as open: were it the other way round, a run that ends between the two would leave a row
    which no later audit takes for stale. For the same reason the state is of before the certificates.
    """
    contract, _, calendar = feed_of(services, order.dataset)
    basis = Basis(order.run, contract.hash, f"{calendar.name} ({calendar.version})", contract.tables)
    state = read_state(services.records, order.dataset)
    known = read_outstanding(services.records, order.dataset)
    certified, entries = issue_certificates(services.records, result, basis, known)
    begun_anew = certified.head < state.shown  # the chain was: its numbers say nothing of the rows that there are
    shown = set() if begun_anew else _shown(state, result, entries, now=int(services.now().timestamp()))
    rows: Rows = {}
    rows_of_open: Rows = {}
    for window in result.windows:
        if window.was_read and window.start not in shown:
            alarmed = bool(causes_of(window, triage))
            key = completeness_key(order.dataset, window.start)
            (rows if window.whole else rows_of_open)[key] = completeness_row(
                result, window, basis, entries, alarmed=alarmed
            )
    workers = services.limits.workers
    looks = kept_looks(services.records, order.run) or Looks()
    halted = halts_in(result, halts_before(known, state.halted), looks.released)
    rows |= halt_rows(services.records, result, basis, halted, looks.released, workers=workers)
    write_completeness(services.records, rows, workers=workers)
    outstanding = settle_looks(services.records, order.dataset, looks.beside(certified.looks), halted)
    unmade = [each.repair for each in unmade_rollups(services, state)] if order.scheduled else []
    jobs = _write_rollup_jobs(services, contract, order, result, unmade)
    seen = set(state.rollups) if order.scheduled else set()
    speaking = {entry.start for entry in entries.values()}
    newest = max((entry.number for entry in entries.values()), default=0)

    def next_state(before: DatasetState) -> DatasetState:
        after = _next_state(before, services, order, result, triage, speaking)
        return replace(
            after,
            causes=tuple(sorted({*after.causes, *outstanding.still_open(before.causes, looks)})),
            halted=outstanding.halted,
            shown=newest if begun_anew else max(before.shown, newest),
            rollups=tuple(dict.fromkeys([*(job for job in before.rollups if job not in seen), *jobs])),
        )

    change_state(services.records, order.dataset, next_state)
    write_completeness(services.records, rows_of_open, workers=workers)
    return replace(certified, jobs=jobs)


def _shown(state: DatasetState, result: AuditResult, entries: Entries, *, now: int) -> set[int]:
    """The starts of windows whose rows are there and would say the same: recent ones that stay certified as they were.

    Older ones come by when they are swept, and have their rows written anew, which brings back one that was lost.
    """
    since = now - RECENT_DAYS * DAY
    numbers = {epoch(entry.start): entry.number for entry in entries.values()}
    return {
        window.start
        for window in result.windows
        if window.whole
        and window.start not in state.open
        and since <= window.start < (state.frontier or 0)
        and numbers.get(window.start, state.shown + 1) <= state.shown
    }


def causes_of(window: WindowResult, triage: Triage) -> tuple[str, ...]:
    """The causes for which a window is not whole, as far as somebody must hear of it."""
    causes = {triage.blamed[entity] for entity in window.missing if entity in triage.blamed}
    kinds = {reason.partition(":")[0] for reason in window.touched_by}
    return tuple(sorted(causes | {cause.name for cause in triage.causes if cause.name in kinds}))


# ---------------------------------------------------------------- rollups


def _write_rollup_jobs(
    services: Services, contract: Contract, order: FeedOrder, result: AuditResult, unmade: Sequence[Restate]
) -> tuple[str, ...]:
    """A job for every rollup of the windows that were read: what does not change makes no version.

    With the partitions of jobs of earlier audits that were not done (``unmade``): their windows may be read by nobody
    for days. The rollups of a generation that is being built are made too: what was repaired came into its facts, maybe
    after they were made of them.
    """
    windows = [Window(window.start, window.end) for window in result.windows if not window.counted]
    own = {table.folder for table in contract.tables}
    rollups = [*_rollups(contract)]
    if contract.beside is not None and not contract.beside.until:
        rollups += [rollup for rollup in _rollups(contract.beside.contract) if rollup[-1].folder not in own]
    jobs = []
    for number, (feed, fact, table) in enumerate(rollups):
        folder = "" if table.folder in own else table.folder
        left = [each.partitions for each in unmade if (each.table, each.folder) == (table.name, folder)]
        paths = tuple(sorted({*partitions_of(table, feed, windows, fact=fact), *chain.from_iterable(left)}))
        if paths:
            job = RepairJob(order.dataset, order.run, Restate(contract.dataset, table.name, paths, folder=folder))
            jobs.append(write_job(services.records, job, attempt=0, number=number))
    return tuple(jobs)


@dataclass(frozen=True, slots=True)
class UnmadeRollup:
    """A job that an audit's end gave for a rollup, and why it failed; empty where it left no word."""

    repair: Restate
    reason: str


def unmade_rollups(services: Services, state: DatasetState) -> list[UnmadeRollup]:
    """The jobs for rollups, of ends of audits before, that are not known to be done: it died, or partitions failed."""
    unmade = []
    for key in state.rollups:
        outcome = find_outcome(services.records, key)
        try:
            job = None if outcome and outcome.result == "done" else find_job(services.records, key)
        except InvalidData as error:  # which rollup it was the scan tells, for that is stale
            services.log.warning("job cannot be read", job=key, reason=str(error))
            continue
        if job is not None and isinstance(job.repair, Restate):
            unmade.append(UnmadeRollup(job.repair, outcome.reason if outcome else ""))
    return unmade


def _rollups(contract: Contract) -> Iterator[tuple[Feed, Table, Table]]:
    """The rollups of a feed, each behind the fact that it is made of."""
    feed = of_kind(contract.source, Feed, "audit", contract.dataset)
    facts = {fact.name: fact for fact in facts_of(contract)}
    for table in contract.tables:
        if table.kind == "rollup" and table.source in facts:
            yield feed, facts[table.source], table


# ---------------------------------------------------------------- the state


def _next_state(
    before: DatasetState,
    services: Services,
    order: FeedOrder,
    result: AuditResult,
    triage: Triage,
    certified: set[str],
) -> DatasetState:
    """The state after this audit; pure but for the clock.

    Windows that were scanned in part are open only where somebody was called; those that Athena counted, until they are
    read, if they have no certificate or Athena contradicts it.
    """
    now = int(services.now().timestamp())
    open_windows = _as_cut_now(before.open, result)
    for window in result.windows:
        if window.whole:
            open_windows.pop(window.start, None)
        elif window.counted and not window.counts["missing"] and iso(window.start) in certified:
            continue
        elif window.complete or causes_of(window, triage):
            causes = tuple(sorted({*causes_of(window, triage), *_unanswered(window, triage, before)}))
            opened = OpenWindow(window.end, window.counts["missing"], causes)
            beyond = None if window.complete or order.scheduled else before.open.get(window.start)
            open_windows[window.start] = _joined(opened, beyond) if beyond else opened
        elif order.scheduled:  # what has settled of a window that is not due yet
            open_windows.pop(window.start, None)
    of_windows = {name for window in open_windows.values() for name in window.causes}
    known = {*before.causes, *(name for window in before.open.values() for name in window.causes)}
    named = {cause.name for cause in triage.causes} - of_windows - set(triage.blamed.values())
    contract = services.contracts.dataset(order.dataset)
    forms = order.outdated.forms_after(before.forms, result.findings, contract)
    causes = tuple(sorted(named | triage.still_open(known) | order.outdated.still_open(forms, known)))
    before = replace(before, rechecks=_rechecks(before, result, now))
    if not order.scheduled:  # of all else it knows nothing: what is open there stays so until an audit that looks
        still = tuple(sorted({*still_open(before.causes, beside=order.beside), *causes}))
        compared = result.objects_until or before.objects_from
        return replace(before, open=open_windows, objects_from=compared, causes=still)
    frontier = max(order.frontier, before.frontier or order.frontier)
    targets = _recent(services, order, {**before.targets, **order.targets}, now)
    return replace(
        before,
        frontier=frontier,
        open=open_windows,
        targets=targets,
        objects_from=result.objects_until,
        causes=causes,
        swept_until=result.swept_until,
        forms=forms,
    )


def _unanswered(window: WindowResult, triage: Triage, before: DatasetState) -> set[str]:
    """The causes of before of the window's points, where this run had no turn for some of these to ask again."""
    known = before.open.get(window.start)
    if known is None or triage.unasked.isdisjoint(window.missing):
        return set()
    return {name for name in known.causes if name in CAUSES_OF_POINTS}


def _joined(part: OpenWindow, known: OpenWindow) -> OpenWindow:
    """What is amiss in a part of a window, with what is known of all of it."""
    causes = tuple(sorted({*part.causes, *known.causes}))
    return OpenWindow(known.end, max(part.missing, known.missing), causes)


def _as_cut_now(open_windows: Mapping[int, OpenWindow], result: AuditResult) -> dict[int, OpenWindow]:
    """The open windows without the days that were audited by hours now, for their cadence changed in the meantime."""
    by_hours = {window.start // DAY * DAY for window in result.windows if window.end - window.start < DAY}
    return {
        start: remembered
        for start, remembered in open_windows.items()
        if remembered.end - start < DAY or start not in by_hours
    }


def _rechecks(before: DatasetState, result: AuditResult, now: int) -> dict[int, int]:
    """When recent windows' absences are asked for again; those of older windows are when the sweep comes by."""
    rechecks = {start: due for start, due in before.rechecks.items() if start > now - RECENT_DAYS * DAY}
    for window in result.windows:
        if window.recheck and window.start > now - RECENT_DAYS * DAY:
            rechecks[window.start] = window.recheck
        elif window.was_read:
            rechecks.pop(window.start, None)
    return rechecks


def _recent(services: Services, order: FeedOrder, targets: Mapping[str, str], now: int) -> dict[str, str]:
    """Without the partitions that no later audit compares: memory does not grow with the age of the lake."""
    contract, feed, _ = feed_of(services, order.dataset)
    tables = {fact.folder: fact for fact in facts_of(contract)}
    kept = {}
    for name, target in targets.items():
        table, _, path = name.partition("/")
        if table in tables and period_of(tables[table], feed, path)[1] > now - RECENT_DAYS * DAY:
            kept[name] = target
    return kept
