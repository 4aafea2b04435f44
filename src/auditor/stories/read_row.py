"""Reading of what is stored about a row of a database: its partition, its slice, the objects of its versions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from auditor.databases.choose import AUDITED_EVERY
from auditor.databases.memory import read_memory
from auditor.databases.rows.targets import ALWAYS, Slice, Target, slices_between, targets_of
from auditor.evidence.chain import ChainReader
from auditor.evidence.completeness import completeness_keys
from auditor.evidence.journal import Entry, last_ended
from auditor.evidence.results import AuditResult
from auditor.interventions.pauses import read_pauses
from auditor.repairs.cause_memory import ROOT as CAUSES
from auditor.repairs.cause_memory import read_cause
from auditor.run_files import run_file_if_any
from auditor.services import Services
from auditor.stories.arrivals import Arrival, Fields, Landings, row_of
from auditor.stories.efforts import efforts_of, entries_about
from auditor.stories.holding import Holding, certificates_of, path_of, read_holding
from auditor.stories.row import RowEvidence, SourceSays
from auditor.stories.story import counted
from auditor.windows import DAY
from core.audit.findings import Finding
from core.audit.key_values import Key, canonical_keys
from core.audit.repair_jobs import ExtractAgain, FetchRows, Repair, run_prefix
from core.audit.source_check import REFUSED, LocateRows, question_to_data
from core.contract.model import Contract, Table
from core.errors import InvalidData, Misuse, StarmendError
from core.landing.former_names import line_now
from core.landing.ingest_objects import parse_table_key, table_prefix
from core.landing.records import completeness_if_any
from core.landing.refused_lines import refused_lines
from core.landing.state import ParameterNames
from core.landing.whereabouts import Whereabouts
from core.landing.zone import QUARANTINE, landing_of
from core.time import epoch, format_instant, iso, parse_instant
from core.warehouse.arrow_types import arrow_type
from core.warehouse.keys import OUTSIDE
from core.warehouse.pointer import POINTER_NAME, ROOT

MOST_PARTITIONS = 24  # that are read where nothing says which one, the newest
MOST_VERSIONS = 5  # of a row whose lines are looked for, the newest
MOST_MERGED = 20  # objects of the last commit that are read where metadata lead to none
MOST_REFUSED = 200  # objects with refused lines that are read, the newest
_EXACT = ("int", "bigint", "string", "boolean")  # types whose JSON is their value


def read_row(services: Services, contract: Contract, target: Target, where: Mapping[str, str]) -> RowEvidence:
    """The evidence about the row whose key the texts of ``where`` say, by the table's columns or the source's.

    More columns than the key's tell the partition. Raises ``Misuse`` where they say no key, ``TransientFailure`` where
    a store does not answer. The source is asked for the key, if anybody can ask it.
    """
    return _RowReader(services, contract, target, where).evidence()


class _RowReader:
    """What the parts of the evidence share: the key in its one form, the objects that were read."""

    def __init__(self, services: Services, contract: Contract, target: Target, where: Mapping[str, str]) -> None:
        self._services = services
        self._contract = contract
        self._target = target
        self._source = target.source
        self._where = where
        self._key = key_of(target, where)
        self._now = int(services.now().timestamp())
        self._landings = Landings(services.ingest, services.records)
        self._limits: list[str] = []
        self._located: Mapping[str, Any] = {}

    def evidence(self) -> RowEvidence:
        services, dataset, target = self._services, self._contract.dataset, self._target
        says = self._ask()
        holding = self._holding()
        arrivals = self._arrivals(holding, says)
        part = self._slice(holding)
        window = self._completeness(part)
        since = self._since(holding, says)
        audits = entries_about(services.records, dataset, since=since, now=self._now)
        found_by = tuple(self._found_by(audits))
        runs = [*(run for _, run in found_by), *(audit.run for audit in audits if audit.attempts)]
        chain = ChainReader(services.records, dataset)
        last = last_ended(services.records, dataset, now=self._now)
        last = last or (epoch(window["audited_at"]) if window else 0)
        pause = read_pauses(services.records, dataset).standing
        return RowEvidence(
            dataset=dataset,
            table=target.table.name,
            source=self._source.name,
            key=dict(zip(self._source.key, self._key, strict=True)),
            holding=holding,
            marks={"version": target.version, "checked": target.checked, "deleted": target.deleted},
            now=self._now,
            says=says,
            arrivals=tuple(arrivals),
            unplaced=self._unplaced(holding, says, found_by, audits),
            ahead=part.start if part and part.start > self._now else 0,
            before=self._before(holding, arrivals),
            begins=iso(target.begins)[:10],
            window=window,
            certificates=certificates_of(chain, target.table.name, iso(part.start)) if part else (),
            audits=tuple(audit for audit in audits if self._speaks_of(audit, part, found_by)),
            found_by=found_by,
            efforts=tuple(efforts_of(services.records, runs, lambda repair: self._is_about(repair, says))),
            causes=tuple(self._causes(audits, found_by)),
            paused=str(pause) if pause else "",
            watermark=self._watermark(),
            next_audit=max(last + AUDITED_EVERY, self._now) if last else 0,
            limits=tuple(self._limits),
        )

    # ------------------------------------------------------------ the source

    def _ask(self) -> SourceSays:
        """What the source says of the key; what it says of the row's place is kept for finding its partition."""
        services, source = self._services, self._source
        if services.source is None:
            return SourceSays(problem="no function asks the source here")
        changed = source.changed_at or source.created_at
        columns = tuple(dict.fromkeys([changed, *self._target.placed.values()]))
        columns = tuple(name for name in columns if name and name not in source.key)
        stamp = f"why-{services.now():%Y%m%dT%H%M%S%f}"
        question = LocateRows(
            self._contract.dataset, source.name, (self._key,), columns, f"{run_prefix(stamp)}row.parquet"
        )
        try:
            answer = services.source(question_to_data(question))
            stored = services.records.read(question.target)
        except StarmendError as error:
            return SourceSays(problem=str(error))
        if REFUSED in answer or stored is None:
            return SourceSays(problem=str(answer.get(REFUSED, "it left no answer")))
        rows = pq.read_table(pa.BufferReader(stored.body)).to_pylist()
        if not rows:
            return SourceSays(has=False)
        self._located = rows[-1]
        return SourceSays(has=True, version=_text(self._located.get(changed)))

    def _watermark(self) -> str:
        parameters = self._services.parameters
        name = ParameterNames(self._services.parameter_prefix, self._contract.dataset).timestamp(self._source.name)
        return parameters.get_many([name]).get(name, "") if parameters else ""

    # ------------------------------------------------------------ the warehouse

    def _holding(self) -> Holding:
        table = self._target.table
        wanted = {
            column: _scalar(value, table, column) for column, value in zip(self._target.keys, self._key, strict=True)
        }
        holdings = [read_holding(self._services.partitions, table, path, wanted) for path in self._paths(wanted)]
        return next((each for each in holdings if each.rows), holdings[0] if holdings else Holding(table.folder))

    def _paths(self, wanted: Mapping[str, pa.Scalar]) -> list[str]:
        """The partition that the row belongs to, where anything tells it; else the newest that there are."""
        table = self._target.table
        known = dict(wanted)
        for column, field in self._target.placed.items():
            if self._located.get(field) is not None:
                kind = arrow_type(table.column(column).type)
                known[column] = pa.scalar(self._located[field]).cast(kind, safe=False)
        for name, text in self._where.items():
            column = _column_named(self._target, name)
            if column and column not in known:
                known[column] = _scalar(text, table, column)
        if all(part.column in known for part in table.partition_by):
            try:
                return [path_of(table, known)]
            except Misuse:
                return []
        prefix = f"{ROOT}{table.folder}/"
        keys = [info.key for info in self._services.records.list(prefix) if info.key.endswith(f"/{POINTER_NAME}")]
        paths = sorted((key.removeprefix(prefix).removesuffix(f"/{POINTER_NAME}") for key in keys), reverse=True)
        if len(paths) > MOST_PARTITIONS:
            columns = ", ".join(part.column for part in table.partition_by if part.column not in known)
            were_read = f"The newest {MOST_PARTITIONS} of {counted(len(paths), 'partition')} were read"
            self._limits.append(f"{were_read}: name the row's {columns} to have its own read")
        return paths[:MOST_PARTITIONS]

    def _slice(self, holding: Holding) -> Slice | None:
        """The slice in which the row is compared."""
        if not self._target.column:
            return Slice(self._target.table.name, *ALWAYS)
        at = _hour_of(self._place(holding))
        slices = slices_between(self._target, at, at + 1) if at is not None else []
        return slices[0] if slices else None

    def _place(self, holding: Holding) -> dt.date | None:
        """The row's day or instant by which slices are bounded; None where nobody knows it."""
        taken = {field: column for column, field in self._target.placed.items()}
        return (holding.row or {}).get(taken.get(self._target.column, "")) or self._located.get(self._target.column)

    def _before(self, holding: Holding, arrivals: Sequence[Arrival]) -> str:
        """The row's day or instant where it lies before the table's first slice; of a refused line, as it says it."""
        place = self._place(holding)
        at = _hour_of(place)
        if place is not None and at is not None:
            return place.isoformat() if at < self._target.begins else ""
        outside = (each for each in arrivals if OUTSIDE in each.refused)
        return next((str(line_now(self._source, each.fields).get(self._target.column)) for each in outside), "")

    def _completeness(self, part: Slice | None) -> Mapping[str, Any]:
        if part is None:
            return {}
        days = [iso(self._now - number * DAY)[:10] for number in range(3)] if part.whole else [""]
        for day in days:
            subject = self._target.table.name
            for key in completeness_keys(self._contract.dataset, part.start, subject=subject, day=day):
                if stored := self._services.records.read(key):
                    return completeness_if_any(stored.body)
        return {}

    # ------------------------------------------------------------ the lines that it came in

    def _arrivals(self, holding: Holding, says: SourceSays) -> list[Arrival]:
        dataset, source = self._contract.dataset, self._source.name
        whereabouts = Whereabouts(self._services.ingest, dataset, source, self._newest())
        keys: dict[str, None] = {}
        for row in holding.rows[-MOST_VERSIONS:]:
            version, checked = row.get(self._target.version), row.get(self._target.checked)
            keys |= dict.fromkeys(whereabouts.of_check(_aware(checked)) if checked else ())
            keys |= dict.fromkeys(whereabouts.of_version(_aware(version)) if version else ())
        if says.version:
            keys |= dict.fromkeys(whereabouts.of_version(parse_instant(f"{says.version}Z")))
        keys |= dict.fromkeys(self._refusing(holding))
        arrivals = [arrival for key in keys for arrival in self._landings.arrivals(key, self._is_line)]
        if not arrivals and holding.rows and holding.footer:  # by objects that no extraction wrote
            merged = [source.key for source in holding.footer.sources[-MOST_MERGED:]]
            arrivals = [arrival for key in merged for arrival in self._landings.arrivals(key, self._is_line)]
        return sorted(arrivals, key=lambda arrival: (arrival.arrived_at, arrival.object, arrival.line))

    def _newest(self) -> int:
        """The number of the table's newest object: from the last that audits verified on, they are listed."""
        dataset, table = self._contract.dataset, self._source.name
        verified = read_memory(self._services.records, dataset).of(table).verified
        prefix = table_prefix(dataset, table)
        after = f"{prefix}{verified:012d}" if verified else ""
        names = (parse_table_key(info.key) for info in self._services.ingest.list(prefix, after=after))
        return max((name.number for name in names if name), default=verified)

    def _refusing(self, holding: Holding) -> Iterator[str]:
        """The ingest objects in whose refused lines the row is: looked for where it is not in the warehouse."""
        if holding.rows:
            return
        prefix = f"{QUARANTINE}dataset={self._contract.dataset}/source_table={self._source.name}/"
        infos = [info for info in self._services.records.list(prefix) if info.size]
        infos.sort(key=lambda info: info.modified, reverse=True)
        if len(infos) > MOST_REFUSED:
            self._limits.append(
                f"Of {counted(len(infos), 'object')} with refused lines the newest {MOST_REFUSED} were read"
            )
        for info in infos[:MOST_REFUSED]:
            stored = self._services.records.read(info.key)
            for refused in refused_lines(info.key, stored.body if stored else b""):
                if landing_of(refused["object"]) and self._is_line(row_of(refused["content"])):
                    yield refused["object"]

    def _is_line(self, fields: Fields) -> bool:
        by_name = line_now(self._source, fields)
        values = [by_name.get(name) for name in self._source.key]
        if tuple(values) == self._key:
            return True
        if all(self._source.field(name).type.name in _EXACT for name in self._source.key):
            return False
        return canonical_keys(self._source, [values])[0] == self._key

    def _unplaced(
        self, holding: Holding, says: SourceSays, found_by: Sequence[tuple[str, str]], audits: Sequence[Entry]
    ) -> str:
        """Why the row has no place in time, so that audits alone take it; empty where it has one."""
        changed = self._source.changed_at or self._source.created_at
        if not changed or self._source.by_keys:
            return ""
        if says.has and not says.version:
            return f"its {changed} is null, infinite or before Christ"
        version = says.version or _text((holding.row or {}).get(self._target.version))
        if version and parse_instant(f"{version}Z").timestamp() > self._now:
            return f"its {changed}, {version}, is in the future"
        last = audits[-1].run if audits else ""
        if says.has is None and ("unplaced_row", last) in found_by:
            return f"its {changed} is null, infinite, before Christ or in the future"
        return ""

    # ------------------------------------------------------------ what audits know

    def _since(self, holding: Holding, says: SourceSays) -> int:
        """From when on audits may have met the row: the time of its newest version."""
        row = holding.row or {}
        times = [row.get(self._target.checked), row.get(self._target.version)]
        known = [format_instant(_aware(at)) for at in times if at is not None] or (
            [says.version] if says.version else []
        )
        return epoch(known[0]) if known else self._now - DAY

    def _found_by(self, audits: Sequence[Entry]) -> Iterator[tuple[str, str]]:
        """The kinds of findings that named the key, with the run."""
        for audit in audits:
            if not any(kind.endswith("_row") for kind in audit.findings):
                continue
            result = run_file_if_any(self._services.records, audit.run, "audit-0", AuditResult.from_data)
            for finding in result.findings if result else ():
                if self._names(finding):
                    yield finding.kind, audit.run

    def _names(self, finding: Finding) -> bool:
        keys = getattr(finding, "keys", ())
        return getattr(finding, "table", "") == self._source.name and self._key in {tuple(key) for key in keys}

    def _speaks_of(self, audit: Entry, part: Slice | None, found_by: Sequence[tuple[str, str]]) -> bool:
        """Whether an audit met the row: it found it, or it compared its slice."""
        compared = part is not None and (part.whole or audit.looked_at(part.start))
        return compared or audit.run in {run for _, run in found_by}

    def _is_about(self, repair: Repair, says: SourceSays) -> bool:
        if getattr(repair, "table", "") != self._source.name:
            return False
        if isinstance(repair, FetchRows):
            return self._key in {tuple(key) for key in repair.keys}
        if not isinstance(repair, ExtractAgain) or not says.version:
            return False
        return parse_instant(repair.start) <= parse_instant(f"{says.version}Z") < parse_instant(repair.end)

    def _causes(self, audits: Sequence[Entry], found_by: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The open causes of the kinds of findings that the last audit had of the row."""
        last = audits[-1].run if audits else ""
        kinds = {kind for kind, run in found_by if run == last}
        for info in self._services.records.list(f"{CAUSES}{self._contract.dataset}/") if kinds else ():
            memory = read_cause(self._services.records, info.key)
            if memory.get("open") and memory["cause"]["name"] in kinds:
                yield memory


def _hour_of(place: dt.date | None) -> int | None:
    """The hour in which a day begins or an instant lies, epoch seconds."""
    if place is None:
        return None
    return int(datetime(place.year, place.month, place.day, getattr(place, "hour", 0), tzinfo=UTC).timestamp())


def target_named(contract: Contract, table: Table) -> Target | None:
    """The target that keeps the rows of a fact, or the current state that a dimension is computed from."""
    names = {table.name, f"_current/{table.source}"} if table.kind == "dimension" else {table.name}
    return next((target for target in targets_of(contract) if target.table.name in names), None)


def key_of(target: Target, where: Mapping[str, str]) -> Key:
    """The key that the texts say, in its one form. Raises ``Misuse`` where a column is not named or is no value."""
    unknown = [name for name in where if not _column_named(target, name)]
    if unknown:
        columns = ", ".join(column.name for column in target.table.columns)
        raise Misuse("tell the story", target.table.name, f"has no column {unknown[0]!r}", f"Use some of: {columns}")
    texts = [where.get(column, where.get(name)) for column, name in zip(target.keys, target.source.key, strict=True)]
    if None in texts:
        example = " ".join(f"{column}=..." for column in target.keys)
        raise Misuse("tell the story", target.table.name, "needs the whole key of a row", f"Write it like: {example}")
    (key,) = canonical_keys(target.source, [texts])
    for name, value in zip(target.source.key, key, strict=True):
        kind = target.source.field(name).type
        try:
            pa.scalar(str(value)).cast(arrow_type(kind))
        except pa.ArrowInvalid as error:
            raise Misuse("tell the story", f"{target.table.name}.{name}", f"{value!r} is no {kind}") from error
    return key


def _column_named(target: Target, name: str) -> str:
    """The table's column of that name, or that takes the source's column of that name; empty where there is none."""
    names = {column.name for column in target.table.columns}
    taken = {field: column for column, field in target.placed.items()}
    taken |= dict(zip(target.source.key, target.keys, strict=True))
    return name if name in names else taken.get(name, "")


def _scalar(value: object, table: Table, column: str) -> pa.Scalar:
    text = str(value).removesuffix("Z") if table.column(column).type.name == "timestamp" else str(value)
    try:
        return pa.scalar(text).cast(arrow_type(table.column(column).type))
    except pa.ArrowInvalid as error:
        kind = table.column(column).type
        raise InvalidData("tell the story", f"{table.name}.{column}", f"{text!r} is no {kind}") from error


def _text(at: datetime | None) -> str:
    return at.isoformat(timespec="microseconds") if at is not None else ""


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
