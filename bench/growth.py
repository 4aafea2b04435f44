"""Growth: the time of inputs that broke a bound once, and how many times as long four times of one takes.

4 is linear, 16 is quadratic: far enough from one another that no load of a machine takes one for the other.
"""

from __future__ import annotations

import gc
import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench.options import Options
from bench.record import Record
from core.contract.model import Column, Contract, Contracts, Database, Field, SourceTable, Table, Take
from core.contract.types import parse_type
from processing.parse_object import ParsedObject, parse_object
from processing.partitions.batch import dedupe
from processing.partitions.layout import Layout
from processing.plan import plan_source
from processing.shape import Origin

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SECONDS = 3600
ROWS = 20  # of the wide lines
TIMES = 4
LINEAR = 8  # of so many times the input, at most: the geometric middle of linear and quadratic

Work = Callable[[], object]


def bad_lines(count: int) -> Work:
    """Lines that look right, each with another amount that its type cannot hold."""
    lines = b"".join(b'{"id":%d,"amount":%d.005,"at":"2026-11-20T14:30:00"}\n' % (at, at) for at in range(count))
    return _parsing(_contract(id="int", amount="decimal(10,2)", at="timestamp"), lines)


def broken_lines(count: int) -> Work:
    """Lines that no release should write: half a line each."""
    return _parsing(_contract(id="int", amount="decimal(10,2)"), b'{"id":1,"amount":\n' * count)


def joined_objects(count: int) -> Work:
    """Objects one behind the other, without a newline between them."""
    return _parsing(_contract(id="int"), b'{"id":1}' * count)


def wide_lines(count: int) -> Work:
    """A few lines of very many columns, up to the batch of a commit."""
    contract = _contract(**{f"c{number}": "int" for number in range(count)})
    lines = b"".join(json.dumps({f"c{at}": row for at in range(count)}).encode() + b"\n" for row in range(ROWS))
    parse, layout = _parsing(contract, lines), Layout.of(contract.tables[0])
    return lambda: dedupe(parse().parts[0].rows, layout)


CASES: dict[str, tuple[Callable[[int], Work], int]] = {
    "bad_lines": (bad_lines, 2_500),
    "broken_lines": (broken_lines, 2_500),
    "joined_objects": (joined_objects, 10_000),
    "wide_lines": (wide_lines, 400),
}


def growth(case: Callable[[int], Work], size: int, *, turns: int = 3) -> tuple[float, float]:
    """The milliseconds of a case, and how many times as many ``TIMES`` of it take: cores' time, the best of turns."""
    single_case, many_case = case(size), case(TIMES * size)
    single, many = [], []
    for _ in range(turns):
        single.append(_milliseconds(single_case))
        many.append(_milliseconds(many_case))
        if min(many) <= LINEAR * min(single):
            break
    return min(single), min(many) / min(single)


def _milliseconds(work: Work) -> float:
    """Without the collector, which walks whatever else the process keeps."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = time.process_time()
        work()
        return (time.process_time() - start) * 1000
    finally:
        if collecting:
            gc.enable()


def _contract(**types: str) -> Contract:
    kinds = {name: parse_type(kind) for name, kind in types.items()}
    key = (next(iter(kinds)),)
    source = SourceTable("t", key, tuple(Field(name, kind, required=False) for name, kind in kinds.items()))
    database = Database("postgresql", "s", "UTC", SECONDS, SECONDS, SECONDS, 5, 0, (source,))
    columns = tuple(Column(name, kind, Take(name)) for name, kind in kinds.items())
    return Contract("d", database, (Table("fact_t", "d", "fact", "t", key, columns, source="t"),))


def _parsing(contract: Contract, lines: bytes) -> Callable[[], ParsedObject]:
    plan, origin = plan_source(contract, "t"), Origin(contract, Contracts((contract,)))

    def parse() -> ParsedObject:
        return parse_object(io.BytesIO(lines), plan, origin, place="t", now=NOW, timer=time.perf_counter)

    return parse


def _measure(name: str) -> Callable[[Options], Record]:
    def measure(options: Options) -> Record:
        case, size = CASES[name]
        spent, times = growth(case, size, turns=2 if options.quick else 9)
        return Record.of_times(f"growth_{name}", spent, details={"size": size, "four_times_take": round(times, 2)})

    return measure


MEASURES = {f"growth_{name}": _measure(name) for name in CASES}
