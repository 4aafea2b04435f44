"""The weighing of claims: what of them is proof that a source does not have a point. Pure.

A point is absent when an answer that lacks it says for itself that it is whole, or when two answers agree, of two
audits that are at least a quarter of ``complete_within`` apart, and the answers by their source's clock too: an answer
that a cache gives again is the one that it was. Where something speaks against it they have to be a
day apart: live answers of the slot made no sense, the answers held no point at all (each asks for neighbours too, so
that one which is alive holds some) or not all that were observed near them, or no entity has anything in the whole
window (from three on, for two may well both be closed). Answers that held nothing have to be of four audits as well,
each three hours or more after the one before: a source that is well is asked as often within the day, while two bad
hours on two days, with nothing but refusals between, are no proof, however often somebody has a range healed in them.
The newest answer decides: one that refused a record is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from auditor.evidence.absent import Absence, absences_of
from auditor.evidence.claims import Claim
from auditor.evidence.doubts import Doubt, Reason
from auditor.feeds.points import ABSENT, MISSING, NOT_OWED, REPAIRED, Coverage, ranges_at
from auditor.windows import DAY, HOUR
from core.audit.broken_answers import EVERYBODY as ANY_ENTITY
from core.audit.history import Evidence, Ranges
from core.contract.model import Feed
from core.feeds.grid import Bitmap, Slots

EVERYBODY = 3  # entities, from which on a common silence is suspicious
SOONEST = 600  # seconds between two answers that may prove something, however short ``complete_within``
# Audits whose answers have to agree where these held no point at all, or not all that are known; and that apart, for
# it is the rarest that what is in doubt is asked for again, so that it costs no time.
SILENT_AUDITS = 4
RAREST_DOUBTED, RAREST_REFUSED = 3 * HOUR, 7 * DAY  # until what is in doubt is asked for again, at most
MOST_EVIDENCE = 4  # answers that an absence keeps: the first and the last of them
_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is proven now, what is not, and the proven absences that are to be asked for again, by entity."""

    absences: tuple[Absence, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    due: Mapping[str, Ranges] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Weighing:
    """The circumstances beside claims and coverage: slots of broken live answers by entity, and who weighs when."""

    dataset: str
    feed: Feed
    run: str
    now: int
    live_broken: Mapping[str, frozenset[int]] = field(default_factory=dict)

    @property
    def patience(self) -> int:
        """The least time between two answers that agree, seconds."""
        return max(SOONEST, self.feed.complete_within // 4)

    @property
    def silent_patience(self) -> int:
        """The least time between two of the ``SILENT_AUDITS`` answers that agree, seconds."""
        return max(RAREST_DOUBTED, self.patience)


def weigh(coverage: Coverage, claims: Sequence[Claim], absences: Sequence[Absence], circumstances: Weighing) -> Weighed:
    """Weigh claims about the coverage's points, in which believed absences are marked already."""
    proven: list[Absence] = []
    doubts: list[Doubt] = []
    by_entity = _by_entity(claims)
    common = _Common.of(coverage) if by_entity else None
    rows = {entity: row for row, entity in enumerate(coverage.expectation.grid.entities)}
    known: dict[str, list[Absence]] = {}
    for absence in absences:
        known.setdefault(absence.entity, []).append(absence)
    for entity, of_entity in by_entity.items():
        if common is not None and entity in rows:
            believed = known.get(entity, ())
            answers = _Answers(coverage, rows[entity], of_entity, believed, apart=circumstances.silent_patience)
            verdict = answers.judge(circumstances, common)
            proven += answers.absences(circumstances, verdict)
            doubts += answers.doubts(circumstances, verdict)
    due = _due(coverage, rows, [*absences, *proven], circumstances)
    return Weighed(tuple(proven), tuple(doubts), due)


def claims_of_expired(absences: Sequence[Absence], now: int) -> list[Claim]:
    """What an earlier release believed on one answer, when it has expired: one answer."""
    return [
        Claim(a.dataset, a.entity, a.ranges, a.found_at, "", "absent", False, False, a.evidence)
        for a in absences
        if not a.is_believed(now)
    ]


def _by_entity(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    by_entity: dict[str, list[Claim]] = {}
    for claim in sorted(claims, key=lambda claim: (claim.found_at, claim.key)):
        by_entity.setdefault(claim.entity, []).append(claim)
    return by_entity


@dataclass(frozen=True, slots=True)
class _Common:
    """What is so for all entities: slots of windows in which none has a point."""

    empty_window: Bitmap

    @classmethod
    def of(cls, coverage: Coverage) -> _Common:
        cells, window_of = coverage.cells, coverage.expectation.window_of
        many = (cells != NOT_OWED).sum(axis=0) >= EVERYBODY
        someone = (cells >= REPAIRED).any(axis=0)
        alive = np.zeros(len(coverage.expectation.windows), bool)
        np.logical_or.at(alive, window_of, someone)
        return cls(many & ~alive[window_of] if len(window_of) else many)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Masks of an entity's slots: what is proven by one whole answer, by two that agree, and what speaks against it."""

    whole: Bitmap
    agreed: Bitmap
    again: Bitmap
    live_broken: Bitmap
    everybody: Bitmap
    silent: Bitmap


class _Answers:
    """The claims of one entity, slot by slot: when the first and the last answer came, and how they speak.

    ``lasted`` is how long before the last of them the first was given, by the source's own clock. ``audits`` counts
    those of which each was ``apart`` seconds or more after the one counted before, and given as much later.
    """

    def __init__(
        self, coverage: Coverage, row: int, claims: Sequence[Claim], absences: Sequence[Absence], *, apart: int
    ) -> None:
        self.slots: Slots = coverage.expectation.grid.slots
        self.steps: Slots = coverage.expectation.grid.steps
        self.cells = coverage.cells[row]
        self.entity = coverage.expectation.grid.entities[row]
        self.claims = claims
        count = len(self.slots)
        self.first = np.full(count, _FAR, np.int64)
        self.last = np.full(count, -1, np.int64)
        self.apart = apart
        self.audits = np.zeros(count, np.int64)
        self.counted_at, self.counted_made = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.first_made, self.lasted = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.first_run = np.full(count, -1, np.int64)
        self.last_run = np.full(count, -1, np.int64)
        self.is_whole, self.is_silent = np.zeros(count, bool), np.zeros(count, bool)
        self.is_alive, self.ends_silent = np.zeros(count, bool), np.zeros(count, bool)
        self.is_refused = np.zeros(count, bool)
        self.runs: dict[str, int] = {}
        for claim in claims:
            number = self.runs.setdefault(claim.run, len(self.runs))
            for part in self._parts(claim.ranges):
                self._add(part, claim, number)
        self.proven_at = np.full(count, -1, np.int64)  # when the newest believed absence was found
        for absence in absences:
            for part in self._parts(absence.ranges):
                self.proven_at[part] = np.maximum(self.proven_at[part], absence.found_at)

    def _parts(self, ranges: Sequence[tuple[int, int]]) -> Iterator[slice]:
        for start, end in ranges:
            first, last = np.searchsorted(self.slots, [start, end])
            if first < last:
                yield slice(int(first), int(last))

    def _add(self, part: slice, claim: Claim, run: int) -> None:
        """Add a claim; they come in order of time."""
        fresh = self.first[part] == _FAR
        if claim.kind == "absent":
            # A bad record agrees with no later answer that has none, nor an earlier one with it.
            fresh = fresh | self.is_refused[part]
            self.is_silent[part] = np.where(fresh, claim.silent, self.is_silent[part] | claim.silent)
            self.is_alive[part] = np.where(fresh, not claim.silent, self.is_alive[part] | (not claim.silent))
        self.ends_silent[part] = claim.silent
        answered = claim.answered_at
        is_later = np.minimum(claim.found_at - self.counted_at[part], answered - self.counted_made[part]) >= self.apart
        counts = (self.last_run[part] != run) & is_later
        self.audits[part] = np.where(fresh, 1, self.audits[part] + counts)
        self.counted_at[part] = np.where(fresh | counts, claim.found_at, self.counted_at[part])
        self.counted_made[part] = np.where(fresh | counts, answered, self.counted_made[part])
        self.first_made[part] = np.where(fresh, answered, self.first_made[part])
        self.lasted[part] = answered - self.first_made[part]
        self.first[part] = np.where(fresh, claim.found_at, self.first[part])
        self.first_run[part] = np.where(fresh, run, self.first_run[part])
        self.is_refused[part] = claim.kind == "refused"
        self.is_whole[part] = claim.whole
        self.last[part], self.last_run[part] = claim.found_at, run

    def judge(self, circumstances: Weighing, common: _Common) -> _Verdict:
        """Tell what is proven, slot by slot."""
        notes = circumstances.live_broken
        broken = notes.get(self.entity, frozenset()) | notes.get(ANY_ENTITY, frozenset())
        live_broken = np.isin(self.slots, np.fromiter(broken, np.int64, len(broken)))
        everybody, silent = common.empty_window, self.is_silent & (self.last >= 0)
        suspicious = live_broken | everybody | silent
        claimed = (self.last >= 0) & ~self.is_refused
        contradicted = self.is_alive & self.ends_silent  # a silent answer agrees with silent ones alone
        missing = claimed & (self.cells == MISSING) & ~contradicted
        apart = np.where(claimed, np.minimum(self.last - self.first, self.lasted), -1)
        long_enough = apart >= np.where(suspicious, DAY, circumstances.patience)
        often_enough = ~silent | (self.audits >= SILENT_AUDITS)
        whole = missing & self.is_whole & ~suspicious
        agreed = missing & (self.first_run != self.last_run) & long_enough & often_enough & ~whole
        newer = (self.last > self.proven_at) & (self.last_run == self._run(circumstances))
        again = claimed & (self.cells == ABSENT) & newer & ~self.ends_silent
        return _Verdict(whole, agreed, again, live_broken, everybody, silent)

    def _run(self, circumstances: Weighing) -> int:
        return self.runs.get(circumstances.run, -2)

    def absences(self, circumstances: Weighing, verdict: _Verdict) -> Iterator[Absence]:
        """Proven absences with the answers of their points; also those proven before, where an answer agrees again."""
        for proof, cells in (("whole", verdict.whole), ("agreed", verdict.agreed | verdict.again)):
            for same, (_, last) in _groups(cells, self.first, self.last):
                ranges = ranges_at(self.slots[same], self.steps[same])
                evidence = self._evidence(ranges)
                yield from absences_of(circumstances.dataset, self.entity, ranges, evidence, found_at=last, proof=proof)

    def _evidence(self, ranges: Ranges) -> tuple[Evidence, ...]:
        answers = [
            answer
            for claim in self.claims
            if claim.kind == "absent"
            and any(start < last and first < end for start, end in claim.ranges for first, last in ranges)
            for answer in claim.evidence
        ]
        answers = list(dict.fromkeys(answers))
        half = MOST_EVIDENCE // 2
        return tuple(answers if len(answers) <= MOST_EVIDENCE else [*answers[:half], *answers[-half:]])

    def doubts(self, circumstances: Weighing, verdict: _Verdict) -> Iterator[Doubt]:
        """The points that are missing, claimed, and not proven, by reason and by when they are asked for again."""
        left = (self.cells == MISSING) & (self.last >= 0) & ~verdict.whole & ~verdict.agreed
        rarest = np.where(self.is_refused, RAREST_REFUSED, RAREST_DOUBTED)
        asked_again = self.last + np.clip(self.last - self.first, circumstances.patience, rarest)
        reasons: tuple[tuple[Reason, Bitmap], ...] = (
            ("refused", self.is_refused),
            ("everybody", verdict.everybody),
            ("live_broken", verdict.live_broken),
            ("silent", verdict.silent),
            ("once", np.ones(len(self.slots), bool)),
        )
        for reason, cells in reasons:
            for same, (since, again, run) in _groups(left & cells, self.first, asked_again, self.last_run):
                ranges = ranges_at(self.slots[same], self.steps[same])
                yield Doubt(self.entity, ranges, reason, since, again, run == self._run(circumstances))
            left = left & ~cells


def _groups(cells: Bitmap, *columns: Slots) -> Iterator[tuple[Bitmap, list[int]]]:
    """The cells that are true, together where they are equal in all columns, with what they are equal in."""
    if not cells.any():
        return
    values = np.stack([column[cells] for column in columns], axis=1)
    for equal in np.unique(values, axis=0):
        same = cells.copy()
        for column, value in zip(columns, equal, strict=True):
            same &= column == value
        yield same, equal.tolist()


def _due(
    coverage: Coverage, rows: Mapping[str, int], absences: Sequence[Absence], circumstances: Weighing
) -> dict[str, Ranges]:
    """The absent points of each entity whose newest absence has expired."""
    slots = coverage.expectation.grid.slots
    expiry: dict[str, Slots] = {}
    for absence in absences:
        if absence.entity not in rows:
            continue
        of_entity = expiry.setdefault(absence.entity, np.full(len(slots), -1, np.int64))
        for start, end in absence.ranges:
            first, last = np.searchsorted(slots, [start, end])
            of_entity[first:last] = np.maximum(of_entity[first:last], absence.expires_at)
    due = {}
    for entity, until in expiry.items():
        cells = (coverage.cells[rows[entity]] == ABSENT) & (until >= 0) & (until <= circumstances.now)
        if cells.any():
            due[entity] = ranges_at(slots[cells], coverage.expectation.grid.steps[cells])
    return due
