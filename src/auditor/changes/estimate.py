"""Work that a change of contracts will ask of a lake, told before it is applied from the lake's own figures.

How many partitions a table has is listed; what they hold is read of some, spread over them, and taken for all. Ingest
objects are listed. Nothing is written, and nobody but the two buckets is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import pyarrow as pa
import pyarrow.compute as pc

from auditor.databases.choose import AUDITED_EVERY
from auditor.repairs.history.ask_history import REPAIR_MINUTES
from auditor.repairs.history.history_calls import plan_calls
from auditor.repairs.plan import KEYS_PER_JOB, PARTITIONS_PER_JOB
from auditor.services import Budget, Limits
from auditor.warehouse.outdated import made_tables, paths_newest_first, promise_of
from auditor.warehouse.partitions import target_of
from core.contract.model import Contract, Contracts, Database, Feed, Latest, SourceTable, Table
from core.errors import InvalidData, MissingColumns, PipelineBug
from core.evolution.changes import GRADES, Change, Grade, gravest
from core.evolution.generations import affected
from core.feeds.calendar import validity
from core.landing.zone import prefixes_of
from core.ports import ObjectReader, PartitionStore
from core.time import epoch
from core.warehouse.current_state import CURRENT, inputs_of
from core.warehouse.keys import partition_codes, with_path_columns
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import partition_of

SAMPLE = 12  # partitions of a table that are read
VERSION_WRITES = 2  # the object and its pointer


@dataclass(frozen=True, slots=True)
class Lake:
    """The buckets of a deployment, to be read; ``now`` in epoch seconds."""

    ingest: ObjectReader
    records: ObjectReader
    partitions: PartitionStore
    now: int


@dataclass(frozen=True, slots=True)
class Work:
    """The work that the changes of one table or feed ask for.

    ``partitions`` with ``rows`` are made again; ``fetched`` rows are asked of the database, ``points`` of the provider
    by ``calls``. ``parsed`` are the lines that are read for it, in ``reads`` of objects; a version is two ``writes``.
    ``jobs`` are the functions' invocations: a deployment builds new generations itself.
    """

    dataset: str
    subject: str
    grade: Grade
    partitions: int = 0
    rows: int = 0
    fetched: int = 0
    points: int = 0
    calls: int = 0
    parsed: int = 0
    reads: int = 0
    writes: int = 0
    jobs: int = 0


def estimate_work(lake: Lake, before: Contracts, after: Contracts, changes: Sequence[Change]) -> list[Work]:
    """What each table or feed asks for, dataset by dataset; nothing of what is not there yet.

    Raises ``TransientFailure`` where a store does not answer.
    """
    work: list[Work] = []
    datasets = {contract.dataset for contract in before}
    for contract in after:
        if contract.dataset in datasets:
            of_dataset = [change for change in changes if change.dataset == contract.dataset]
            work += _of_tables(lake, before.dataset(contract.dataset), contract, after, of_dataset)
            work += _of_feed(lake, before, after, contract, of_dataset)
    return work


def minutes_of(work: Iterable[Work], seconds: float, budget: Budget | None = None) -> float:
    """How long until the audits are through: what the functions take, and the hours between the runs it needs.

    What is built anew waits for no audit: the deployment does it.
    """
    budget, several = budget or Budget(), list(work)
    rows, points = sum(each.fetched for each in several), sum(each.points for each in several)
    of_run = budget.rows * Limits().attempts
    runs = max(
        1,
        ceil(rows / of_run),
        ceil(points / budget.points),
        ceil(sum(each.partitions for each in several if each.grade != "rebuild") / budget.partitions),
        ceil(sum(each.calls for each in several) / (budget.calls * Limits().attempts)),
    )
    return (runs - 1) * AUDITED_EVERY / 60 + seconds / 60


def by_grade(work: Iterable[Work]) -> dict[Grade, list[Work]]:
    """The work of each class that asks for any, the gravest first."""
    several = list(work)
    grades = {grade: [each for each in several if each.grade == grade] for grade in reversed(GRADES)}
    return {grade: each for grade, each in grades.items() if each}


# ---------------------------------------------------------------- tables


def _of_tables(
    lake: Lake, before: Contract, after: Contract, contracts: Contracts, changes: Sequence[Change]
) -> Iterator[Work]:
    was = {table.name: table for table in made_tables(before)}
    rebuilt = affected(before, after)  # other partitions are no other promise of rows, and yet all are written
    for table in made_tables(after):
        old = was.get(table.name)
        if old is None or (table.name not in rebuilt and promise_of(old) == promise_of(table)):
            continue
        is_built = table.name in rebuilt
        held = _held(lake, old, {part.column for part in table.partition_by} if is_built else ())
        if not held.partitions:
            continue
        fetched, jobs = _fetched(before, after, table, held)
        restated = 0 if is_built else ceil(held.partitions / PARTITIONS_PER_JOB)
        reads, parsed = _read(lake, contracts, table, held, fetched, jobs, max(1, restated))
        partitions = _placed(old, table, held) if is_built else held.partitions
        yield Work(
            after.dataset,
            table.name,
            "rebuild" if is_built else _grade(table, changes),
            partitions=partitions,
            rows=round(held.rows),
            fetched=fetched,
            parsed=parsed,
            reads=reads,
            writes=VERSION_WRITES * partitions * (2 if fetched else 1) + jobs,
            jobs=jobs + restated,
        )


def _grade(table: Table, changes: Sequence[Change]) -> Grade:
    """The gravest class of the changes of this table, or of the source that it keeps."""
    name = f"warehouse.{table.name}"
    source = f"source.tables.{table.source}"
    places = (source,) if table.name.startswith(f"{CURRENT}/") else (name, source)
    return _gravest(change for change in changes if f"{change.place}.".startswith(tuple(f"{each}." for each in places)))


def _gravest(changes: Iterable[Change]) -> Grade:
    """The gravest class that asks for work."""
    return gravest(change for change in changes if change.grade != "refused") or "additive"


@dataclass(frozen=True, slots=True)
class _Held:
    """What a table holds: partitions, rows, and the rows of some of the partitions by their paths."""

    partitions: int
    rows: float
    sample: Mapping[str, pa.Table]


def _held(lake: Lake, table: Table, columns: Collection[str] = ()) -> _Held:
    """``columns`` are read too, where the table has them."""
    paths = paths_newest_first(lake.records, table)
    step = max(1, ceil(len(paths) / SAMPLE))
    sample = {}
    for path in paths[::step]:
        target = target_of(lake.partitions, partition_of(table.folder, path))
        stored = lake.partitions.read_object(target) if target else None
        try:
            opened = open_object(stored.key, stored.body) if stored else None
        except PipelineBug:  # broken: the audit makes it again anyway
            continue
        if opened is not None:
            deciding = {
                *columns,
                table.deleted,
                *table.version[:1],
                *(c.name for c in table.columns if isinstance(c.rule, Latest)),
            }
            names = [name for name in opened.schema.names if name in deciding] or opened.schema.names[:1]
            sample[path] = opened.read(pa.schema([opened.schema.field(name) for name in names]))
    rows = sum(part.num_rows for part in sample.values())
    return _Held(len(paths), rows * len(paths) / max(1, len(sample)), sample)


def _placed(old: Table, new: Table, held: _Held) -> int:
    """The partitions that the rows of a table will lie in.

    Those of the sample are counted. Where several of its partitions come into the same ones they are taken for all
    (of months into buckets), else each of the other partitions for as many (of months into days).
    """
    places = [_places(old, new, path, rows) for path, rows in held.sample.items()]
    if not places or any(each is None for each in places):
        return held.partitions  # the old rows do not say where the new ones will lie
    several = [each for each in places if each]
    distinct = len(set[str]().union(*several))
    are_shared = distinct <= sum(map(len, several)) / 2
    return distinct if are_shared else round(distinct * held.partitions / len(places))


def _places(old: Table, new: Table, path: str, rows: pa.Table) -> list[str] | None:
    """The paths that rows will have; None where they lack what tells it."""
    wanted = {part.column for part in new.partition_by}
    if not wanted <= {column.name for column in old.columns}:
        return None
    try:
        return partition_codes(new, with_path_columns(old, path, rows, wanted))[1]
    except (InvalidData, MissingColumns, KeyError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _fetched(before: Contract, after: Contract, table: Table, held: _Held) -> tuple[int, int]:
    """The rows that are asked of the database for columns that no ingest object has, and in how many jobs."""
    columns = _new_fields(before, after, table)
    if not columns:
        return 0, 0
    since = min((epoch(column.since) if column.since else 0) for column in columns)
    counts = [_live(part, table, since) for part in held.sample.values()]
    rows = round(sum(counts) * held.partitions / max(1, len(counts)))
    return rows, ceil(rows / KEYS_PER_JOB)


def _new_fields(before: Contract, after: Contract, table: Table) -> list:  # type: ignore[type-arg]
    """The fields that the table takes of its source and the contract of before did not fetch."""
    if not isinstance(after.source, Database):
        return []
    rules = [column.rule for column in table.columns]
    used = {getattr(rule, name) for rule in rules for name in ("field", "by") if hasattr(rule, name)}
    was = {field.name for source in _sources(before, table) for field in source.fields}
    now = [field for source in _sources(after, table) for field in source.fields if not field.added]
    if table.kind == "dimension" and inputs_of(table) and not table.name.startswith(f"{CURRENT}/"):
        return []  # it is computed from current states, whose rows these are
    return [field for field in now if field.name in used and not was & {field.name, *field.was}]


def _sources(contract: Contract, table: Table) -> list[SourceTable]:
    return [source for source in (contract.source.tables if contract.source else ()) if source.name == table.source]


def _live(rows: pa.Table, table: Table, since: int) -> int:
    """The rows that the source still has in this version, and that changed at ``since`` or later."""
    chosen = pa.array([True] * rows.num_rows)
    for column in table.columns:
        if isinstance(column.rule, Latest) and column.name in rows.column_names:
            chosen = pc.and_(chosen, pc.fill_null(rows.column(column.name), True))
    if table.deleted in rows.column_names:
        chosen = pc.and_(chosen, pc.is_null(rows.column(table.deleted)))
    version = table.version[0] if table.version else ""
    if since and version in rows.column_names:
        bound = pa.scalar(since * 1_000_000, pa.int64()).cast(pa.timestamp("us"))
        chosen = pc.and_(chosen, pc.greater_equal(rows.column(version), bound))
    return int(pc.sum(chosen).as_py() or 0)


def _read(
    lake: Lake, contracts: Contracts, table: Table, held: _Held, fetched: int, objects_fetched: int, times: int
) -> tuple[int, int]:
    """Objects that are read to make the table again, and lines in them: all of its source's, so many ``times``."""
    if table.kind != "fact" and not table.name.startswith(f"{CURRENT}/"):
        return held.partitions, round(held.rows)
    prefixes = prefixes_of(contracts, table.dataset, table.source)
    objects = sum(1 for prefix in prefixes for _ in lake.ingest.list(prefix)) + objects_fetched
    return objects * times, (round(held.rows) + fetched) * times


# ---------------------------------------------------------------- feeds


def _of_feed(
    lake: Lake, before: Contracts, after: Contracts, contract: Contract, changes: Sequence[Change]
) -> Iterator[Work]:
    """The calls for what entities owe of the time before this deployment: a ``valid_from`` that is new or earlier."""
    old, new = before.dataset(contract.dataset).source, contract.source
    if not isinstance(old, Feed) or not isinstance(new, Feed):
        return
    known = {entity.name: validity(entity)[0] for entity in old.entities}
    calendar = after.calendar(new.calendar)
    calls = points = entities = 0
    for entity in new.entities:
        since, until = validity(entity)
        end = min(until, lake.now, known.get(entity.name, lake.now))
        start = max(since, calendar.covers_from)
        if not entity.valid_from or start >= end:
            continue
        planned = plan_calls(entity.name, ((start, end),), new, calendar)
        calls, points, entities = calls + len(planned), points + sum(call.points for call in planned), entities + 1
    if calls:
        minutes = ceil(calls / max(1, new.calls_per_minute * REPAIR_MINUTES))
        jobs = entities * minutes
        grade = _gravest(change for change in changes if change.place.startswith("source.entities"))
        yield Work(contract.dataset, new.table.name, grade, points=points, calls=calls, parsed=points, jobs=jobs)
