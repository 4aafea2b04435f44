"""The keyed comparison of a table of a million rows with the source: unchanged, and with a hundred rows changed.

Ours is what an audit does of a partition: key and version read from Parquet and hashed, the source asked for its
buckets, both compared; of unequal buckets the pairs are copied, parsed and compared. The floor asks the source for
``count(*)`` and ``max(last_updated)`` of the same rows and reads the same two columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench import extract
from bench.options import Options
from bench.race import FLOOR, OURS, Contestant, race
from bench.record import Record
from core.ingest_objects import format_instant

ROWS, QUICK_ROWS, CHANGED = 1_000_000, 200_000, 100
LIMIT_RATIO, LIMIT_SECONDS, LIMIT_MB = 4.0, 3.0, 200
UNTIL = datetime(2027, 1, 1, tzinfo=UTC)
_CHANGE = """
UPDATE line_item SET last_updated = last_updated + interval '1 second'
WHERE line_id IN (SELECT 1 + n * {step} FROM generate_series(0, {last}) AS n)
"""


def fingerprint_1m(options: Options) -> Record:
    """An unchanged table: equal buckets cost a row each."""
    return _measure(options, "fingerprint_1m", changed=0, limits={"limit_ratio": LIMIT_RATIO, "limit_mb": LIMIT_MB})


def find_100_in_1m(options: Options) -> Record:
    """A hundred rows have another version at the source."""
    limits = {"limit_seconds": LIMIT_SECONDS, "limit_mb": LIMIT_MB}
    return _measure(options, "find_100_in_1m", changed=CHANGED, limits=limits)


def _measure(options: Options, name: str, *, changed: int, limits: Mapping[str, float]) -> Record:
    rows = QUICK_ROWS if options.quick else ROWS
    path = options.scratch / f"held-{rows}.parquet"
    with extract._server(options) as server:
        extract._make(server, {"line_item": rows})
        _write(server, path)
        if changed:
            connection = server.connect(tls=False)
            connection.autocommit = True
            connection.cursor().execute(_CHANGE.format(step=rows // changed, last=changed - 1))
            connection.cursor().execute("VACUUM ANALYZE line_item")
            connection.close()
        given = {"login": extract._login(server, tls=False), "path": str(path)}
        contestants = [
            Contestant(OURS, "bench.fingerprints:ours", {**given, "changed": changed}, compared=False),
            Contestant(FLOOR, "bench.fingerprints:floor", given, compared=False),
        ]
        result = race(contestants, threads=2, options=options)
    return result.record(name, rows=rows, changed=changed, **limits)


MEASURES: dict[str, Callable[[Options], Record]] = {
    "fingerprint_1m": fingerprint_1m,
    "find_100_in_1m": find_100_in_1m,
}


# ---------------------------------------------------------------- contestants


def ours(*, login: Mapping[str, Any], path: str, changed: int, threads: int) -> Callable[[], int]:  # noqa: ARG001
    """Raises ``AssertionError`` where other rows are found than were changed."""
    from auditor.tables.holdings import Holding
    from auditor.tables.keyed import compare_pairs, our_buckets, unequal
    from auditor.tables.targets import ALWAYS, Slice, Target
    from core.arrow import arrow_type
    from core.contract.model import Column, Table, Take
    from core.fingerprint import buckets_for, key_hashes, microseconds
    from core.source_check import CountBuckets, ListPairs, Span, buckets_from_data, question_to_data
    from ingestion.check.ask import answer

    extraction = extract._extraction(["line_item"], login, None, None)
    source = extract.table("line_item")
    columns = tuple(Column(one.name, one.type, Take(one.name)) for one in source.fields)
    table = Table("line_item", extract.DATASET, "dimension", "", source.key, columns)
    target = Target(source, table, source.key, "last_updated", deleted="deleted_at")
    kinds = {one.name: arrow_type(one.type) for one in columns}
    bound = int(UNTIL.timestamp()) * 1_000_000
    records = _Kept()

    def run() -> int:
        live = pq.read_table(path, columns=["line_id", "last_updated"])
        assert live.schema.field("line_id").type == kinds["line_id"]
        buckets = buckets_for(live.num_rows)
        asked = CountBuckets(extract.DATASET, "line_item", (Span(),), buckets, format_instant(UNTIL))
        with ThreadPoolExecutor(1) as beside:
            answered = beside.submit(answer, extraction, question_to_data(asked), records)
            hashes, versions = key_hashes([live.column("line_id")]), microseconds(live.column("last_updated"))
            holding = Holding(target, Slice("line_item", *ALWAYS), live, live.slice(0, 0), hashes, versions)
            mine = our_buckets(hashes, versions, until=bound, buckets=buckets)
            theirs = buckets_from_data(answered.result()["spans"])[0]
        wanted = unequal(mine, theirs)
        found = 0
        if wanted:
            pairs = ListPairs(extract.DATASET, "line_item", Span(), buckets, wanted, "pairs")
            answer(extraction, question_to_data(pairs), records)
            rows = pq.read_table(pa.BufferReader(records.body))
            difference = compare_pairs(holding, rows, wanted=wanted, buckets=buckets, until=bound)
            assert not difference.missing
            assert not difference.deleted
            found = len(difference.stale)
        assert found == changed, found
        return found

    return run


def floor(*, login: Mapping[str, Any], path: str, threads: int) -> Callable[[], int]:  # noqa: ARG001
    session = extract._connector(login).open()

    def run() -> int:
        ((rows, _),) = session.query("SELECT count(*), max(last_updated) FROM line_item")
        held = pq.read_table(path, columns=["line_id", "last_updated"])
        assert rows == held.num_rows
        return rows

    return run


class _Kept:
    """Enough of ``core.ports.ObjectWriter`` for one answer."""

    body = b""

    def write(self, key: str, body: bytes, **_: Any) -> None:  # noqa: ARG002
        self.body = body

    def delete(self, keys: Any) -> None: ...


def _write(server: Any, path: Path) -> None:
    """What the warehouse holds of the table, in key order."""
    connection = server.connect(tls=False)
    cursor = connection.cursor()
    cursor.execute("select (extract(epoch from min(last_updated)) * 1000)::bigint, count(*) from line_item")
    first, rows = cursor.fetchone()
    connection.close()
    numbers = np.arange(1, rows + 1, dtype=np.int64)
    times = (first + (numbers - 1) * 20) * 1000  # as ``bench.extract`` fills it: 20 ms from row to row
    made = pa.table({"line_id": numbers, "last_updated": pa.array(times).view(pa.timestamp("us"))})
    pq.write_table(made, path, compression="snappy")
