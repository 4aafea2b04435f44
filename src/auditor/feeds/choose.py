"""The choice of a feed's windows to audit: those that are due, not whole, or certified and changed since."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from auditor.evidence.chain import ChainReader
from auditor.feeds.objects import began
from auditor.interventions.pauses import read_pauses
from auditor.services import Services
from auditor.state import DatasetState, read_state
from auditor.warehouse.outdated import Outdated, choose_outdated
from auditor.warehouse.partitions import target_of
from auditor.windows import (
    DAY,
    HOUR,
    Scope,
    Window,
    begin_of,
    due_until,
    facts_of,
    is_owed_sooner,
    partitions_of,
    settled_until,
    window_seconds,
    windows_between,
)
from core.contract.model import Contract, Feed, TradingCalendar
from core.errors import UnknownTable
from core.feeds.partitions import period_of
from core.feeds.sweeps import whose_turn
from core.time import epoch, iso
from core.warehouse.pointer import partition_of

RECENT_DAYS = 62  # months that may still be committed to, rolled back or corrected: their pointers are compared
RESTATED_WINDOWS = 2_000  # certified windows whose partitions one run makes again, for each gets a successor
SWEPT_WINDOWS = 24  # certified windows beyond that, scanned again in each run


@dataclass(frozen=True, slots=True)
class FeedOrder:
    """The windows of a feed's run, the same for every attempt. ``start`` and ``end`` cut them (epoch seconds).

    The last window may not be due yet (``is_owed_sooner``): then ``end`` cuts it where its points have settled.
    ``scheduled``: the run was not asked for a range, so it also moves the frontier on to ``frontier``, and remembers
    the ``targets`` that the partitions had when it began. ``outdated`` are the partitions that it makes again, whose
    windows are among the ``windows``. ``beside`` is the scope's.
    """

    dataset: str
    run: str
    windows: tuple[Window, ...]
    start: int
    end: int
    scheduled: bool
    frontier: int
    targets: Mapping[str, str]
    outdated: Outdated = field(default_factory=Outdated)
    beside: bool = True

    def has_all_of(self, window: Window) -> bool:
        """Whether the order does not cut the window."""
        return self.start <= window.start and window.end <= self.end

    def to_data(self) -> dict[str, Any]:
        return {
            "targets": dict(self.targets),
            "dataset": self.dataset,
            "run": self.run,
            "windows": [[iso(window.start), iso(window.end)] for window in self.windows],
            "start": iso(self.start),
            "end": iso(self.end),
            "scheduled": self.scheduled,
            "frontier": iso(self.frontier),
            **self.outdated.to_data(),
            **({} if self.beside else {"beside": False}),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> FeedOrder:
        return cls(
            dataset=data["dataset"],
            run=data["run"],
            windows=tuple(Window(epoch(start), epoch(end)) for start, end in data["windows"]),
            start=epoch(data["start"]),
            end=epoch(data["end"]),
            scheduled=data["scheduled"],
            frontier=epoch(data["frontier"]),
            targets=data["targets"],
            outdated=Outdated.from_data(data),
            beside=data.get("beside", True),
        )


def choose_windows(services: Services, dataset: str, run: str, scope: Scope) -> FeedOrder:
    """Choose what a run audits.

    A range is audited from where the facts begin, as far as it has settled. Else it is what is due: windows that no
    audit has scanned, those that are not whole, and certified ones whose partitions have changed; and what has settled
    of the next window, where its points are owed before it is due.
    """
    contract, feed, calendar = feed_of(services, dataset)
    if scope.start is not None and scope.end is not None:
        start = max(scope.start, begin_of(contract))
        cut = (start, max(start, min(scope.end, settled_until(feed, scope.now))))
        windows = windows_between(feed, calendar, *cut)
        given: dict[str, Any] = {"scheduled": False, "frontier": 0, "targets": {}, "beside": scope.beside}
        return FeedOrder(dataset, run, tuple(windows), *cut, **given)
    return _due(services, contract, feed, calendar, run, now=scope.now)


def _due(
    services: Services, contract: Contract, feed: Feed, calendar: TradingCalendar, run: str, *, now: int
) -> FeedOrder:
    dataset = contract.dataset
    state = read_state(services.records, dataset)
    pause = read_pauses(services.records, dataset).standing
    owing = min(now, pause.since) if pause else now  # what settles later is owed by nobody meanwhile
    due, settled = due_until(feed, owing), settled_until(feed, owing)
    frontier = state.frontier if state.frontier is not None else _first_window(services, feed, dataset, due)
    fresh = windows_between(feed, calendar, frontier, due)
    most = _most_windows(services, feed)
    taken = fresh[:most]
    reached = due if len(taken) == len(fresh) else taken[-1].end
    since = max(now - RECENT_DAYS * DAY, calendar.covers_from)
    certified = certified_windows(services, contract, since, frontier)
    targets = _targets(services, contract, feed, [*certified, *taken])
    opened = [Window(begin, window.end) for begin, window in state.open.items()]
    again = _in_turn([window for window in _as_of_now(feed, calendar, opened) if window.end <= due], most, now=now)
    again += [window for window in _rechecked(feed, calendar, state, now=now) if window.end <= due][:most]
    again += _changed(contract, feed, state, certified, targets)
    again += proven_again(certified, before=frontier - DAY, now=now)
    again += _swept(services, contract, calendar, before=since, now=now)
    outdated, restated = _outdated(services, contract, feed, calendar, frontier)
    again += restated
    frontier = max(reached, frontier)
    begun = max(due, frontier)  # later than due where the feed has just begun
    early = windows_between(feed, calendar, begun, settled) if is_owed_sooner(feed) and reached == due else []
    windows = sorted({*taken, *again, *early})
    bounds = (windows[0].start, settled if early else windows[-1].end) if windows else (due, due)
    return FeedOrder(
        dataset, run, tuple(windows), *bounds, scheduled=True, frontier=frontier, targets=targets, outdated=outdated
    )


def _as_of_now(feed: Feed, calendar: TradingCalendar, remembered: Sequence[Window]) -> list[Window]:
    """Remembered windows, each as the windows that its time has now.

    A day on which the cadence changed has hours, and may have been looked at as a whole before its change.
    """
    if not calendar.cadences:
        return list(remembered)
    return [
        window
        for before in remembered
        for window in windows_between(feed, calendar, before.start, before.end) or [before]
    ]


def _rechecked(feed: Feed, calendar: TradingCalendar, state: DatasetState, *, now: int) -> list[Window]:
    """The windows whose absences are to be asked for again: as long as they are by the cadence of their time."""
    starts = [begin for begin, at in state.rechecks.items() if at <= now]
    if not calendar.cadences:
        return [Window(begin, begin + window_seconds(feed)) for begin in starts]
    return [window for begin in starts for window in windows_between(feed, calendar, begin, begin + 1)]


def _outdated(
    services: Services, contract: Contract, feed: Feed, calendar: TradingCalendar, frontier: int
) -> tuple[Outdated, list[Window]]:
    """The partitions to be made again, and the certified windows in them, which then need a successor."""
    facts = {fact.name: fact for fact in facts_of(contract)}

    def windows_of(table: str, path: str) -> list[Window]:
        if table not in facts:
            return []
        first, last = period_of(facts[table], feed, path)
        since = max(first, calendar.covers_from, epoch(facts[table].since) if facts[table].since else 0)
        return certified_windows(services, contract, since, min(last, frontier))

    return choose_outdated(services, contract).within(functools.cache(windows_of), most=RESTATED_WINDOWS)


def _most_windows(services: Services, feed: Feed) -> int:
    """The number of windows that one run can read the points of."""
    points = len(feed.entities) * window_seconds(feed) // feed.every
    return max(1, min(services.limits.windows, services.limits.points // max(points, 1)))


def _in_turn(windows: Sequence[Window], most: int, *, now: int) -> list[Window]:
    """Take at most so many windows; where there are more, a run goes on where that of the hour before ended."""
    if len(windows) <= most:
        return list(windows)
    ordered = sorted(windows)
    first = now // HOUR * most % len(ordered)
    return [*ordered[first:], *ordered[:first]][:most]


def feed_of(services: Services, dataset: str) -> tuple[Contract, Feed, TradingCalendar]:
    """Raises ``UnknownTable`` where the contracts name no such feed."""
    try:
        feed = services.contracts.feed(dataset)
    except KeyError as error:
        raise UnknownTable("audit", dataset, str(error.args[0]), "Name a feed of the contracts") from error
    return services.contracts.dataset(dataset), feed, services.contracts.calendar(feed.calendar)


def _first_window(services: Services, feed: Feed, dataset: str, due: int) -> int:
    """The start of the first audit: when the schedules were switched on or the first object arrived, the earlier.

    It may not be due yet. Of a lake that knows neither it is the last due window. What the contract promises of the
    time before the pipeline began is a backfill, for which an audit is given a range.
    """
    begin, length = began(services, dataset), window_seconds(feed)
    return due - length if begin is None else begin // length * length


def _targets(services: Services, contract: Contract, feed: Feed, windows: Sequence[Window]) -> dict[str, str]:
    """The objects that the windows' partitions have now, before anything is read of them.

    Remembered when the audit is done: whatever is committed from here on is scanned by the next one.
    """
    names = [
        partition_of(table.folder, path) for table in facts_of(contract) for path in partitions_of(table, feed, windows)
    ]
    with ThreadPoolExecutor(services.limits.workers) as pool:
        targets = pool.map(partial(target_of, services.partitions), names)
        return dict(zip(names, targets, strict=True))


def _changed(
    contract: Contract, feed: Feed, state: DatasetState, certified: Sequence[Window], targets: Mapping[str, str]
) -> list[Window]:
    """Certified windows that lie in partitions whose object is not the one that was audited last."""
    changed: set[Window] = set()
    for table in facts_of(contract):
        for path, windows in partitions_of(table, feed, certified).items():
            name = partition_of(table.folder, path)
            if targets[name] != state.targets.get(name):
                changed.update(windows)
    return sorted(changed)


def proven_again(certified: Sequence[Window], *, before: int, now: int) -> list[Window]:
    """The windows of one of the last days, in turn: all of them come round within a hundred audits.

    Their pointers are compared in every run. That an object is gone or altered, or a rollup lost, only a reader sees;
    those of the newest day are read by every commit.
    """
    windows = [window for window in certified if window.end <= before]
    if not windows:
        return []
    days = whose_turn(windows[0].start // DAY, windows[-1].start // DAY + 1, now // HOUR)
    return [window for window in windows if window.start // DAY in days][:SWEPT_WINDOWS]


def _swept(services: Services, contract: Contract, calendar: TradingCalendar, *, before: int, now: int) -> list[Window]:
    """The certified windows of one day of the past, in turn: all of history comes round, a little at a time."""
    first = max(min((epoch(fact.since) for fact in facts_of(contract)), default=before), calendar.covers_from)
    days = range(-(-first // DAY), before // DAY)
    return [
        window
        for day in whose_turn(days.start, days.stop, now // HOUR)
        for window in certified_windows(services, contract, day * DAY, (day + 1) * DAY)[:SWEPT_WINDOWS]
    ]


def certified_windows(services: Services, contract: Contract, start: int, end: int) -> list[Window]:
    """The windows in ``[start, end)`` that have a certificate, in order."""
    chain = ChainReader(services.records, contract.dataset)
    certified: set[Window] = set()
    for month in months_between(start, end):
        for entry in chain.ledger(month).windows.values():
            window = Window(epoch(entry.start), epoch(entry.end))
            if window.overlaps(start, end):
                certified.add(window)
    return sorted(certified)


def months_between(start: int, end: int) -> list[str]:
    """The months that ``[start, end)`` touches, as ``yyyy-mm``."""
    if end <= start:
        return []
    return list(dict.fromkeys(iso(second)[:7] for second in [*range(start, end, DAY), end - 1]))
