"""The comparison of a table of a million rows with the source, as an audit makes it: unchanged, and a hundred changed.

Ours is one scan of an audit (``auditor.databases.scan``) through the function that it asks (``ingestion.check``):
objects against receipts, every partition's pointer, bytes and digest, the rows' keys and versions against
PostgreSQL's, the contract's rules, the paper that is left. The rows were put there by the pipeline itself. Buckets are
folders: what S3 takes for sixteen objects is not measured here. The floor asks the source for ``count(*)`` and
``max(last_updated)`` of the same rows and reads the two columns of the same objects.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench import extract
from bench.folder import FolderBucket
from bench.options import Options
from bench.quiet import Quiet
from bench.race import FLOOR, OURS, Contestant, race
from bench.record import Record
from core.audit.source_check import Span

ROWS, QUICK_ROWS, CHANGED = 1_000_000, 200_000, 100
LIMIT_CONTENT, LIMIT_WAREHOUSE_MS = 1.3, 300
LIMIT_RATIO, LIMIT_SECONDS, LIMIT_MB = 4.0, 3.0, 200
DATASET, TABLE = "line_items", "line_item"
CODE = "bench"
WAREHOUSE = "warehouse"
BEFORE = "line_item_before"
TODAY = datetime(2026, 11, 20, tzinfo=UTC).date()
_CHANGE = """
UPDATE line_item SET last_updated = last_updated + interval '1 second'
WHERE line_id IN (SELECT 1 + n * {step} FROM generate_series(0, {last}) AS n)
"""


def fingerprint_1m(options: Options) -> Record:
    """An unchanged table: equal buckets cost a row each."""
    return _measure(options, "fingerprint_1m", changed=0, limits={"limit_ratio": LIMIT_RATIO, "limit_mb": LIMIT_MB})


def content_1m(options: Options) -> Record:
    """An unchanged table by the content of its rows, beside the source's own statement in ``psql``."""
    limits = {"limit_ratio": LIMIT_CONTENT, "limit_mb": LIMIT_MB}
    return _measure(options, "content_1m", changed=0, limits=limits, statement=True)


def find_100_in_1m(options: Options) -> Record:
    """A hundred rows have another version at the source.

    Beside ours, which compares the source with the lake, reladiff finds the same rows over two connections to
    PostgreSQL, of which one has the table as it was, and a plain ``EXCEPT`` within one database, both by all columns.
    """
    limits = {"limit_seconds": LIMIT_SECONDS, "limit_mb": LIMIT_MB}
    return _measure(options, "find_100_in_1m", changed=CHANGED, limits=limits)


def _measure(
    options: Options, name: str, *, changed: int, limits: Mapping[str, float], statement: bool = False
) -> Record:
    rows = QUICK_ROWS if options.quick else ROWS
    folder = options.scratch / f"{name}-{rows}"
    with extract._server(options) as server:
        extract._make(server, {TABLE: rows})
        login = extract._login(server, tls=False)
        _load(folder, login, rows)
        if changed:
            _change(server, rows, changed)
        given = {"login": login, "folder": str(folder)}
        contestants = [
            Contestant(OURS, "bench.fingerprints:ours", {**given, "rows": rows, "changed": changed}, compared=False),
            Contestant(FLOOR, "bench.fingerprints:floor", given, compared=False),
        ]
        if statement:
            held = {"folder": str(folder), "rows": rows}
            contestants.append(Contestant(WAREHOUSE, "bench.fingerprints:warehouse", held, compared=False))
        if statement and shutil.which("psql"):
            contestants.append(Contestant("psql", "bench.fingerprints:psql", given, compared=False))
        if changed:
            told = {"login": login, "changed": changed}
            contestants.append(Contestant("reladiff", "bench.peers.reladiff_:diff", told, compared=False))
            contestants.append(Contestant("EXCEPT", "bench.fingerprints:except_rows", told, compared=False))
        result = race(contestants, threads=2, options=options, server=extract._postmaster(options))
    ours_alone: dict[str, float] = {}
    if statement:  # what of it is our own side, when it is remembered
        ours_alone = {"warehouse_ms": round(result.median(WAREHOUSE), 1), "limit_warehouse_ms": LIMIT_WAREHOUSE_MS}
        ours_alone["warehouse_cpu_ms"] = round(result.cpu_ms[WAREHOUSE], 1)
        result = result.without(WAREHOUSE)
    return result.record(name, rows=rows, changed=changed, **limits, **ours_alone)


def _change(server: Any, rows: int, changed: int) -> None:
    """Keep the table as it was, and change some rows of it."""
    connection = server.connect(tls=False)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"CREATE TABLE {BEFORE} (LIKE line_item INCLUDING ALL)")
    cursor.execute(f"INSERT INTO {BEFORE} SELECT * FROM line_item ORDER BY line_id")
    cursor.execute(_CHANGE.format(step=rows // changed, last=changed - 1))
    for table in ("line_item", BEFORE):
        cursor.execute(f"VACUUM ANALYZE {table}")
    connection.close()


MEASURES: dict[str, Callable[[Options], Record]] = {
    "fingerprint_1m": fingerprint_1m,
    "content_1m": content_1m,
    "find_100_in_1m": find_100_in_1m,
}


# ---------------------------------------------------------------- contestants


def ours(*, login: Mapping[str, Any], folder: str, rows: int, changed: int, threads: int) -> Callable[[], int]:
    """Raises ``AssertionError`` where other rows are found than were changed, or not all were compared."""
    from auditor.databases.choose import DatabaseOrder, recent_slices
    from auditor.databases.memory import Memory, memory_key
    from auditor.databases.rows.targets import targets_of
    from auditor.databases.scan import scan_database
    from auditor.services import Limits, Services
    from core.audit.findings import StaleRows
    from ingestion.check.ask import answer

    contracts = _contracts()
    (fact,) = contracts.dataset(DATASET).tables
    bucket = FolderBucket(Path(folder))
    extraction = _extraction(contracts, login, bucket)
    now = datetime.now(UTC)

    def ask(question: Mapping[str, Any]) -> Mapping[str, Any]:
        reply = answer(extraction, json.loads(json.dumps(question)), bucket)
        return json.loads(json.dumps(reply))  # type: ignore[no-any-return]

    services = Services(
        contracts=contracts,
        ingest=bucket,
        records=bucket,
        partitions=bucket,
        metrics=lambda _: Quiet(),
        log=Quiet(),
        now=lambda: now,
        code_version=CODE,
        limits=Limits(workers=threads),
        source=ask,
    )
    numbers = count()

    # As in every audit but a table's first, it is known how many rows there are, and what was proven of which object.
    bucket.write(memory_key(DATASET), Memory(rows={fact.name: rows}).to_json())
    slices = tuple(recent_slices(targets_of(contracts.dataset(DATASET)), Memory(), now=int(now.timestamp())))

    def run() -> int:
        order = DatabaseOrder(DATASET, f"bench-{next(numbers)}", slices, False, ("", 0), int(now.timestamp()))
        result = scan_database(services, order, attempt=0).result
        stale = [finding for finding in result.findings if isinstance(finding, StaleRows)]
        assert len(result.findings) == len(stale), [finding.kind for finding in result.findings]
        assert sum(len(finding.keys) for finding in stale) == changed
        assert sum(window.counts["expected"] for window in result.windows) == rows
        return changed

    return run


def floor(*, login: Mapping[str, Any], folder: str, threads: int) -> Callable[[], int]:  # noqa: ARG001
    session = extract._connector(login).open()
    bucket = FolderBucket(Path(folder))
    paths = [Path(folder) / info.key for info in bucket.list("warehouse/_data/")]

    def run() -> int:
        ((rows, _),) = session.query("SELECT count(*), max(last_updated) FROM line_item")
        held = sum(pq.read_table(path, columns=["line_id", "last_updated"]).num_rows for path in paths)
        assert rows == held
        return int(rows)

    return run


def warehouse(*, folder: str, rows: int, threads: int) -> Callable[[], int]:
    """Our own side of the comparison: every partition's bytes and digest, and its sums as they are remembered."""
    from auditor.databases.rows.holdings import read_slices
    from auditor.databases.rows.proofs import Proofs
    from auditor.databases.rows.targets import ALWAYS, Slice, targets_of
    from auditor.warehouse.parents import references_of
    from core.audit.fingerprint import buckets_for

    contract = _contracts().dataset(DATASET)
    (fact,), (target,), bucket = contract.tables, targets_of(contract), FolderBucket(Path(folder))
    buckets, references, numbers = buckets_for(rows), references_of(fact, lambda _: None), count()
    until = int(datetime.now(UTC).timestamp()) * 1_000_000

    def run() -> int:
        proofs = Proofs(bucket, bucket, contract, CODE, f"warehouse-{next(numbers)}")
        part = Slice(fact.name, *ALWAYS)
        more: dict[str, Any] = {"buckets": buckets, "references": references, "workers": threads}
        [holding] = read_slices(proofs, contract, target, [part], **more)
        sums = holding.sums(until=until, buckets=buckets)
        assert sum(of.rows for of in sums.fingerprints.values()) == holding.count == rows
        return rows

    return run


def except_rows(*, login: Mapping[str, Any], changed: int, threads: int) -> Callable[[], int]:  # noqa: ARG001
    """The rows of each table that the other has not, by all columns, in one statement each."""
    session = extract._connector(login).open()

    def run() -> int:
        for ours, theirs in (("line_item", BEFORE), (BEFORE, "line_item")):
            rows = session.query(f"SELECT * FROM {ours} EXCEPT SELECT * FROM {theirs}")
            assert len(rows) == changed
        return changed

    return run


def psql(*, login: Mapping[str, Any], folder: str, threads: int) -> Callable[[], int]:  # noqa: ARG001
    """The very statement by which ours has the source count, hash and sum."""
    from core.audit.fingerprint import buckets_for
    from ingestion.engines.postgresql.content import content_hash, hash_list, read_server
    from ingestion.engines.postgresql.fingerprints import count_buckets
    from ingestion.engines.postgresql.relation import read_relations
    from ingestion.engines.postgresql.select import plan_reading

    source = _contracts().dataset(DATASET).source_table(TABLE)
    session = extract._connector(login).open()
    reading = plan_reading(source, read_relations(session, [source]).relation(source), timezone="UTC")
    hashes = [content_hash(hash_list(reading, read_server(session)), reading.relation)]
    ((rows,),) = session.query("SELECT count(*) FROM line_item")
    session.close()
    statement, _ = count_buckets(
        reading, [Span()], column="", until=datetime.now(UTC), buckets=buckets_for(rows), hashes=hashes
    )

    def run() -> int:
        command = [*extract._psql(login), "-c", statement]
        subprocess.run(command, stdout=subprocess.DEVNULL, env=extract._psql_environment(login), check=True)
        return int(rows)

    return run


# ---------------------------------------------------------------- what is compared


def _load(folder: Path, login: Mapping[str, Any], rows: int) -> None:
    """Extract and process the table, remove all but the current objects, and prove these as a first audit does."""
    from auditor.databases.rows.proofs import Proofs
    from auditor.databases.rows.targets import ALWAYS, Slice, paths_of, targets_of
    from auditor.warehouse.parents import references_of
    from core.audit.fingerprint import buckets_for
    from core.warehouse.vacuum import GRACE
    from ingestion.extract.budget import Budget
    from ingestion.extract.flow import run_pass
    from processing.events import ObjectEvent
    from processing.partitions.vacuum import vacuum
    from processing.process import process_objects
    from processing.services import Services

    contracts = _contracts()
    bucket = FolderBucket(folder)
    extraction = _extraction(contracts, login, bucket)
    run_pass(extraction, budget=Budget.of(600, clock=time.monotonic)).raise_failures()
    extraction.close()
    services = Services(
        contracts=contracts,
        ingest=bucket,
        records=bucket,
        partitions=bucket,
        parameters=extract._Parameters([TABLE], DATASET),
        parameter_prefix="/bench/extract",
        metrics=lambda _: Quiet(),
        log=Quiet(),
        code_version="bench",
        ingest_bucket="bench-ingest",
        now=lambda: datetime.now(UTC),
        timer=time.perf_counter,
    )
    for info in list(bucket.list("tables/")):
        failed = process_objects([ObjectEvent("", info.key)], services)
        assert not failed, failed
    (fact,) = contracts.dataset(DATASET).tables
    list(vacuum(bucket, bucket, fact, now=datetime.now(UTC) + 10 * GRACE))
    proofs = Proofs(bucket, bucket, contracts.dataset(DATASET), release=CODE)
    (target,) = targets_of(contracts.dataset(DATASET))
    for path in paths_of(target, Slice(fact.name, *ALWAYS)):
        proofs.read(target, path, buckets=buckets_for(rows), references=references_of(fact, lambda _: None))
    held = list(bucket.list("warehouse/_data/"))
    assert sum(pq.read_metadata(folder / info.key).num_rows for info in held) == rows


def _contracts() -> Any:
    from bench.ours import CONTRACTS
    from core.authoring.load import load

    return load(CONTRACTS / "compared", today=TODAY)


def _extraction(contracts: Any, login: Mapping[str, Any], bucket: FolderBucket) -> Any:
    from core.landing.state import ParameterNames
    from ingestion.extract.flow import Extraction
    from ingestion.extract.landing import Landing
    from ingestion.extract.table import Sink

    names = ParameterNames("/bench/extract", DATASET)
    parameters = extract._Parameters([TABLE], DATASET)
    sink = Sink(DATASET, bucket, parameters, names, Landing(bucket, DATASET))
    quiet = Quiet()
    return Extraction(contracts.dataset(DATASET), extract._connector(login), sink, quiet, quiet)
