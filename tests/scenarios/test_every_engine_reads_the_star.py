"""The star in every engine: Athena by the pointers, DuckDB, PyIceberg and Polars by the mirror, while writers go on.

Over the emulator's S3, by the same question: all rows of a table, as it is and as it is certified.
"""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pyarrow as pa
import pytest
from tests.support.engines import ENGINES, Engines, engines, text_rows

from aws.glue_views import GlueViews
from core.contract.model import Contract
from core.mirroring.names import metadata_key, table_prefix
from core.mirroring.views import certified_view, time_column
from core.time import iso
from local.database.changes import Changes
from local.demo import await_horizon
from local.healing import audit
from local.invoking import await_receipts, invoke
from local.stack import Stack
from mirror.certified.star import CertifiedStar
from mirror.certified.step import certify_dataset
from mirror.commit import Mirrored, mirror_table
from mirror.reading import MirrorServices, read_mirror
from mirror.runtime import build_services

pytestmark = [pytest.mark.stack, pytest.mark.long]  # DuckDB's extensions are in an environment that make chaos builds

SALES, ORDERS, STAFF = "sales", "fact_sales_order", "dim_staff"
MOMENTS = 5
DATABASE = "star_mirrors"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?")
Answer = list[list[str]]


def unheard(_line: str) -> None:
    """The scenario asserts on data, not on what is said."""


def in_milliseconds(rows: Answer) -> Answer:
    """Instants as Athena has them: of microseconds the nearest millisecond, a half the later one."""
    return sorted([[_rounded(text) if _INSTANT.fullmatch(text) else text for text in row] for row in rows])


def _rounded(text: str) -> str:
    instant = dt.datetime.fromisoformat(text) + dt.timedelta(microseconds=500)
    return f"{instant:%Y-%m-%d %H:%M:%S}.{instant.microsecond // 1000:03d}"


class Lake:
    """The deployment's lake, its mirrors, and the engines that read them."""

    def __init__(self, stack: Stack, readers: Engines) -> None:
        self.stack, self._readers = stack, readers
        self.contract: Contract = stack.deployment.contracts.dataset(SALES)
        self.services: MirrorServices = build_services(stack.deployment.clients, stack.deployment.warehouse_bucket)

    def follow(self) -> None:
        """Let the star follow the source."""
        await_horizon(self.stack, self.contract)
        invoke(self.stack.deployment, "extract", {"dataset": SALES})
        await_receipts(self.stack.deployment, f"tables/{SALES}/")

    def location(self, table: str) -> str:
        """The metadata of the mirror's last version."""
        version = read_mirror(table, self.services.objects).version
        return f"{self.services.root}{metadata_key(table, version)}"

    def by_athena(self, sql: str) -> Answer:
        answer = self.stack.deployment.athena.stream(sql)
        batches = list(answer.batches())
        rows = pa.Table.from_batches(batches).to_pylist() if batches else []
        return in_milliseconds(text_rows(row.values() for row in rows))

    def by_pointers(self, table: str, condition: str = "true") -> Answer:
        columns = ", ".join(f'"{column.name}"' for column in self.stack.deployment.contracts.table(table).columns)
        return self.by_athena(f'select {columns} from "{table}" where {condition}')

    def by_engine(self, engine: str, table: str, *, snapshot: int | None = None, until: str = "") -> Answer:
        """The contract's columns, those of buckets left out; of rows before ``until``, if there is one."""
        promised = self.stack.deployment.contracts.table(table)
        count = len(promised.columns)
        rows = [row[:count] for row in self._readers.rows(engine, self.location(table), snapshot=snapshot)]
        if until:
            place = [column.name for column in promised.columns].index(time_column(self.contract, promised))
            rows = [row for row in rows if row[place] < until]
        return in_milliseconds(rows)


def last_month() -> dt.datetime:
    """Some day of it: a month is certified when it is over."""
    return dt.datetime.now(dt.UTC).replace(day=1) - dt.timedelta(days=10)


@pytest.fixture(scope="module")
def lake(stack: Stack) -> Iterator[Lake]:
    with engines({**stack.emulator.environment(), "AWS_REGION": stack.deployment.region}) as readers:
        lake = Lake(stack, readers)
        with closing(Changes(stack.database.connect, seed=1)) as changes:
            changes.insert_orders(5, at=last_month())
        lake.follow()
        yield lake


@contextmanager
def selling(lake: Lake) -> Iterator[threading.Lock]:
    """Orders come and change, and the star follows, until the block ends; whoever holds the lock stops it meanwhile."""
    ended, lock = threading.Event(), threading.Lock()
    changes = Changes(lake.stack.database.connect, seed=19)

    def sell() -> None:
        while not ended.is_set():
            with lock:
                changes.update_orders(3)
                changes.insert_orders(2)
                lake.follow()
            ended.wait(0.1)  # lets others take the lock

    thread = threading.Thread(target=sell)
    thread.start()
    try:
        yield lock
    finally:
        ended.set()
        thread.join()
        changes.close()


def test_all_engines_have_athenas_rows_as_they_are_and_as_certified_while_orders_come(lake: Lake) -> None:
    audit(lake.stack, SALES, dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime.now(dt.UTC), say=unheard)
    star = certify_dataset(lake.stack.deployment.contracts, SALES, lake.services, again=True)
    assert isinstance(star, CertifiedStar), star
    assert {star.tables[name].group for name in (ORDERS, STAFF)} == {star.group}, star.problems
    until = iso(star.until).replace("T", " ").removesuffix("Z")
    certified = {ORDERS: lake.by_pointers(ORDERS, f"created_at < timestamp '{until}'"), STAFF: lake.by_pointers(STAFF)}
    assert certified[ORDERS]
    with selling(lake) as lock:
        for _ in range(MOMENTS):
            for table in (ORDERS, STAFF):
                with lock:
                    outcome = mirror_table(lake.stack.deployment.contracts.table(table), lake.services)
                    wanted = lake.by_pointers(table)
                assert isinstance(outcome, Mirrored)
                bound = until if table == ORDERS else ""
                for engine in ENGINES:
                    assert lake.by_engine(engine, table) == wanted, (engine, table)
                    tagged = lake.by_engine(engine, table, snapshot=star.tables[table].snapshot, until=bound)
                    assert tagged == certified[table], (engine, table)
    assert lake.by_pointers(ORDERS) != certified[ORDERS]
    assert of_views(lake, star) == {name: len(rows) for name, rows in certified.items()}


def of_views(lake: Lake, star: CertifiedStar) -> dict[str, int]:
    """How many rows Athena has in the views of what is certified, in a database of the test's own."""
    glue = lake.stack.deployment.clients("glue")
    glue.create_database(DatabaseInput={"Name": DATABASE})
    views, counts = GlueViews(glue, DATABASE), {}
    for name in (ORDERS, STAFF):
        entry = {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"table_type": "ICEBERG", "metadata_location": lake.location(name)},
            "StorageDescriptor": {"Columns": [], "Location": f"{lake.services.root}{table_prefix(name)}"},
        }
        glue.create_table(DatabaseName=DATABASE, TableInput=entry)
        table, tagged = lake.stack.deployment.contracts.table(name), star.tables[name]
        view = certified_view(lake.contract, table, snapshot=tagged.snapshot, until=tagged.until, database=DATABASE)
        views.put_view(view)
        counts[name] = len(lake.by_athena(f'select 1 from "{DATABASE}"."{view.name}"'))
    glue.delete_database(Name=DATABASE)
    return counts
