"""The star held against the lines that it was made of: a sample in each audit, column by column.

That the source is unchanged since extraction, the hash of each row's content proves. That the star holds what the line
said is proven here: processing shapes a sample of lines again, and wherever the star has a row of that key under the
hash of that very line, each column must be what the line gives. A partition that says something else is made again,
and no window that rests on it is certified meanwhile.

Each audit draws, by its run, ``sample_lines`` lines of each of some objects of a source table: of the newest, of
``sample_objects - 1`` others, and of as many that repairs brought (2, 500: at most 1,500 lines). It reads at most
``sample_partitions`` partitions (4) of each of the table's facts, and its current state. So a row whose value was
altered is found in one audit with the probability p that its object, its line and its partition are drawn: of a table
with ``n`` rows in large objects about 500 / n where its rows lie in a few partitions each. In ``k`` audits that is
1 - (1 - p)**k; a column that is wrong throughout is found at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.databases.choose import DatabaseOrder
from auditor.databases.open_slices.altered import Altered, Drawn
from auditor.databases.rows.sums import NEVER, lists_of
from auditor.databases.rows.targets import Target, targets_of
from auditor.run_files import find_run_file, run_file_key, write_run_file
from auditor.services import Services
from auditor.warehouse.partitions import locate_partition
from core.audit.key_values import Key, key_values
from core.contract.model import HASH, HASH_LIST, Contract, Latest, Surrogate, Table, Take
from core.errors import TransientFailure, present
from core.landing.ingest_objects import TableObject
from core.landing.reshaping import ReshapedPart, ReshapeLines, parts_from_data, reshaping_to_data
from core.landing.whereabouts import repair_name
from core.landing.zone import REPAIR
from core.time import at_epoch
from core.warehouse.arrow_types import stored_schema
from core.warehouse.current_state import CURRENT
from core.warehouse.order import Bools, as_array, locate, sort_rows
from core.warehouse.row_layout import why_outdated

SAMPLE = "sample"  # the run's file of the objects that it chose
SAMPLED = "sampled"  # and of what its scans know of them
REPAIRS_WITHIN = timedelta(days=40)


@dataclass(frozen=True, slots=True)
class Sampled:
    """What samples showed: the partitions that are altered, by name, and how many rows were compared.

    ``again`` are those of earlier runs that were drawn again.
    """

    altered: Mapping[str, Altered] = field(default_factory=dict)
    rows: int = 0
    again: frozenset[Drawn] = frozenset()


def compare_sample(
    services: Services,
    contract: Contract,
    order: DatabaseOrder,
    newest: Mapping[str, int],
    known: Mapping[str, Altered] | None = None,
) -> Sampled:
    """Compare a sample of each source table whose slices the run looks at; the same one in every scan of the run.

    ``newest`` are the numbers, by source table, up to which all objects are processed. The samples that showed
    partitions altered before (``known``) are drawn again. Where processing does not answer, nothing is compared, and
    the log says so.
    """
    again = dict.fromkeys(altered.drawn for altered in (known or {}).values() if altered.drawn)
    if services.reshape is None:
        return Sampled(again=frozenset(again))
    looked_at = {part.table for part in order.slices}
    targets = {target.table.folder: target for target in targets_of(contract) if target.table.keeps_content}
    before, limits = _Before.read(services, contract, order), services.limits
    tables = [target.source.name for target in targets.values() if target.table.name in looked_at]
    samples = [
        Drawn(table, order.run, limits.sample_lines, limits.sample_partitions, objects)
        for table, objects in _objects(services, order, tables, newest)
    ]
    total = Sampled()
    for drawn in dict.fromkeys([*samples, *again]):
        parts = _shaped(services, contract, order, drawn, before)
        total = replace(total, again=total.again | ({drawn} if drawn in again and parts is not None else set()))
        sound = before.sound if drawn.seed == order.run else {}  # by its own lines alone
        for part in parts or ():
            if part.folder in targets and (drawn in again or targets[part.folder].table.name in looked_at):
                total = _joined(total, _compared(services, targets[part.folder], part, drawn, sound))
    write_run_file(services.records, order.run, SAMPLED, before.to_data())
    return total


def _shaped(
    services: Services, contract: Contract, order: DatabaseOrder, drawn: Drawn, before: _Before
) -> tuple[ReshapedPart, ...] | None:
    """The rows that the lines of a sample give, the same for every scan of the run; None where nobody answers."""
    table, own = drawn.table, drawn.seed == order.run
    name = table if own else f"{table}/{drawn.seed}"
    if name not in before.parts:
        place = run_file_key(order.run, f"reshaped/{name}").removesuffix(".json")
        question = ReshapeLines(
            contract.dataset, table, drawn.objects, drawn.lines, drawn.parts, drawn.seed, place, contract.hash
        )
        try:
            before.parts[name] = present(services.reshape, "compare", table)(reshaping_to_data(question))["parts"]
        except TransientFailure as error:
            services.log.error("no sample of lines was compared", table=table, reason=str(error))
            return None
    return parts_from_data({"parts": before.parts[name]})


@dataclass
class _Before:
    """What the scans of a run so far know of its sample: a sound partition is compared once, and so are lines shaped.

    ``parts`` are processing's answers by source table, ``sound`` the objects by partition that were as the lines say.
    Both are true ``by`` one contract and release.
    """

    by: str
    parts: dict[str, Any] = field(default_factory=dict)
    sound: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, services: Services, contract: Contract, order: DatabaseOrder) -> _Before:
        by = f"contract {contract.hash}, release {services.code_version}"
        known = find_run_file(services.records, order.run, SAMPLED)
        return cls(**known) if known and known["by"] == by else cls(by)

    def to_data(self) -> dict[str, Any]:
        return {"by": self.by, "parts": self.parts, "sound": self.sound}


def _objects(
    services: Services, order: DatabaseOrder, tables: Iterable[str], newest: Mapping[str, int]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The objects of each table that the run compares lines of, as its first scan chose them."""
    chosen = find_run_file(services.records, order.run, SAMPLE)
    if chosen is None:
        chosen = {table: list(_chosen(services, order, table, newest.get(table, 0))) for table in dict.fromkeys(tables)}
        write_run_file(services.records, order.run, SAMPLE, chosen)
    return ((table, tuple(objects)) for table, objects in chosen.items() if objects)


def _chosen(services: Services, order: DatabaseOrder, table: str, newest: int) -> Iterator[str]:
    draw = random.Random(f"{order.run}\n{table}")
    most = services.limits.sample_objects
    numbers = {newest, *draw.sample(range(1, newest + 1), min(most - 1, newest))} if newest else set()
    yield from (TableObject(order.dataset, table, number).key for number in sorted(numbers))
    prefix = f"{REPAIR}{order.dataset}/{table}/"
    since = at_epoch(order.taken_at) - REPAIRS_WITHIN * draw.random()
    later = services.ingest.list(prefix, after=f"{prefix}{repair_name(since, '')}")
    yield from (info.key for info in islice(later, most - 1))


def _joined(before: Sampled, part: Sampled) -> Sampled:
    return Sampled({**before.altered, **part.altered}, before.rows + part.rows, before.again)


def _compared(
    services: Services, target: Target, part: ReshapedPart, drawn: Drawn, known_sound: dict[str, str]
) -> Sampled:
    """The star's rows of one partition against those that lines give. What is broken or outdated is found elsewhere."""
    table = target.table
    undecoded = locate_partition(services.partitions, table, part.path)
    opened = undecoded.opened
    if undecoded.name in known_sound and known_sound[undecoded.name] == undecoded.target:
        return Sampled()
    stored = services.records.read(part.object)
    if stored is None or opened is None or why_outdated(opened.footer.layout, opened.schema, table):
        return Sampled()
    held = undecoded.held({*(column.name for column in table.columns), HASH, HASH_LIST})
    if held.problem or held.hold:
        return Sampled()
    star, lines = _of_same_line(table, held.rows, pq.read_table(pa.BufferReader(stored.body)))
    unequal = {name: _unequal(star.column(name), lines.column(name)) for name in _columns(target)}
    columns = [name for name, rows in unequal.items() if rows.any()]
    if not columns:
        known_sound[undecoded.name] = undecoded.target
        return Sampled(rows=star.num_rows)
    at = np.flatnonzero(np.logical_or.reduce([unequal[name] for name in columns]))
    keys = _keys(target, star.take(pa.array(at)))
    rows = f"{len(at)} of {star.num_rows} sampled rows are not as their lines say"
    problem = f"{rows}: {', '.join(columns)} of {', '.join(map(str, keys[0]))}"
    # A state is made of every object that there is: its rows are fetched again.
    again = keys if table.name.startswith(f"{CURRENT}/") else ()
    altered = Altered(undecoded.target, table.name, part.path, problem, again, drawn)
    return Sampled({undecoded.name: altered}, star.num_rows)


def _of_same_line(table: Table, star: pa.Table, lines: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows of both that have one key and the hash of one line's content, side by side.

    Several lines may have the key of a row: versions of a state, and what a row was before it changed under its old
    time. The row is of the one whose hash it has, and whatever the others say is none of its values.
    """
    star = star.filter(pa.array(lists_of(star) > NEVER))
    if table.stored_key:
        star, _ = _met(star, lines, table.stored_key)  # most rows are of no line of the sample, and keys pack well
    return _met(star, lines, (*table.stored_key, HASH_LIST, HASH))


def _met(star: pa.Table, lines: pa.Table, names: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """The star's rows that have the same values in these columns as some line, each beside one such line."""
    theirs = [as_array(lines.column(name)).cast(star.schema.field(name).type) for name in names]
    order, _ = sort_rows(theirs)
    at = pa.array(order)
    ours = [as_array(star.column(name)) for name in names]
    places, known = locate([their.take(at) for their in theirs], ours)
    return star.filter(pa.array(known)), lines.take(pa.array(order[places[known]]))


def _columns(target: Target) -> list[str]:
    """The columns that a line's hashed content alone decides: no flag that the merge sets, and no mark of repairs.

    A row that was fetched again has the hash of its first line, and other marks, under whatever names.
    """
    added = {field.name for field in target.source.fields if field.added}
    others = {HASH, HASH_LIST}
    for column in target.table.columns:
        rule = column.rule
        if isinstance(rule, Latest) or (isinstance(rule, Take) and rule.field in added):
            others.add(column.name)
    for column in target.table.columns:
        if isinstance(column.rule, Surrogate) and not others.isdisjoint(column.rule.columns):
            others.add(column.name)
    return [name for name in stored_schema(target.table).names if name not in others]


def _unequal(ours: pa.ChunkedArray, theirs: pa.ChunkedArray) -> Bools:
    star, line = as_array(ours), as_array(theirs).cast(ours.type)
    same = pc.fill_null(pc.equal(star, line), False)
    same = pc.or_(same, pc.and_(pc.is_null(star, nan_is_null=True), pc.is_null(line, nan_is_null=True)))
    return ~np.asarray(same)


def _keys(target: Target, rows: pa.Table) -> tuple[Key, ...]:
    keys: list[Key] = list(zip(*[key_values(as_array(rows.column(name))) for name in target.keys], strict=True))
    return tuple(dict.fromkeys(keys))
