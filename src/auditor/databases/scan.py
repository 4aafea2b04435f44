"""One look of an audit at a database: its objects, its rows by key, its derived tables, its parameters. One paper.

Objects come first, for they tell the watermark; then each slice of the warehouse, while the source counts, and after it
those rows of the source that are in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.databases.arrivals import Arrivals, Ports, scan_arrivals
from auditor.databases.choose import DatabaseOrder
from auditor.databases.derived import derived_findings
from auditor.databases.memory import Memory, read_memory
from auditor.databases.parameters import read_parameters, wrong_parameters
from auditor.databases.rows.differences import Difference, compare_pairs, our_buckets, unequal
from auditor.databases.rows.holdings import Holding, known_keys, read_slices
from auditor.databases.rows.proofs import Proofs
from auditor.databases.rows.targets import Slice, Target, database_of, owner_of, paths_of, targets_of
from auditor.evidence.results import AuditResult, WindowResult
from auditor.run_files import run_file_key, write_run_file
from auditor.services import Services
from auditor.warehouse.parents import Parents, parents_of
from auditor.warehouse.rule_breaks import broken_rules, orphans
from auditor.warehouse.unreferenced import find_unreferenced
from core.audit.findings import (
    BrokenPartition,
    DeadLetters,
    DeletedRows,
    Finding,
    MissingRows,
    OrphanKeys,
    StaleDerived,
    StaleRows,
)
from core.audit.fingerprint import buckets_for
from core.audit.source_check import Buckets, CountBuckets, ListPairs, Span, buckets_from_data, question_to_data
from core.contract.model import Contract, Database
from core.errors import InvalidData
from core.landing.ingest_objects import EPOCH
from core.landing.state import ParameterNames
from core.time import format_instant, format_second, iso
from core.warehouse.order import as_array

ORPHANS_NAMED = 500
MOST_SLICES, ROWS_AT_ONCE = 100, 300_000  # of one question, and in memory


@dataclass
class DatabaseScan:
    """What a look found, and what the next audit is to remember of it."""

    result: AuditResult
    memory: Memory
    arrivals: Mapping[str, Arrivals] = field(default_factory=dict)


def scan_database(services: Services, order: DatabaseOrder, *, attempt: int) -> DatabaseScan:
    """Audit the order's slices as they are now; the result is a paper of the run, ``audit-<attempt>``.

    Raises ``TransientFailure`` where a store or the source does not answer.
    """
    contract, source = database_of(services.contracts, order.dataset)
    now = services.now()
    memory = read_memory(services.records, order.dataset)
    names = ParameterNames(services.parameter_prefix, order.dataset)
    tables_of = [table.name for table in source.tables]
    before = read_parameters(services.parameters, names, tables_of) if services.parameters else {}
    ports = Ports(services.ingest, services.records, services.code_version, now, source.settle)
    arrivals = {
        table.name: scan_arrivals(ports, contract, table.name, memory.of(table.name)) for table in source.tables
    }
    derived = list(derived_findings(services, contract, now=now, settle=source.settle))
    findings: list[Finding] = [*(finding for arrival in arrivals.values() for finding in arrival.findings), *derived]
    ill = {one.table for one in derived if isinstance(one, StaleDerived | BrokenPartition)}
    comparison = _Comparison(services, contract, order, arrivals, ill, known_rows=memory.rows, attempt=attempt)
    windows = comparison.run()
    findings += [*dict.fromkeys(comparison.findings)]
    findings += _parameters(services, source, names, arrivals, before, now)
    findings += _dead_letters(services, order.dataset, memory)
    leavings = find_unreferenced(
        services, contract, order.run, audited=comparison.objects, scheduled=order.scheduled, attempt=attempt
    )
    findings += leavings.findings
    result = AuditResult(
        dataset=order.dataset,
        subject=order.dataset,
        windows=tuple(windows),
        findings=tuple(findings),
        targets=comparison.objects,
        objects_until="",
        audited_at=format_second(now),
        swept_until=leavings.until,
    )
    write_run_file(services.records, order.run, f"audit-{attempt}", result.to_data())
    rows = {**memory.rows, **comparison.rows}
    tables = {name: arrival.memory for name, arrival in arrivals.items()}
    after = Memory(tables, order.sweep, order.taken_at, rows, memory.redriven) if order.scheduled else None
    return DatabaseScan(result, after or Memory(tables, memory.sweep, memory.swept_at, rows, memory.redriven), arrivals)


def _parameters(
    services: Services,
    source: Database,
    names: ParameterNames,
    arrivals: Mapping[str, Arrivals],
    before: Mapping[str, str],
    now: datetime,
) -> list[Finding]:
    if services.parameters is None:
        return []
    calm = {
        name: arrival.settled
        and (arrival.newest_at is None or (now - arrival.newest_at).total_seconds() >= source.settle)
        for name, arrival in arrivals.items()
    }
    return list(wrong_parameters(services.parameters, names, list(arrivals.values()), calm, before))


def _dead_letters(services: Services, dataset: str, memory: Memory) -> list[Finding]:
    """Those that concern this dataset and had no second chance yet."""
    if services.dead_letters is None:
        return []
    places = (f"tables/{dataset}/", f"repair/{dataset}/", f"feeds/{dataset}/")
    mine = [
        name
        for name, body in services.dead_letters.peek().items()
        if name not in memory.redriven and any(place in body.replace("%2F", "/") for place in places)
    ]
    return [DeadLetters(dataset, tuple(sorted(mine)))] if mine else []


class _Comparison:
    """The slices one after the other, each read from the warehouse and asked of the source."""

    def __init__(
        self,
        services: Services,
        contract: Contract,
        order: DatabaseOrder,
        arrivals: Mapping[str, Arrivals],
        ill: set[str],
        *,
        known_rows: Mapping[str, int],
        attempt: int,
    ) -> None:
        self._world = services
        self._contract = contract
        self._order = order
        self._arrivals = arrivals
        self._ill = ill
        self._attempt = attempt
        self._parents: Parents = parents_of(services.partitions, services.contracts.table)
        self._proofs = Proofs(services.partitions, services.records, contract)
        self.findings: list[Finding] = []
        self.objects: dict[str, str] = {}
        self.rows: dict[str, int] = {}
        self._known_rows = known_rows
        assert isinstance(contract.source, Database)
        self._owed_until = services.now() - timedelta(seconds=contract.source.complete_within)
        self._asked = 0

    def run(self) -> list[WindowResult]:
        targets = {target.table.name: target for target in targets_of(self._contract)}
        found: list[WindowResult] = []
        for name, some in groupby(self._order.slices, key=lambda one: one.table):
            until = self._arrivals[targets[name].source.name].watermark if name in targets else EPOCH
            if until > EPOCH:
                for group in self._groups(name, list(some)):
                    found += self._compare(targets[name], group, until)
        return found

    def _groups(self, table: str, slices: list[Slice]) -> Iterator[list[Slice]]:
        """As many at once as memory may hold, by what the table's slices have held so far."""
        size = max(1, min(MOST_SLICES, ROWS_AT_ONCE // max(1, self._known_rows.get(table, 0))))
        return (slices[first : first + size] for first in range(0, len(slices), size))

    def _compare(self, target: Target, slices: Sequence[Slice], until: datetime) -> Iterator[WindowResult]:
        buckets = buckets_for(self._known_rows.get(target.table.name, 0))
        with ThreadPoolExecutor(1) as beside:  # the source counts while we read and do the same
            asked = beside.submit(self._count, target, slices, until, buckets)
            holdings = read_slices(self._proofs, self._contract, target, slices, workers=self._world.limits.workers)
            sound = [holding for holding in holdings if holding.comparable]
            mine = [our_buckets(one.hashes, one.versions, until=_micros(until), buckets=buckets) for one in sound]
            lost = list(self._orphans(target, sound, until)) if sound else []
            answers = dict(zip(slices, asked.result(), strict=True))
        for one in holdings:
            self.objects |= one.objects
            self.findings += [*one.broken, *one.held]
        self.findings += lost
        for holding, ours in zip(sound, mine, strict=True):
            theirs = answers[holding.slice]
            difference = self._difference(holding, unequal(ours, theirs), until, buckets)
            self._tell(holding, theirs, difference)
            lawless = list(self._lawless(holding))
            self.findings += lawless
            most = max(self.rows.get(target.table.name, 0), holding.live.num_rows)
            self.rows[target.table.name] = most
            ills = [one.kind for one in (*lawless, *lost)]
            yield self._window(holding, theirs, difference, until, ills)

    # ------------------------------------------------------------ the source

    def _count(self, target: Target, slices: Sequence[Slice], until: datetime, buckets: int) -> tuple[Buckets, ...]:
        spans = tuple(_span(one) for one in slices)
        dataset, table = self._order.dataset, target.source.name
        question = CountBuckets(dataset, table, spans, buckets, format_instant(until), target.column)
        return buckets_from_data(self._world.needed_source()(question_to_data(question))["spans"])

    def _difference(self, holding: Holding, wanted: tuple[int, ...], until: datetime, buckets: int) -> Difference:
        target, bound = holding.target, _micros(until)
        if not wanted:
            return Difference()
        self._asked += 1
        place = run_file_key(self._order.run, f"source/{self._attempt}-{self._asked:05d}").removesuffix(".json")
        dataset, table = self._order.dataset, target.source.name
        pairs = ListPairs(dataset, table, _span(holding.slice), buckets, wanted, f"{place}.parquet", target.column)
        self._world.needed_source()(question_to_data(pairs))
        stored = self._world.records.read(pairs.target)
        if stored is None:
            raise InvalidData("compare rows", pairs.target, "the source's answer is not there", "Start the audit again")
        rows = pq.read_table(pa.BufferReader(stored.body))
        return compare_pairs(holding, rows, wanted=wanted, buckets=buckets, until=bound)

    def _tell(self, holding: Holding, theirs: Buckets, difference: Difference) -> None:
        dataset, table = self._order.dataset, holding.target.source.name
        if difference.missing:
            self.findings.append(MissingRows(dataset, table, difference.missing))
        if difference.stale:
            self.findings.append(StaleRows(dataset, table, difference.stale))
        if difference.deleted:
            self.findings.append(
                DeletedRows(dataset, table, difference.deleted, difference.versions, difference.checked)
            )
        if difference.missing or difference.stale:
            self.findings += holding.rolled_back
        paths = paths_of(holding.target, holding.slice)
        if len(paths) == 1 and holding.missing and theirs:
            owner = owner_of(self._contract, holding.target.table.name)
            path = paths[0] if owner == holding.target.table.name else ""
            self.findings.append(BrokenPartition(dataset, owner, path, "has no pointer"))

    # ------------------------------------------------------------ the contract's rules

    def _lawless(self, holding: Holding) -> Iterable[Finding]:
        paths = paths_of(holding.target, holding.slice)
        if holding.target.table.kind == "fact" and len(paths) == 1:
            yield from broken_rules(holding.target.table, paths[0], holding.live)

    def _orphans(self, target: Target, holdings: Sequence[Holding], until: datetime) -> Iterable[OrphanKeys]:
        """Of current rows; one whose parent may still be on its way is passed over.

        A table in which nothing changes has an old watermark: there the time counts within which rows are promised.
        """
        for column in target.table.columns:
            parent, _, _ = column.references.partition(".")
            if not parent or parent in self._ill:
                continue
            known = self._parents(column.references)
            if known is None:
                continue
            bound = _micros(min(until, max(self._watermark_of(parent), self._owed_until)))
            values = pa.chunked_array(
                [
                    as_array(holding.live.column(column.name)).filter(pa.array(holding.versions < bound))
                    for holding in holdings
                ]
            )
            lost = orphans(target.table, column, values, known, named=ORPHANS_NAMED)
            if lost is not None:
                yield lost

    def _watermark_of(self, parent: str) -> datetime:
        source = self._world.contracts.table(parent).source
        found = self._arrivals.get(source)
        return found.watermark if found else datetime.max.replace(tzinfo=UTC)

    # ------------------------------------------------------------ counts

    def _window(
        self, holding: Holding, theirs: Buckets, difference: Difference, until: datetime, ills: Sequence[str]
    ) -> WindowResult:
        """``expected`` is what the source has below the watermark, and what it is known to have had."""
        _, gone = known_keys(holding).tolist()
        source = sum(their.rows for their in theirs.values())
        missing = len(difference.missing) + len(difference.stale)
        checked = holding.target.checked
        repaired = int(pc.sum(pc.is_valid(holding.live.column(checked))).as_py() or 0) if checked else 0
        present = max(0, source - missing)
        repaired = min(repaired, present)
        one = holding.slice
        touched = [*ills, *(["deleted_row"] if difference.deleted else [])]
        return WindowResult(
            start=one.start,
            end=one.end,
            complete=one.whole or one.end <= int(until.timestamp()),
            counts={
                "expected": source + gone,
                "present": present,
                "observed": present - repaired,
                "late": 0,
                "repaired": repaired,
                "absent": gone,
                "missing": missing,
            },
            partitions=holding.proofs,
            touched_by=tuple(dict.fromkeys(touched)),
            subject=holding.target.table.name,
        )


def _micros(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def _span(one: Slice) -> Span:
    return Span() if one.whole else Span(iso(one.start), iso(one.end))
