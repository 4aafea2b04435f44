"""Standing of each table after its last audit, and one verdict over all of them. Pure.

A verdict says what it covers: a table that no audit has looked at is no complete one, and windows that are not whole
are named even where nothing is known to be missing of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.standing.whole import is_whole
from core.time import epoch, iso


@dataclass(frozen=True, slots=True)
class Standing:
    """A source table after its last audit; instants in epoch seconds, None where nothing is known.

    ``windows`` are those of which the auditor keeps rows since ``since``; ``certified`` of them have a certificate.
    Until ``complete_until`` every window has all that is expected of it, until ``certified_until`` it is certified too;
    neither is later than the audit that found it so, less the time of what may have been on its way then. ``held``
    says which partitions are held, why and by whom: windows of theirs are neither complete nor certified.
    """

    dataset: str
    table: str
    windows: int = 0
    certified: int = 0
    since: int | None = None
    complete_until: int | None = None
    certified_until: int | None = None
    missing: int = 0
    audited_at: int | None = None
    held: tuple[str, ...] = ()

    @property
    def open(self) -> int:
        """Windows that are not certified: being healed, or alarmed."""
        return self.windows - self.certified


@dataclass(frozen=True, slots=True)
class DatasetStanding:
    """A dataset's tables, the causes that its admins were called for, and when it is audited next.

    ``silences`` says of causes, open or not, that they are silenced, in words; ``paused`` of the dataset, empty
    where it is not; ``unresumed`` says that a resume of it came to no end. ``changes`` say how far tables are under a
    new contract, a sentence each. ``silent_since`` is when the last audit ended, where others should have by now.
    ``heard``: somebody was there then to get mails of alarms. ``damaged`` are the keys of rows and causes that say
    nothing any more.
    """

    dataset: str
    tables: tuple[Standing, ...]
    alarms: tuple[str, ...] = ()
    next_audit: int | None = None
    stale: tuple[str, ...] = field(default=())
    silences: Mapping[str, str] = field(default_factory=dict)
    paused: str = ""
    unresumed: str = ""
    changes: tuple[str, ...] = ()
    silent_since: int | None = None
    heard: bool = True
    damaged: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """Points and rows that are missing of its tables."""
        return sum(table.missing for table in self.tables)

    @property
    def held(self) -> tuple[str, ...]:
        """Which partitions of its tables are held, why and by whom."""
        return tuple(dict.fromkeys(text for table in self.tables for text in table.held))

    @property
    def never_audited(self) -> tuple[str, ...]:
        """The tables that no audit has looked at."""
        return tuple(table.table for table in self.tables if table.audited_at is None)

    @property
    def is_whole(self) -> bool:
        """Whether nothing that is owed is missing, and nobody need look at anything."""
        return is_whole(
            missing=self.missing,
            alarms=self.alarms,
            stale=self.stale,
            held=self.held,
            changes=self.changes,
            audited=not self.never_audited,
            silent_since=self.silent_since,
            unresumed=self.unresumed,
            unread=len(self.damaged),
        )


def standings(
    dataset: str,
    tables: Mapping[str, Collection[str]],
    rows: Iterable[Mapping[str, Any]],
    on_the_way: Mapping[str, int] | None = None,
) -> tuple[Standing, ...]:
    """The standing of each source table by the auditor's rows of ``completeness``, whatever their order.

    ``tables`` are the rows' subjects by source table. Of a window that has a row for each day on which it was audited
    the last one counts. ``on_the_way`` is for how many seconds before an audit it owes nothing of a table.
    """
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: str(row["audited_at"])):
        newest[row["subject"], row["window_start"]] = row
    of_table = {table: [row for row in newest.values() if row["subject"] in of] for table, of in tables.items()}
    return tuple(_standing(dataset, table, of_table[table], (on_the_way or {}).get(table, 0)) for table in tables)


def _standing(dataset: str, table: str, rows: Sequence[Mapping[str, Any]], on_the_way: int) -> Standing:
    if not rows:
        return Standing(dataset, table)
    ordered = sorted(rows, key=lambda row: str(row["window_start"]))
    return Standing(
        dataset,
        table,
        windows=len(ordered),
        certified=sum(row["status"] == "certified" for row in ordered),
        since=epoch(ordered[0]["window_start"]),
        complete_until=_until(ordered, [not row["missing"] and row["status"] != "held" for row in ordered], on_the_way),
        certified_until=_until(ordered, [row["status"] == "certified" for row in ordered], on_the_way),
        missing=sum(row["missing"] or 0 for row in ordered),
        audited_at=max(epoch(row["audited_at"]) for row in ordered),
        held=tuple(dict.fromkeys(row["reason"] for row in ordered if row["status"] == "held")),
    )


def _until(rows: Sequence[Mapping[str, Any]], holds: Sequence[bool], on_the_way: int) -> int | None:
    """Until when all hold: the end of the last before the first that does not, or what its audit owed before its end.

    None where the first does not. Windows of several subjects may begin together; one that does not hold ends it.
    """
    broken = next((str(row["window_start"]) for row, fine in zip(rows, holds, strict=True) if not fine), "")
    before = [row for row in rows if not broken or str(row["window_start"]) < broken]
    ends = [min(epoch(row["window_end"]), epoch(row["audited_at"]) - on_the_way) for row in before]
    return min(max(ends), epoch(broken or iso(max(ends)))) if ends else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line about all of it. ``complete``: nothing is there that somebody should look at."""

    text: str
    complete: bool


def verdict(datasets: Sequence[DatasetStanding], *, unread: Sequence[str] = ()) -> Verdict:
    """The verdict, and what it rests on; ``unread`` names what could not be looked at, which is not complete then."""
    tables = [table for dataset in datasets for table in dataset.tables]
    problems = [f"{name} could not be read" for name in unread]
    problems += [f"{key} could not be read: it was altered" for dataset in datasets for key in dataset.damaged]
    problems += [problem for dataset in datasets for problem in _problems_of(dataset)]
    windows, certified = sum(table.windows for table in tables), sum(table.certified for table in tables)
    covers = f"{certified:,} of {windows:,} audited windows of {len(tables)} tables are certified"
    if paused := [dataset.dataset for dataset in datasets if dataset.paused]:
        covers += f"; paused, and owing nothing new: {', '.join(paused)}"
    if not all(dataset.heard for dataset in datasets):
        covers += "; nobody hears of alarms: no subscription of their topic is confirmed"
    if unread or not all(dataset.is_whole for dataset in datasets):
        return Verdict(f"incomplete: {'; '.join(problems)}. {covers}", complete=False)
    if certified < windows:
        return Verdict(f"nothing is missing, but not all is certified yet: {covers}", complete=True)
    return Verdict(f"complete: {covers}", complete=True)


def _problems_of(dataset: DatasetStanding) -> Iterator[str]:
    """What keeps a dataset from being complete, a phrase each."""
    if dataset.missing:
        yield f"{dataset.missing:,} missing in {dataset.dataset}"
    if dataset.held:
        yield f"{dataset.dataset}: {' and '.join(dataset.held)}"
    yield from dataset.changes
    if dataset.alarms:
        count = len(dataset.alarms)
        names = (f"{name}, silenced" if name in dataset.silences else name for name in dataset.alarms)
        yield f"{count} alarm{'s' * (count > 1)} of {dataset.dataset} ({'; '.join(names)})"
    if dataset.stale:
        yield f"{', '.join(dataset.stale)} older than promised"
    if never := dataset.never_audited:
        whole = len(never) == len(dataset.tables)
        yield f"{dataset.dataset if whole else ', '.join(never)} never audited"
    if dataset.silent_since is not None:
        yield f"{dataset.dataset} not audited since {iso(dataset.silent_since)}"
    if dataset.unresumed:
        yield f"{dataset.dataset} {dataset.unresumed}"
