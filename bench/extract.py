"""Extraction: a million rows against ``psql \\copy`` of the same rows to a pipe, and a pass with nothing new.

Ours does the whole pass: horizon, COPY, gzip, digests, objects (files here) and state. psql only passes the same lines
on to a pipe, so what it takes is the server's time for making JSON. Both speak plain text with the server over
loopback.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.options import Options
from bench.quiet import Quiet
from bench.race import FLOOR, OURS, Contestant, race
from bench.record import Record
from core.contract.model import Contract, Database, Field, SourceTable
from core.contract.types import parse_type
from core.errors import UnknownTable
from core.landing.ingest_objects import START
from core.landing.state import ParameterNames
from core.ports import ObjectInfo, ObjectStat, Refused, Written
from ingestion.engines.postgresql.content import hash_list, hashed_output, read_server
from ingestion.engines.postgresql.relation import read_relations
from ingestion.engines.postgresql.select import copy_interval, plan_reading
from ingestion.engines.postgresql.session import PostgresConnector
from ingestion.extract.budget import Budget
from ingestion.extract.flow import Extraction, run_pass
from ingestion.extract.landing import Landing
from ingestion.extract.table import Sink

ROWS, QUICK_ROWS = 1_000_000, 200_000
TABLES = 11  # of the idle pass, as the sales source has
LIMIT_RATIO, LIMIT_MB, LIMIT_IDLE_MS = 1.1, 32, 15
BUCKET = "bench-ingest"
DATASET, SECRET = "bench", "bench-db"
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = {
    "line_id": "bigint",
    "order_id": "int",
    "part_id": "int",
    "supplier_id": "int",
    "line_number": "int",
    "quantity": "decimal(10,2)",
    "price": "decimal(12,2)",
    "discount": "decimal(4,2)",
    "tax": "decimal(4,2)",
    "returned": "boolean",
    "status": "string",
    "shipped": "date",
    "instruction": "string",
    "mode": "string?",
    "comment": "string",
    "created_at": "timestamp",
    "last_updated": "timestamp",
}
TABLE_SQL = """
CREATE TABLE {name} (line_id bigint PRIMARY KEY, order_id int NOT NULL, part_id int NOT NULL, supplier_id int NOT NULL,
  line_number int NOT NULL, quantity numeric(10,2) NOT NULL, price numeric(12,2) NOT NULL,
  discount numeric(4,2) NOT NULL, tax numeric(4,2) NOT NULL,
  returned boolean NOT NULL, status text NOT NULL, shipped date NOT NULL,
  instruction text NOT NULL, mode text, comment text NOT NULL, created_at timestamp(3) NOT NULL,
  last_updated timestamp(3) NOT NULL)
"""
FILL_SQL = """
INSERT INTO {name} SELECT n, n / 4, n * 7919 % 200000, n * 104729 % 10000, n % 4 + 1, n % 50 + 1,
  (n * 31 % 9999999) / 100.0, (n % 11) / 100.0, (n % 9) / 100.0, n % 3 = 0, (ARRAY['open','paid','sent'])[n % 3 + 1],
  date '2024-01-01' + (n % 700)::int,
  (ARRAY['DELIVER IN PERSON','COLLECT COD','NONE','TAKE BACK RETURN'])[n % 4 + 1], nullif('mode ' || n % 7, 'mode 3'),
  'line ' || n || ' "quoted" and a\\backslash', timestamp '2025-01-01' + n * interval '20 ms',
  timestamp '2025-01-01' + n * interval '20 ms'
FROM generate_series(1::bigint, {rows}) AS n
"""


def table(name: str) -> SourceTable:
    fields = tuple(Field(name, parse_type(kind.rstrip("?")), not kind.endswith("?")) for name, kind in COLUMNS.items())
    return SourceTable(name, ("line_id",), fields, "created_at", "last_updated")


def contract(names: Sequence[str]) -> Contract:
    tables = tuple(table(name) for name in names)
    return Contract(DATASET, Database("postgresql", SECRET, "UTC", 300, 600, 1800, 5, 0, tables), ())


# ---------------------------------------------------------------- measures


def extract_1m(options: Options) -> Record:
    """Raises ``AssertionError`` where rows are missing, or the first object was not stored long before the last."""
    rows = QUICK_ROWS if options.quick else ROWS
    with _server(options) as server:
        _make(server, {"line_item": rows})
        given = {"login": _login(server, tls=False)}
        sink = str(options.scratch / "objects")
        contestants = [
            Contestant(OURS, "bench.extract:ours", {**given, "folder": sink, "rows": rows}, compared=False),
            Contestant("psql", "bench.extract:psql_copy", {**given, "ordered": True}, compared=False),
            Contestant("psql, unordered", "bench.extract:psql_copy", {**given, "ordered": False}, compared=False),
        ]
        if shutil.which("psql") is None:
            contestants = contestants[:1]
        result = race(contestants, threads=2, options=options, server=_postmaster(options))
    record = result.record(
        "extract_1m", rows=rows, limit_ratio=LIMIT_RATIO, limit_mb=LIMIT_MB, first_object_share=_first_share(sink)
    )
    return record


def extract_idle(options: Options) -> Record:
    """A warm pass over eleven tables with nothing new, S3 and Parameter Store being the emulator's: ms per table."""
    from local.emulator.process import Emulator

    names = [f"line_item_{number}" for number in range(TABLES)]
    with _server(options) as server, Emulator.start(options.scratch / "emulator") as emulator:
        _make(server, dict.fromkeys(names, 100))
        given = {"login": _login(server, tls=True), "names": names}
        environment = emulator.environment()
        result = race(
            [
                Contestant(OURS, "bench.extract:idle", given, compared=False, environment=environment),
                Contestant(FLOOR, "bench.extract:idle_floor", given, compared=False, environment=environment),
            ],
            threads=2,
            options=options,
        )
    per_table = {name: result.median(name) / TABLES for name in (OURS, FLOOR)}
    return Record.of_times(
        "extract_idle",
        per_table[OURS],
        floor=per_table[FLOOR],
        peak_mb=result.peak_mb[OURS],
        details={
            "tables": TABLES,
            "limit_ms": LIMIT_IDLE_MS,
            "pass_ms": round(result.median(OURS), 2),
            "round_trips_per_table": {"database": 1, "objects": 1},
            "round_trips_per_pass": {"database": 3, "parameters": -(-2 * TABLES // 10)},
        },
    )


MEASURES: dict[str, Callable[[Options], Record]] = {"extract_1m": extract_1m, "extract_idle": extract_idle}


# ---------------------------------------------------------------- contestants


def ours(*, login: Mapping[str, Any], folder: str, rows: int, threads: int) -> Callable[[], int]:  # noqa: ARG001
    """A first load into files."""

    def run() -> int:
        shutil.rmtree(folder, ignore_errors=True)
        objects = FolderObjects(Path(folder))
        extraction = _extraction(["line_item"], login, objects, _Parameters(["line_item"]))
        result = run_pass(extraction, budget=Budget.of(600, clock=time.monotonic))
        extraction.close()
        result.raise_failures()
        assert result.tables[0].rows == rows, result.summary()
        objects.write_share()
        return rows

    return run


def _psql(login: Mapping[str, Any]) -> list[str]:
    """``psql`` with a server over loopback, in plain text."""
    place = ["-h", login["host"], "-p", str(login["port"]), "-U", login["username"], login["dbname"]]
    return ["psql", "-X", "-q", *place]


def _psql_environment(login: Mapping[str, Any]) -> dict[str, str]:
    return {"PGPASSWORD": login["password"], "PGSSLMODE": "disable", "PATH": "/usr/bin:/bin:/usr/local/bin"}


def psql_copy(*, login: Mapping[str, Any], ordered: bool, threads: int) -> Callable[[], int]:  # noqa: ARG001
    """``psql`` with the very statement that ours sends, or without its order and bounds, into a pipe."""
    session = _connector(login).open()
    reading = plan_reading(
        table("line_item"), read_relations(session, [table("line_item")]).relation(table("line_item")), timezone="UTC"
    )
    reading = replace(reading, content=hashed_output(1, hash_list(reading, read_server(session)), reading.relation))
    statement = copy_interval(reading, START, UNTIL)
    session.close()
    if not ordered:
        where, options = statement.index(" WHERE "), statement.index(") AS line) TO STDOUT")
        statement = statement[:where] + statement[options:]
    command = [*_psql(login), "-c", "\\copy " + statement.removeprefix("COPY ")]

    def run() -> int:
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=_psql_environment(login)) as psql:
            assert psql.stdout is not None
            subprocess.run(["cat"], stdin=psql.stdout, stdout=subprocess.DEVNULL, check=True)
        assert psql.returncode == 0
        return 0

    return run


def idle(*, login: Mapping[str, Any], names: Sequence[str], threads: int) -> Callable[[], int]:  # noqa: ARG001
    """Passes of a warm container; the first one, before the clock runs, has taken everything."""
    from aws.clients import Clients
    from aws.objects import S3ObjectStore
    from aws.parameters import SsmParameterStore

    clients = Clients()
    clients("s3").create_bucket(Bucket=BUCKET)
    objects, parameters = S3ObjectStore(clients("s3"), BUCKET), SsmParameterStore(clients("ssm"))
    extraction = _extraction(names, login, objects, parameters)
    budget = Budget.of(3600, clock=time.monotonic)
    run_pass(extraction, budget=budget).raise_failures()

    def run() -> int:
        result = run_pass(extraction, budget=budget)
        assert all(table.outcome == "unchanged" and table.number == 1 for table in result.tables), result.summary()
        return len(result.tables)

    return run


def idle_floor(*, login: Mapping[str, Any], names: Sequence[str], threads: int) -> Callable[[], int]:  # noqa: ARG001
    """The round trips alone: per table one listing and one statement that finds nothing."""
    from aws.clients import Clients

    s3, session = Clients()("s3"), _connector(login).open()
    s3.create_bucket(Bucket=BUCKET)

    def run() -> int:
        for name in names:
            s3.list_objects_v2(Bucket=BUCKET, Prefix=f"none/{name}/")
            session.query(f"SELECT 1 FROM {name} WHERE false")
        return len(names)

    return run


# ---------------------------------------------------------------- parts


def _extraction(names: Sequence[str], login: Mapping[str, Any], objects: Any, parameters: Any) -> Extraction:
    sink = Sink(DATASET, objects, parameters, ParameterNames("/bench/extract", DATASET), Landing(objects, DATASET))
    return Extraction(contract(names), _connector(login), sink, Quiet(), Quiet())


def _connector(login: Mapping[str, Any]) -> PostgresConnector:
    return PostgresConnector(_OneSecret(json.dumps(dict(login))), SECRET)


class _OneSecret:
    def __init__(self, value: str) -> None:
        self._value = value

    def read(self, name: str, *, refresh: bool = False) -> str:  # noqa: ARG002
        return self._value


class _Parameters:
    """``core.ports.ParameterStore`` in memory."""

    def __init__(self, tables: Sequence[str], dataset: str = DATASET) -> None:
        names = ParameterNames("/bench/extract", dataset)
        self._values = {name(table): "0" for table in tables for name in (names.sequential_id, names.latest_object)}
        self._values |= {names.timestamp(table): "1970-01-01T00:00:00.000000Z" for table in tables}

    def get(self, name: str) -> str:
        if name not in self._values:
            raise UnknownTable("get parameter", name, "no such parameter")
        return self._values[name]

    def get_many(self, names: Sequence[str]) -> Mapping[str, str]:
        return {name: self._values[name] for name in names if name in self._values}

    def put(self, name: str, value: str) -> None:
        self._values[name] = value


class FolderObjects:
    """Enough of ``core.ports.ObjectStore`` for an extraction: files, and when they were written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._metadata: dict[str, Mapping[str, str]] = {}
        self._times: list[float] = []
        self._lock = threading.Lock()
        self._begun = time.perf_counter()

    def write(self, key: str, body: bytes, *, metadata: Mapping[str, str] | None = None, **_: Any) -> Written | Refused:
        path = self._folder / key
        with self._lock:
            if key in self._metadata:
                return Refused()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            self._metadata[key] = metadata or {}
            if metadata is not None:  # an ingest object: what its rows' hashes are made of has none
                self._times.append(time.perf_counter() - self._begun)
        return Written("")

    def stat(self, key: str) -> ObjectStat | None:
        if key not in self._metadata:
            return None
        return ObjectStat(key, 0, "", datetime.now(UTC), self._metadata[key])

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        keys = sorted(key for key in self._metadata if key.startswith(prefix) and key > after)
        return iter([ObjectInfo(key, 0, "", datetime.now(UTC)) for key in keys])

    def write_share(self) -> None:
        """When the first object was stored, as a share of the time until the last one was."""
        self._folder.with_suffix(".share").write_text(str(self._times[0] / self._times[-1]))
        assert len(self._times) == 1 or self._times[0] < 0.9 * self._times[-1], self._times


def _first_share(folder: str) -> float:
    return round(float(Path(folder).with_suffix(".share").read_text()), 3)


def _server(options: Options) -> Any:
    from local.database import Database as Server

    return Server.start(options.scratch / "postgres")


def _postmaster(options: Options) -> int:
    """The server's first process."""
    [file] = (options.scratch / "postgres").rglob("postmaster.pid")
    return int(file.read_text().split()[0])


def _login(server: Any, *, tls: bool) -> dict[str, Any]:
    login = {"host": server.host, "dbname": server.dbname, "username": server.user, "password": server.password}
    where = {"port": server.port, "sslmode": "require"} if tls else {"port": server.direct_port, "sslmode": "disable"}
    return {**login, **where}


def _make(server: Any, tables: Mapping[str, int]) -> None:
    connection = server.connect(tls=False)
    connection.autocommit = True
    cursor = connection.cursor()
    for name, rows in tables.items():
        cursor.execute(TABLE_SQL.format(name=name))
        cursor.execute(FILL_SQL.format(name=name, rows=rows))
        cursor.execute(f"CREATE INDEX ON {name} (last_updated, line_id)")
        cursor.execute(f"VACUUM ANALYZE {name}")
    connection.close()
