"""The comparison of a database's rows: each slice read from the warehouse and asked of the source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auditor.databases.rows.content import doubtful, unproven
from auditor.databases.rows.differences import (
    Difference,
    compare_pairs,
    held_rows,
    keys_of,
    unequal,
)
from auditor.databases.rows.holdings import Holding, read_slices
from auditor.databases.rows.moves import MOST_LOCATED, HeldRows, Moves, changed_columns, located
from auditor.databases.rows.proofs import Proofs
from auditor.databases.rows.refused import Refused, refused_rows
from auditor.databases.rows.sums import NEVER, BucketSums
from auditor.databases.rows.targets import Slice, Target, owner_of, paths_of, targets_of
from auditor.databases.rows.unfilled import Fills, unfilled
from auditor.databases.rows.unplaced import Unplaced, UnplacedDifference, compare_unplaced
from auditor.evidence.completeness import COUNTS
from auditor.evidence.results import AuditResult, WindowResult, held_reason
from auditor.run_files import read_run_file, run_file_key
from auditor.services import Services
from auditor.warehouse.outdated import OutdatedPlace
from auditor.warehouse.parents import UNKNOWN_PARENT, Parents, parents_of, references_of
from auditor.warehouse.rule_breaks import broken_rules, orphans
from core.audit.findings import (
    BrokenPartition,
    ChangedRows,
    DeletedRows,
    Finding,
    MissingRows,
    MovedRows,
    OrphanKeys,
    RefusedRows,
    StaleRows,
    UnhashedRows,
    UnplacedRows,
    UnreadableTable,
)
from core.audit.fingerprint import buckets_for
from core.audit.source_check import (
    NOW,
    REFUSED,
    UNPLACED,
    Buckets,
    CountBuckets,
    ListInUse,
    ListPairs,
    ListUnplaced,
    LocateRows,
    Question,
    Span,
    buckets_from_data,
    lists_from_data,
    question_to_data,
)
from core.contract.model import Contract, Database
from core.contract.references import parent_of
from core.errors import InvalidData, of_kind
from core.landing.ingest_objects import EPOCH
from core.time import epoch, format_instant, iso
from core.warehouse.order import Ints, as_array

NAMED = 500  # orphans
NEVER_EXTRACTED = datetime.max.replace(tzinfo=UTC)  # the watermark of what is made from a contract alone
AWAITED_PARENT = "awaited_parent"  # why a window is not certified: what its rows refer to may be on its way
REASONS_SHOWN = 5
KEYS_AT_ONCE = 2_000  # of one question
MOST_FILLED = 10_000  # rows of a slice that are named to be hashed; those beyond are counted, and named by a later scan
MOST_SLICES, ROWS_AT_ONCE = 100, 300_000  # of one question, and in memory


@dataclass(frozen=True, slots=True)
class ComparisonTerms:
    """The terms of a comparison.

    ``watermarks`` are the instants, by source table, below which all rows were in objects that are processed
    (``EPOCH``: none). ``known_rows`` are the most rows that a slice was seen to have, by warehouse table. ``broken``
    names derived tables that cannot be relied upon as parents. ``brought`` are the instants, by source table, before
    which the source has no more rows than that: of a table in which nothing changes it is later than the watermark.
    ``held`` says of current states, by name, which dimensions that are computed from them are held, and why.
    """

    contract: Contract
    run: str
    attempt: int
    watermarks: Mapping[str, datetime]
    known_rows: Mapping[str, int]
    broken: frozenset[str]
    brought: Mapping[str, datetime] = field(default_factory=dict)
    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Counted:
    """The source's answer by slice: the fingerprints, and those with the sums of content, under these lists.

    ``unplaced`` rows of the table have no place in time.
    """

    of: Mapping[Slice, Buckets]
    content_of: Mapping[Slice, Buckets] = field(default_factory=dict)
    lists: tuple[ListInUse, ...] = ()
    unplaced: int = 0


@dataclass(frozen=True, slots=True)
class _Against:
    """A slice against the source's answer. ``moves_on``: rows were left out, for they may be on their way."""

    theirs: Buckets
    difference: Difference
    nowhere: UnplacedDifference
    moves_on: bool


@dataclass(slots=True)
class Compared:
    """The windows and findings of a comparison.

    ``objects`` are those that were read, by partition; ``rows`` the most that a slice was seen to have, by table;
    ``outdated`` the partitions that an earlier contract made.
    """

    windows: list[WindowResult] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    objects: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    outdated: list[OutdatedPlace] = field(default_factory=list)


def compare_slices(services: Services, terms: ComparisonTerms, slices: Sequence[Slice]) -> Compared:
    """Compare the slices with the source, one table after the other; of tables without a watermark only look at them.

    Raises ``TransientFailure`` where a store or the source does not answer.
    """
    return _Comparison(services, terms).compare(slices)


class _Refused(Exception):
    """The database's refusal to show a table."""


class _Comparison:
    """A comparison while it runs."""

    def __init__(self, services: Services, terms: ComparisonTerms) -> None:
        source = of_kind(terms.contract.source, Database, "audit", terms.contract.dataset)
        self._services = services
        self._terms = terms
        self._contract = terms.contract
        self._stored_parents: Parents = parents_of(services.partitions, services.contracts.table)
        run, release = f"{terms.run}/{terms.attempt}", services.code_version
        self._proofs = Proofs(services.partitions, services.records, terms.contract, release, run)
        self._owed_until = services.now() - timedelta(seconds=source.complete_within)
        self._beyond = services.now() + timedelta(seconds=source.complete_within)  # from there on is the future
        self._questions = 0
        self._refusals: dict[str, Refused] = {}
        self._fills = Fills(services.limits.budget.rows)
        self._compared = Compared()

    def compare(self, slices: Sequence[Slice]) -> Compared:
        targets = {target.table.name: target for target in targets_of(self._contract)}
        for name, of_table in groupby(slices, key=lambda part: part.table):
            if name not in targets:
                continue
            until = self._until(targets[name])
            for group in self._groups(name, list(of_table)):
                if until > EPOCH:
                    self._compared.windows += self._compare_group(targets[name], group, until)
                else:
                    self._look_at(targets[name], group)
        self._compared.findings = [*dict.fromkeys([*self._compared.findings, *self._fills.findings])]
        return self._compared

    def _look_at(self, target: Target, slices: Sequence[Slice]) -> None:
        """Find what is broken or held of slices that cannot be compared, for nothing of their objects is processed.

        Processing may wait for just that: it commits nothing to a partition whose pointer is broken.
        """
        for holding in self._holdings(target, slices, buckets_for(self._terms.known_rows.get(target.table.name, 0))):
            self._compared.findings += [*holding.broken, *holding.held]

    def _until(self, target: Target) -> datetime:
        """The instant below which rows are compared; of a table without times of change there is no watermark."""
        return self._services.now() if target.source.by_keys else self._terms.watermarks[target.source.name]

    def _groups(self, table: str, slices: list[Slice]) -> Iterator[list[Slice]]:
        """Group slices into as many as memory may hold at once, by what the table's slices have held so far."""
        size = max(1, min(MOST_SLICES, ROWS_AT_ONCE // max(1, self._terms.known_rows.get(table, 0))))
        return (slices[first : first + size] for first in range(0, len(slices), size))

    def _compare_group(self, target: Target, slices: Sequence[Slice], until: datetime) -> Iterator[WindowResult]:
        buckets = buckets_for(self._terms.known_rows.get(target.table.name, 0))
        with ThreadPoolExecutor(1) as beside:  # the source counts while we read and do the same
            asked = beside.submit(self._count, target, slices, until, buckets)
            holdings = self._holdings(target, slices, buckets)
            sound = [holding for holding in holdings if holding.readable]
            ours = [holding.sums(until=_micros(until), buckets=buckets) for holding in sound]
            lost, without = self._orphans(target, [holding for holding in sound if holding.comparable], until)
            compared = self._compared
            try:
                counted = self._counted(target, slices, ours, asked.result(), until, buckets)
                unplaced = self._unplaced(target, counted)
            except _Refused as refusal:
                compared.findings.append(self._unreadable(target, refusal))
                counted, sound, ours = _Counted({}), [], []
                unplaced = Unplaced(_micros(self._beyond))
        for holding in holdings:
            compared.objects |= holding.objects
            compared.outdated += holding.outdated
            compared.findings += [*holding.broken, *holding.held]
        compared.findings += lost
        brought = max(until, self._terms.brought.get(target.source.name, until))
        seen = {holding.slice for holding in sound}
        unseen = [each for each in holdings if each.slice not in seen and (each.held or (each.broken and counted.of))]
        for holding, our in zip(sound, ours, strict=True):
            try:
                against = self._against(holding, our, counted, unplaced, until, buckets)
            except _Refused as refusal:  # since it counted
                compared.findings.append(self._unreadable(target, refusal))
                unseen += [holding] if holding.held else []
                continue
            touched = [] if holding.held else self._touched(holding, against, counted, until, without[holding.slice])
            touched += ["unplaced_row"] if against.nowhere.differs or unplaced.may_be_anywhere(target) else []
            apart = {"unplaced": against.nowhere.rows, "orphans": holding.accepted}
            yield _window(
                holding, against.theirs, against.difference, brought, [*self._faults_of(holding), *touched], apart
            )
        for holding in unseen:
            yield _unseen_window(holding, counted.of.get(holding.slice, {}), brought, self._faults_of(holding))

    def _against(
        self,
        holding: Holding,
        our: BucketSums,
        counted: _Counted,
        unplaced: Unplaced,
        until: datetime,
        buckets: int,
    ) -> _Against:
        """What differs between a slice and the source. Raises ``_Refused`` where it shows its rows no more."""
        theirs = counted.of[holding.slice]
        other_content = doubtful(our, counted.content_of[holding.slice], counted.lists)
        wanted = tuple(sorted({*unequal(our.fingerprints, theirs), *other_content}))
        difference, moves_on = self._difference(holding, wanted, until, buckets, counted.lists), False
        if holding.target.source.by_keys and not holding.held:
            difference, moves_on = self._settled(holding, difference)
        has_content = unplaced.rows is not None and unplaced.lists
        nowhere = compare_unplaced(
            holding, unplaced, self._refused(holding.target.source.name) if has_content else None
        )
        difference = self._without_place(holding, difference, unplaced, nowhere)
        return _Against(theirs, difference, nowhere, moves_on)

    def _touched(
        self, holding: Holding, against: _Against, counted: _Counted, until: datetime, without: Sequence[str]
    ) -> list[str]:
        """Why a slice is not certified, whatever its counts say; adds the findings about its rows."""
        name = holding.target.table.name
        self._add_findings(holding, against.theirs, against.difference, against.nowhere)
        numbers = {known.number for known in counted.lists}
        self._add_unproven(holding, unproven(holding, numbers, until=_micros(until)), against.difference)
        lacking = unfilled(holding, counted.lists, until=_micros(until))
        self._fills.add(self._contract.dataset, holding, lacking)
        rule_breaks = [] if holding.in_order else list(self._rule_breaks(holding))
        self._compared.findings += rule_breaks
        self._compared.rows[name] = max(self._compared.rows.get(name, 0), holding.count)
        touched = [*(finding.kind for finding in rule_breaks), *without]
        touched += ["changed_row"] if against.moves_on else []
        touched += ["unfilled_row"] if lacking.columns else []
        return touched

    def _faults_of(self, holding: Holding) -> list[str]:
        """The partitions of a slice that are held or broken, and the dimensions computed from it that are held."""
        broken = [f"{each.kind}: {each.table}/{each.partition}".rstrip("/") for each in holding.broken]
        return [*map(held_reason, holding.held), *self._terms.held.get(holding.target.table.name, ()), *broken]

    def _holdings(self, target: Target, slices: Sequence[Slice], buckets: int) -> list[Holding]:
        """The slices as the warehouse has them."""
        references = references_of(target.table, self._parents, broken=self._terms.broken)
        workers = self._services.limits.workers
        known_false = len(self._proofs.false)
        holdings = read_slices(
            self._proofs, self._contract, target, slices, buckets=buckets, references=references, workers=workers
        )
        for name in self._proofs.false[known_false:]:
            self._services.log.error("remembered sums were not those of the rows; none are believed", partition=name)
        return holdings

    # ------------------------------------------------------------ the source

    def _count(
        self, target: Target, slices: Sequence[Slice], until: datetime, buckets: int, lists: tuple[int, ...] = (NOW,)
    ) -> _Counted:
        spans = tuple(_span(part) for part in slices)
        dataset, table = self._contract.dataset, target.source.name
        asked = lists if target.table.keeps_content else ()
        owed, beyond = format_instant(until), format_instant(self._beyond)
        question = CountBuckets(dataset, table, spans, buckets, owed, target.column, asked, beyond)
        answer = self._ask(question)
        spans_of = dict(zip(slices, buckets_from_data(answer["spans"]), strict=True))
        return _Counted(spans_of, spans_of, lists_from_data(answer), answer.get(UNPLACED, 0))

    def _counted(
        self,
        target: Target,
        slices: Sequence[Slice],
        ours: Sequence[BucketSums],
        counted: _Counted,
        until: datetime,
        buckets: int,
    ) -> _Counted:
        """The source's answer with the sums under lists of before, which are asked for only where rows have them."""
        known = tuple(each.number for each in counted.lists)
        older = {number for sums in ours for number in sums.lists} - {*known, NEVER}
        if not known or not older:
            return counted
        again = self._count(target, slices, until, buckets, (*known, *sorted(older)))
        return replace(counted, content_of=again.content_of, lists=again.lists)

    def _settled(self, holding: Holding, difference: Difference) -> tuple[Difference, bool]:
        """The difference without rows that were written since this run found or fetched them, if there are any.

        No time of change tells what is on its way: such rows are the next audit's, and their window is not certified.
        """
        if not self._terms.attempt:
            return difference, False
        before = self._scan_before()
        rows = (each for each in before.findings if isinstance(each, MissingRows | ChangedRows | DeletedRows))
        known = {key for each in rows if each.table == holding.target.source.name for key in each.keys}
        checked = holding.checked
        fresh = {*keys_of(holding, np.flatnonzero(checked >= epoch(before.audited_at) * 1_000_000))}
        settled = replace(
            difference,
            missing=tuple(key for key in difference.missing if key in known),
            changed=tuple(key for key in difference.changed if key in known and key not in fresh),
            deleted=difference.deleted.at(
                [at for at, key in enumerate(difference.deleted.keys) if key in known and key not in fresh]
            ),
        )
        return settled, settled != difference

    def _scan_before(self) -> AuditResult:
        """The result of the scan before this one, in the same run."""
        name = f"audit-{self._terms.attempt - 1}"
        return AuditResult.from_data(read_run_file(self._services.records, self._terms.run, name))

    def _unplaced(self, target: Target, counted: _Counted) -> Unplaced:
        """The source's rows without a place in time, which are listed only where it counted any."""
        beyond, lists = _micros(self._beyond), tuple(known.number for known in counted.lists)
        if not counted.unplaced:
            return Unplaced(beyond)
        dataset, table, column = self._contract.dataset, target.source.name, target.column
        question = ListUnplaced(dataset, table, format_instant(self._beyond), self._answer_key(), column, lists)
        unplaced = Unplaced(beyond, counted.unplaced, self._rows_of(question), counted.lists)
        keys = unplaced.keys(target)
        self._compared.findings.append(UnplacedRows(dataset, table, keys, counted.unplaced))
        if counted.lists and (nowhere := unplaced.nowhere(target, self._refused(table))):
            self._compared.findings.append(MissingRows(dataset, table, nowhere))
        return unplaced

    def _without_place(
        self, holding: Holding, difference: Difference, unplaced: Unplaced, nowhere: UnplacedDifference
    ) -> Difference:
        """The difference without rows that the source still has, but in no place; with those that it has no more."""
        known = {*(unplaced.all_keys(holding.target) if difference.deleted.keys else ())}
        kept = [place for place, key in enumerate(difference.deleted.keys) if key not in known]
        deleted = difference.deleted.at(kept)
        if nowhere.gone is None or not len(nowhere.gone):
            return replace(difference, deleted=deleted)
        gone = held_rows(holding, nowhere.gone)
        counted_twice = {*deleted.keys}
        gone = gone.at([place for place, key in enumerate(gone.keys) if key not in counted_twice])
        apart = Difference(deleted=gone) if holding.slice.whole else self._located(holding, Difference(deleted=gone))
        return replace(difference, deleted=deleted + apart.deleted, moved=difference.moved + apart.moved)

    def _ask(self, question: Question) -> Mapping[str, Any]:
        """The source's answer. Raises ``_Refused`` where it shows nothing of the table."""
        answer = self._services.needed_source()(question_to_data(question))
        if REFUSED in answer:
            raise _Refused(answer[REFUSED])
        return answer

    def _unreadable(self, target: Target, refusal: _Refused) -> UnreadableTable:
        return UnreadableTable(self._contract.dataset, target.source.name, str(refusal))

    def _difference(
        self, holding: Holding, wanted: tuple[int, ...], until: datetime, buckets: int, lists: Sequence[ListInUse]
    ) -> Difference:
        """The rows of the wanted buckets that differ; the source is asked for them, if there are any."""
        if not wanted:
            return Difference()
        target = holding.target
        dataset, table = self._contract.dataset, target.source.name
        span, numbers = _span(holding.slice), tuple(known.number for known in lists)
        pairs = ListPairs(dataset, table, span, buckets, wanted, self._answer_key(), target.column, numbers)
        with ThreadPoolExecutor(1) as beside:  # the source looks for its rows while we decode ours
            asked = beside.submit(self._rows_of, pairs)
            holding.decoded()
            rows = asked.result()
        refused = self._refused(table) if lists else None
        difference = compare_pairs(
            holding, rows, wanted=wanted, buckets=buckets, until=_micros(until), lists=lists, refused=refused
        )
        return difference if holding.slice.whole else self._located(holding, difference)

    def _refused(self, table: str) -> Refused:
        """The rows of a source table that were refused; read once for the scan."""
        if table not in self._refusals:
            dataset, contract = self._contract.dataset, self._contract.hash
            self._refusals[table] = refused_rows(self._services.records, dataset, table, contract)
        return self._refusals[table]

    def _located(self, holding: Holding, difference: Difference) -> Difference:
        """The difference with the rows that the slice has no more looked for elsewhere: deleted, or moved."""
        target = holding.target
        lost, moves = HeldRows(), difference.moved
        gone = difference.deleted.at(range(min(MOST_LOCATED, len(difference.deleted.keys))))
        columns = tuple(dict.fromkeys(name for name in target.placed.values() if name not in target.source.key))
        for first in range(0, len(gone.keys), KEYS_AT_ONCE):
            chunk = gone.at(range(first, min(first + KEYS_AT_ONCE, len(gone.keys))))
            name = self._answer_key()
            rows = self._rows_of(LocateRows(self._contract.dataset, target.source.name, chunk.keys, columns, name))
            deleted, moved = located(target, chunk, rows, holding.live.schema)
            lost, moves = lost + deleted, moves + moved
        rest = difference.deleted.at(range(len(gone.keys), len(difference.deleted.keys)))
        return replace(difference, deleted=lost + rest, moved=moves)

    def _rows_of(self, question: ListPairs | LocateRows | ListUnplaced) -> pa.Table:
        self._ask(question)
        stored = self._services.records.read(question.target)
        if stored is None:
            place, problem = question.target, "the source's answer is not there"
            raise InvalidData("compare rows", place, problem, "Start the audit again")
        return pq.read_table(pa.BufferReader(stored.body))

    def _answer_key(self) -> str:
        """The key of the next answer that comes as an object."""
        self._questions += 1
        answer = run_file_key(self._terms.run, f"source/{self._terms.attempt}-{self._questions:05d}")
        return f"{answer.removesuffix('.json')}.parquet"

    # ------------------------------------------------------------ findings

    def _add_findings(
        self, holding: Holding, theirs: Buckets, difference: Difference, nowhere: UnplacedDifference
    ) -> None:
        dataset, table = self._contract.dataset, holding.target.source.name
        findings = self._compared.findings
        if missing := (*difference.missing, *nowhere.missing):
            findings.append(MissingRows(dataset, table, missing))
        if stale := (*difference.stale, *nowhere.stale):
            findings.append(StaleRows(dataset, table, stale))
        if refused := (*difference.refused, *nowhere.refused):
            reasons = self._refused(table).reasons[-REASONS_SHOWN:]
            findings.append(RefusedRows(dataset, table, refused, reasons))
        if changed := (*difference.changed, *nowhere.changed):
            findings.append(ChangedRows(dataset, table, changed))
        if (gone := difference.deleted).keys:
            findings.append(DeletedRows(dataset, table, gone.keys, gone.versions, gone.checked))
        if difference.moved.now:
            findings.append(_moved_rows(holding.target, difference.moved))
        if difference.missing or difference.stale:
            findings += holding.rolled_back
        paths = paths_of(holding.target, holding.slice)
        awaited = holding.target.source.by_keys  # an audit brings its first rows too
        if len(paths) == 1 and holding.missing and theirs and not awaited:
            owner = owner_of(self._contract, holding.target.table.name)
            path = paths[0] if owner == holding.target.table.name else ""
            findings.append(BrokenPartition(dataset, owner, path, "has no pointer"))

    def _add_unproven(self, holding: Holding, places: Ints, difference: Difference) -> None:
        """Count the rows that nothing proves the content of, and name those that are fetched again now."""
        rows = len(places) + len(difference.foreign)
        if rows:
            keys = (*difference.foreign, *keys_of(holding, places[:MOST_FILLED]))[:MOST_FILLED]
            dataset, table = self._contract.dataset, holding.target.source.name
            self._compared.findings.append(UnhashedRows(dataset, table, keys, rows))

    def _rule_breaks(self, holding: Holding) -> Iterable[Finding]:
        paths = paths_of(holding.target, holding.slice)
        if holding.target.table.kind == "fact" and len(paths) == 1:
            yield from broken_rules(holding.target.table, paths[0], holding.live)

    def _orphans(
        self, target: Target, holdings: Sequence[Holding], until: datetime
    ) -> tuple[list[OrphanKeys], dict[Slice, list[str]]]:
        """Orphans among current rows, and by slice why it is not certified: of them, or of what nobody knows yet.

        Of a parent that is broken nobody knows the keys. One that may still be on its way is awaited: a table in which
        nothing changes has an old watermark, and there the time counts within which rows are promised.
        """
        lost: list[OrphanKeys] = []
        without: dict[Slice, list[str]] = {holding.slice: [] for holding in holdings}
        for column in target.table.columns:
            parent = parent_of(column)
            if not parent:
                continue
            known = None if parent in self._terms.broken else self._parents(column.references)
            if known is None:
                for holding in holdings:
                    if holding.live.column(column.name).null_count < len(holding.live):
                        without[holding.slice].append(UNKNOWN_PARENT)
            elif column.missing == "alarm":
                due = _micros(min(until, max(self._watermark_of(parent), self._owed_until)))
                amiss = [holding for holding in holdings if not holding.in_order]
                orphaned = [_values(holding, column.name, end=due) for holding in amiss]
                for holding, values in zip(amiss, orphaned, strict=True):
                    awaiting = _values(holding, column.name, start=due, end=_micros(until))
                    if orphans(target.table, column, values, known):
                        without[holding.slice].append("orphan_key")
                    elif orphans(target.table, column, awaiting, known):
                        without[holding.slice].append(AWAITED_PARENT)
                chunks = [chunk for values in orphaned for chunk in values.chunks]
                values = pa.chunked_array(chunks) if chunks else None
                turn = self._terms.run  # all scans of a run name the same
                if values is not None:
                    finding = orphans(target.table, column, values, known, named=NAMED, turn=turn)
                    lost += [finding] if finding else []
        return lost, without

    def _parents(self, reference: str) -> pa.Array | None:
        """The values that a column may refer to; None where nobody knows them.

        Of a table that was extracted and has no commit there are none.
        """
        values = self._stored_parents(reference)
        if values is None and EPOCH < self._watermark_of(reference.partition(".")[0]) < NEVER_EXTRACTED:
            return pa.nulls(0)
        return values

    def _watermark_of(self, parent: str) -> datetime:
        source = self._services.contracts.table(parent).source
        return self._terms.watermarks.get(source, NEVER_EXTRACTED)


def _values(holding: Holding, column: str, *, start: int | None = None, end: int) -> pa.ChunkedArray:
    """A column of the live rows whose versions lie between (microseconds)."""
    between = holding.versions < end
    if start is not None:
        between &= holding.versions >= start
    return pa.chunked_array([as_array(holding.live.column(column)).filter(pa.array(between))])


def _moved_rows(target: Target, moves: Moves) -> MovedRows:
    rows = moves.rows
    return MovedRows(
        dataset=target.table.dataset,
        table=target.source.name,
        keys=rows.keys,
        fact=target.table.name,
        columns=changed_columns(target, moves),
        partitions=tuple(zip(rows.partitions, moves.now, strict=True)),
        versions=rows.versions,
        checked=rows.checked,
    )


def _window(
    holding: Holding,
    theirs: Buckets,
    difference: Difference,
    brought: datetime,
    touched: Sequence[str],
    apart: Mapping[str, int],
) -> WindowResult:
    """``expected`` is what the source has below the watermark, and what it is known to have had.

    What ends after the instant before which all was ``brought`` is not complete.
    ``apart`` is what is counted beside it: rows without a place in time, and those whose orphans are accepted.
    """
    gone = holding.gone
    source = sum(their.rows for their in theirs.values())
    missing = len(difference.missing) + len(difference.stale) + len(difference.changed) + len(difference.refused)
    present = max(0, source - missing)
    repaired = min(holding.repaired, present)
    marked = {"deleted_row": difference.deleted.keys, "moved_row": difference.moved.now}
    reasons = [*touched, *(kind for kind, rows in marked.items() if rows)]
    return WindowResult(
        start=holding.slice.start,
        end=holding.slice.end,
        complete=holding.slice.whole or holding.slice.end <= int(brought.timestamp()),
        counts={
            "expected": source + gone,
            "present": present,
            "observed": present - repaired,
            "late": 0,
            "repaired": repaired,
            "absent": gone,
            "missing": missing,
            **{name: count for name, count in apart.items() if count},
        },
        partitions=holding.proofs,
        touched_by=tuple(dict.fromkeys(reasons)),
        subject=holding.target.table.name,
    )


def _unseen_window(holding: Holding, theirs: Buckets, brought: datetime, touched: Sequence[str]) -> WindowResult:
    """The window of a slice that could not be compared: what cannot be read is not there for anybody."""
    source = sum(their.rows for their in theirs.values())
    present = min(source, holding.count)
    counts = dict.fromkeys(COUNTS, 0) | {"expected": source, "present": present, "observed": present}
    return WindowResult(
        start=holding.slice.start,
        end=holding.slice.end,
        complete=holding.slice.whole or holding.slice.end <= int(brought.timestamp()),
        counts=counts | {"missing": source - present},
        partitions=holding.proofs,
        touched_by=tuple(touched),
        subject=holding.target.table.name,
    )


def _micros(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def _span(part: Slice) -> Span:
    return Span() if part.whole else Span(iso(part.start), iso(part.end))
