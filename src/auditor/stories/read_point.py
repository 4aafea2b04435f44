"""Reading of what is stored about a point of a feed: its partition, its window, its hours of arrival, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pyarrow as pa

from auditor.databases.choose import AUDITED_EVERY
from auditor.evidence.absent import Absence, safe_name
from auditor.evidence.absent import prefix as absences_prefix
from auditor.evidence.chain import ChainReader
from auditor.evidence.claims import Claim
from auditor.evidence.claims import prefix as claims_prefix
from auditor.evidence.completeness import completeness_key
from auditor.evidence.journal import Entry, last_ended
from auditor.evidence.results import AuditResult
from auditor.feeds.choose import feed_of
from auditor.feeds.objects import began
from auditor.interventions.pauses import read_pauses
from auditor.promises import with_promises
from auditor.repairs.cause_memory import ROOT as CAUSES
from auditor.repairs.cause_memory import read_cause
from auditor.repairs.draft import plan_from_data
from auditor.run_files import run_file_if_any
from auditor.services import Services
from auditor.stories.arrivals import Arrival, Fields, Landings
from auditor.stories.efforts import MOST_ATTEMPTS, efforts_of, entries_about
from auditor.stories.holding import certificates_of, path_of, read_holding
from auditor.stories.point import Circumstances, Named, PointEvidence, provenance_of
from auditor.stories.story import counted
from auditor.windows import Window, facts_of, windows_between
from core.audit.findings import MissingPoints
from core.audit.repair_jobs import FetchHistory, Repair
from core.contract.model import Feed, Table, TradingCalendar
from core.errors import InvalidData, Misuse
from core.feeds.calendar import entities_at, slot_of, spans_of_cadence
from core.feeds.grid import expected_slots
from core.feeds.lines import PROVENANCE
from core.feeds.partitions import column_of
from core.json import UNREADABLE
from core.landing.records import completeness_if_any
from core.landing.refused_lines import refused_lines
from core.landing.zone import FEEDS, QUARANTINE
from core.ports import ObjectInfo
from core.time import epoch, iso
from core.warehouse.arrow_types import arrow_type
from core.warehouse.keys import OUTSIDE, first_kept

Answer = TypeVar("Answer", Absence, Claim)
MOST_HOURS = 48  # of arrival that are looked through for a line
MOST_OBJECTS = 200  # whose lines are read for one story

Listed = dict[str, list[ObjectInfo]]  # the objects of an hour of arrival, by their prefix


def read_point(
    services: Services, table: Table, entity: str, at: int, *, listed: Listed | None = None
) -> PointEvidence:
    """The evidence about the point of a feed's fact whose slot holds the instant ``at`` (epoch seconds).

    Hours that are among ``listed`` are not listed again, and those that are listed are added to it. Raises ``Misuse``
    where the contract knows no such entity, ``TransientFailure`` where a store does not answer.
    """
    reader = _PointReader(with_promises(services, table.dataset), table, entity, at, {} if listed is None else listed)
    return reader.evidence()


class _PointReader:
    """What the parts of the evidence share: the contract, the slot, its window."""

    def __init__(self, services: Services, table: Table, entity: str, at: int, listed: Listed) -> None:
        self._services = services
        self._listed = listed
        self._table = table
        self._entity = entity
        self._contract, self._feed, self._calendar = feed_of(services, table.dataset)
        if table.name not in {fact.name for fact in facts_of(self._contract)}:
            remedy = f"Ask of a fact: {', '.join(fact.name for fact in facts_of(self._contract))}"
            raise Misuse("tell the story", table.name, "holds no points of a feed", remedy)
        if entity not in {known.name for known in self._feed.entities}:
            remedy = "starmend contract show lists those that there are"
            raise Misuse("tell the story", entity, f"is no entity of {table.dataset}", remedy)
        self._slot, self._step = slot_at(self._feed, self._calendar, at)
        self._now = int(services.now().timestamp())
        self._landings = Landings(services.ingest, services.records)
        self._limits: list[str] = []

    def evidence(self) -> PointEvidence:
        services, dataset, slot = self._services, self._table.dataset, self._slot
        holding = read_holding(services.partitions, self._table, self._path(), self._key())
        provenance = provenance_of(holding.row, _column(self._table, PROVENANCE))
        arrivals = tuple(self._arrivals(holding.row))
        window = self._window()
        row = self._completeness(window)
        audits = entries_about(services.records, dataset, since=self._due, now=self._now, looked_at=slot)
        chain = ChainReader(services.records, dataset)
        certificates = certificates_of(chain, self._feed.table.name, iso(window.start)) if window else ()
        claims = tuple(self._claims())
        runs = [*(audit.run for audit in audits), *(claim.run for claim in claims), str(row.get("run", ""))]
        efforts = efforts_of(services.records, runs, self._is_about)
        waiting, asked_again = self._waiting(audits, row) if holding.row is None else ((), 0)
        return PointEvidence(
            dataset=dataset,
            table=self._table.name,
            entity=self._entity,
            slot=slot,
            circumstances=self._circumstances(row, asked_again),
            holding=holding,
            provenance=provenance,
            arrivals=arrivals,
            window=row,
            certificates=certificates,
            absences=tuple(self._absences()),
            claims=claims,
            audits=tuple(audits),
            efforts=tuple(efforts),
            causes=tuple(self._causes()) if holding.row is None else (),
            waiting=waiting,
            refused_records=tuple(self._refused_records()),
            limits=tuple(self._limits),
        )

    # ------------------------------------------------------------ the point and its time

    @property
    def _due(self) -> int:
        return self._slot + self._step + self._feed.settle

    def _key(self) -> Mapping[str, pa.Scalar]:
        names = {
            self._feed.entity_column: self._entity,
            self._feed.time_column: datetime.fromtimestamp(self._slot, UTC),
        }
        return {
            (column := column_of(self._table, field)): pa.scalar(
                value.replace(tzinfo=None) if isinstance(value, datetime) else value,
                arrow_type(self._table.column(column).type),
            )
            for field, value in names.items()
        }

    def _path(self) -> str:
        return path_of(self._table, self._key())

    def _circumstances(self, row: Fields, asked_again: int) -> Circumstances:
        last = last_ended(self._services.records, self._table.dataset, now=self._now)
        last = last or (epoch(row["audited_at"]) if row else 0)
        pause = read_pauses(self._services.records, self._table.dataset).standing
        unsettled = pause is not None and self._due > pause.since
        return Circumstances(
            now=self._now,
            due=self._due,
            overdue=self._slot + self._feed.complete_within,
            not_owed=self._not_owed(row),
            paused=f"{self._table.dataset} is {pause}" if pause is not None and unsettled else "",
            next_audit=max(last + AUDITED_EVERY, self._now) if last else 0,
            asked_again=asked_again,
        )

    def _not_owed(self, row: Fields) -> str:
        feed, calendar, slot = self._feed, self._calendar, self._slot
        try:
            is_expected = bool(len(expected_slots(calendar, every=feed.every, start=slot, end=slot + 1)))
        except InvalidData:
            return f"the calendar {calendar.name} knows nothing of that time"
        if not is_expected:
            return f"the calendar {calendar.name} expects nothing then"
        kept = first_kept(self._table)
        if kept is not None and slot < kept:
            return f"{self._table.name} keeps points from {iso(kept)[:10]} on, and it is {OUTSIDE}"
        if self._entity not in {entity.name for entity in entities_at(feed, slot)}:
            return f"the contract does not expect {self._entity} then"
        begin = began(self._services, self._table.dataset)
        if begin is not None and slot + self._step <= begin and not row:  # else an audit was given a range of before
            return f"the pipeline began at {iso(begin)}; starmend heal with --from and --to fetches what was before"
        return ""

    def _window(self) -> Window | None:
        try:
            windows = windows_between(self._feed, self._calendar, self._slot, self._slot + 1)
        except InvalidData:
            return None
        return windows[0] if windows else None

    def _completeness(self, window: Window | None) -> Mapping[str, Any]:
        stored = self._services.records.read(completeness_key(self._table.dataset, window.start)) if window else None
        return completeness_if_any(stored.body if stored else None)

    # ------------------------------------------------------------ the lines that it came in

    def _arrivals(self, row: Fields | None) -> Iterator[Arrival]:
        """The lines of the point in objects of its first hours; those of the stored row come with it."""
        asked = _epoch_of(row.get(_column(self._table, "fetched_at"))) if row else None
        since = int(asked) if asked is not None else self._slot
        searched = [self._slot] if row is None else sorted({self._slot, since})
        seen: set[str] = set()
        is_found = False
        for start in searched:
            for key in self._objects(start):
                if self._landings.read >= MOST_OBJECTS or key in seen:
                    break
                seen.add(key)
                for arrival in self._landings.arrivals(key, self._is_line):
                    is_found |= asked is not None and _epoch_of(arrival.fields.get("fetched_at")) == asked
                    yield arrival
                if is_found:
                    return
        if row is not None and not is_found:
            places = f"{counted(len(seen), 'object')} of the {MOST_HOURS} hours after it was asked for"
            self._limits.append(f"The line of the stored row is in none of the {places}")

    def _objects(self, start: int) -> Iterator[str]:
        """The feed's objects that arrived at or after an instant, hour by hour, the first first."""
        began = datetime.fromtimestamp(start, UTC)
        hour = began.replace(minute=0, second=0, microsecond=0)
        for number in range(MOST_HOURS):
            moment = hour + timedelta(hours=number)
            if moment.timestamp() > self._now:
                return
            prefix = f"{FEEDS}{self._table.dataset}/{moment:%Y/%m/%d/%H}/"
            if prefix not in self._listed:
                self._listed[prefix] = list(self._services.ingest.list(prefix))
            for info in sorted(self._listed[prefix], key=lambda info: (info.modified, info.key)):
                if info.modified >= began - timedelta(seconds=1):
                    yield info.key

    def _is_line(self, fields: Fields) -> bool:
        time = fields.get(self._feed.time_column)
        return fields.get(self._feed.entity_column) == self._entity and _epoch_of(time) == self._slot

    def _refused_records(self) -> Iterator[Mapping[str, Any]]:
        """Records of the provider's history that make no point: kept by slot."""
        dataset, at = self._table.dataset, iso(self._slot)
        prefix = f"{QUARANTINE}dataset={dataset}/source_table={dataset}/history-{at.replace(':', '')}-"
        for info in self._services.records.list(prefix):
            stored = self._services.records.read(info.key)
            for line in refused_lines(info.key, stored.body if stored else b""):
                if line["reason"].startswith(f"{self._entity} "):
                    yield line

    # ------------------------------------------------------------ what audits know

    def _is_about(self, repair: Repair) -> bool:
        if not isinstance(repair, FetchHistory) or repair.entity != self._entity:
            return False
        return any(start <= self._slot < end for start, end in repair.wanted or repair.ranges)

    def _absences(self) -> list[Absence]:
        absences = self._of_day(absences_prefix, Absence.from_json)
        return sorted(filter(self._speaks_of, absences), key=lambda absence: absence.found_at)

    def _claims(self) -> list[Claim]:
        claims = self._of_day(claims_prefix, Claim.from_json)
        return sorted(filter(self._speaks_of, claims), key=lambda claim: claim.found_at)

    def _speaks_of(self, answer: Absence | Claim) -> bool:
        return answer.entity == self._entity and any(start <= self._slot < end for start, end in answer.ranges)

    def _of_day(self, folder_of: Any, read: Callable[[bytes], Answer]) -> Iterator[Answer]:
        """The answers of a day; what is none says nothing, and the others are read."""
        prefix = f"{folder_of(self._table.dataset, iso(self._slot)[:10])}{safe_name(self._entity)}-"
        for info in self._services.records.list(prefix):
            if stored := self._services.records.read(info.key):
                with suppress(*UNREADABLE):
                    yield read(stored.body)

    def _causes(self) -> Iterator[Named]:
        """The open causes that name the point."""
        for info in self._services.records.list(f"{CAUSES}{self._table.dataset}/"):
            memory = read_cause(self._services.records, info.key)
            if memory.get("open") and _names(memory, self._entity, self._slot):
                yield memory

    def _waiting(self, audits: Sequence[Entry], row: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
        """Why the last run put the point off or gave it up, and when it said that the source is asked again."""
        runs = [audit.run for audit in audits if not audit.error] or [str(row.get("run", ""))]
        if not runs[-1]:
            return (), 0
        plans = [
            run_file_if_any(self._services.records, runs[-1], f"plan-{number}", plan_from_data)
            for number in range(1, MOST_ATTEMPTS)
        ]
        scans = [
            run_file_if_any(self._services.records, runs[-1], f"audit-{number}", AuditResult.from_data)
            for number in range(MOST_ATTEMPTS)
        ]
        known = [plan for plan in plans if plan is not None]
        waiting: list[str] = []
        for plan in known[-1:]:
            waiting += [f"The last plan put it off: {each.why}" for each in plan.waiting if each.entity == self._entity]
            waiting += [
                f"No repair can help: {each.reason}" for each in plan.helpless if self._is_finding(each.finding)
            ]
        results = [scan for scan in scans if scan is not None]
        doubts = results[-1].doubts if results else ()
        asked = [
            doubt.asked_again
            for doubt in doubts
            if doubt.entity == self._entity and any(start <= self._slot < end for start, end in doubt.ranges)
        ]
        return tuple(dict.fromkeys(waiting)), max(asked, default=0)

    def _is_finding(self, finding: object) -> bool:
        return (
            isinstance(finding, MissingPoints)
            and finding.entity == self._entity
            and any(start <= self._slot < end for start, end in finding.ranges)
        )


def slot_at(feed: Feed, calendar: TradingCalendar, at: int) -> tuple[int, int]:
    """The slot that holds the instant, and the seconds that it lasts, by the cadence of that time."""
    spans = spans_of_cadence(calendar, every=feed.every, start=at, end=at + 1)
    step = spans[0][2] if spans else feed.every
    return slot_of(at, step), step


def _column(table: Table, field: str) -> str:
    return column_of(table, field)


def _epoch_of(value: object) -> float | None:
    """Seconds of an instant in a line or a row; None where it is none."""
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _names(memory: Named, entity: str, slot: int) -> bool:
    """Whether an open cause was told of the point: by entity and day, or by the spans that it names."""
    cause = memory["cause"]
    places = {**dict(cause.get("places", {}))}
    for name, spans in memory.get("told", {}).items():
        places[name] = [*places.get(name, ()), *spans]
    if places:
        return any(epoch(start) <= slot < epoch(end) for start, end in places.get(entity, ()))
    spans = cause.get("spans", ())
    return entity in cause.get("entities", ()) and (
        not spans or any(epoch(start) <= slot < epoch(end) for start, end in spans)
    )
