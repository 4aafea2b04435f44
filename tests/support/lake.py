"""A lake in memory: the ingest bucket, the warehouse and the parameters, with processing on top of them."""

from __future__ import annotations

import copy
import functools
import gzip
import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from tests.fakes.log import MemoryLog
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.objects import MemoryObjects
from tests.fakes.parameters import MemoryParameters
from tests.fakes.partitions import MemoryPartitions, MemoryWarehouse

from core.authoring.load import load
from core.contract.model import Contracts, Latest, Table
from core.landing.ingest_objects import TableObject
from core.landing.zone import Landing, landing_of
from core.ports import StoredObject
from core.warehouse.arrow_types import stored_schema
from core.warehouse.pointer import ROOT, parse_pointer
from processing.events import ObjectEvent
from processing.partitions.commit import CommitContext, Snapshot, read_partition
from processing.process import process_objects
from processing.records.receipts import read_receipt
from processing.services import Services

REPOSITORY = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
Lines = Iterable[Mapping[str, Any] | bytes]


@functools.cache
def shipped_contracts() -> Contracts:
    """The contracts that the project ships with."""
    return load(REPOSITORY / "contracts", today=date(2026, 11, 20))


def without_history(contracts: Contracts, name: str) -> Contracts:
    """The contracts with a fact that keeps no history: nothing tells which row of it is the latest."""

    def changed(table: Table) -> Table:
        columns = tuple(each for each in table.columns if not isinstance(each.rule, Latest))
        return replace(table, history_of=(), columns=columns) if table.name == name else table

    parts = (replace(each, tables=tuple(map(changed, each.tables))) for each in contracts.contracts)
    return replace(contracts, contracts=tuple(parts))


class MemoryLake:
    """Ingest objects, warehouse and parameters in memory; ``services`` is what processing works with.

    ``made`` is when ingest objects are made; without it each is a second later than the one before.
    """

    def __init__(
        self,
        contracts: Contracts,
        *,
        now: Callable[[], datetime] = lambda: NOW,
        made: Callable[[], datetime] | None = None,
    ) -> None:
        self.ingest = MemoryObjects(clock=made)
        self.partitions = MemoryPartitions()
        self.records = MemoryWarehouse(self.partitions)
        self.parameters = MemoryParameters()
        self.log = MemoryLog()
        self.metrics: dict[str, MemoryMetrics] = {}
        for contract in contracts:
            for table in contract.source.tables if contract.source else ():
                self.parameters.make(f"/starmend/test/{contract.dataset}/{table.name}/latest_object", "0")
        self.services = Services(
            contracts=contracts,
            ingest=self.ingest,
            records=self.records,
            partitions=self.partitions,
            parameters=self.parameters,
            parameter_prefix="/starmend/test",
            metrics=lambda dataset: self.metrics.setdefault(dataset, MemoryMetrics()),
            log=self.log,
            code_version="test",
            ingest_bucket="ingest-bucket",
            now=now,
            timer=time.perf_counter,
            commit_context=lambda promise: CommitContext(promise, random=random.Random(), sleep=lambda _seconds: None),
            workers=4,
        )

    def copied(self) -> MemoryLake:
        """Another lake of the same contracts with the same objects, each of which goes its own way from now on."""
        lake = MemoryLake(self.services.contracts, now=self.services.now)
        for own, other in ((lake.ingest, self.ingest), (lake.records, self.records)):
            own._objects, own._writes = copy.copy(other._objects), other._writes
        lake.partitions.objects = copy.copy(self.partitions.objects)
        lake.partitions.modified = dict(self.partitions.modified)
        lake.partitions.history = {name: list(targets) for name, targets in self.partitions.history.items()}
        lake.partitions.clock = copy.copy(self.partitions.clock)
        lake.parameters.values = dict(self.parameters.values)
        lake.services.ensured.update(self.services.ensured)
        return lake

    def deployed(self, contracts: Contracts) -> None:
        """Processing goes on with other contracts."""
        self.services = replace(self.services, contracts=contracts, ensured=set(), settled={})

    def put(self, key: str, lines: Lines, *, compress: bool = True) -> str:
        body = b"".join(line_of(line) for line in lines)
        self.ingest.write(key, gzip.compress(body, 1, mtime=0) if compress else body)
        return key

    def put_table(self, dataset: str, table: str, number: int, lines: Lines) -> str:
        return self.put(TableObject(dataset, table, number).key, lines)

    def process(self, *keys: str) -> Mapping[str, Exception]:
        return process_objects([ObjectEvent("", key) for key in keys], self.services)

    def receipt(self, key: str) -> dict[str, Any]:
        receipt = read_receipt(self.records, landing(key))
        assert receipt is not None, f"{key} has no receipt"
        return receipt

    def quarantined(self, key: str) -> list[dict[str, Any]]:
        stored = self.records.read(landing(key).quarantine_key)
        return [json.loads(line) for line in stored.body.splitlines()] if stored else []

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a warehouse table, its partitions in path order."""
        return self.table(table).to_pylist()

    def table(self, name: str) -> pa.Table:
        snapshots = [self.snapshot(name, path) for path in self.paths(name)]
        stored = stored_schema(self.services.contracts.table(name))
        return pa.concat_tables([snapshot.table for snapshot in snapshots]) if snapshots else stored.empty_table()

    def snapshot(self, name: str, path: str = "") -> Snapshot:
        snapshot = read_partition(self.partitions, self.services.contracts.table(name), path)
        assert snapshot is not None, f"{name}/{path} has no commit"
        return snapshot

    def paths(self, name: str) -> list[str]:
        folder = f"{ROOT}{self.services.contracts.table(name).folder}/"
        pointers = [info.key for info in self.partitions.list(folder) if info.key.endswith("/symlink.txt")]
        return [key.removeprefix(folder).removesuffix("symlink.txt").strip("/") for key in pointers]

    def versions(self) -> dict[str, str]:
        """Every pointer's target: what has to stay as it is where nothing may change."""
        return {
            info.key: parse_pointer(self.partitions.objects[info.key], bucket=self.partitions.bucket, place=info.key)
            for info in self.partitions.list(ROOT)
            if info.key.endswith("/symlink.txt")
        }


class DeletedObjects:
    """Deleted ingest objects of which S3 keeps a version; ``restored(key)`` is called for each that comes back."""

    def __init__(self, ingest: MemoryObjects, *, restored: Callable[[str], object] = lambda _key: None) -> None:
        self._ingest = ingest
        self._restored = restored
        self._versions: dict[str, StoredObject] = {}

    def delete(self, key: str, *, for_good: bool = False) -> None:
        stored = self._ingest.read(key)
        assert stored is not None, key
        self._ingest.delete([key])
        if not for_good:
            self._versions[key] = stored

    def revive(self, key: str) -> bool:
        """``ingestion.repair.job.DeletedObjects``."""
        if self._ingest.stat(key):
            return True
        if key not in self._versions:
            return False
        self._ingest.put_back(self._versions[key])
        self._restored(key)
        return True


def line_of(row: Mapping[str, Any] | bytes) -> bytes:
    return row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n"


def landing(key: str) -> Landing:
    zone_object = landing_of(key)
    assert zone_object is not None
    return zone_object


def numbered(rows: Sequence[Mapping[str, Any]], key: str) -> dict[Any, Mapping[str, Any]]:
    """Rows by one column."""
    return {row[key]: row for row in rows}


AT = "2026-11-20T10:00:00.123"


def department(number: int, name: str, at: str = AT, **more: Any) -> dict[str, Any]:
    row = {"department_id": number, "department_name": name, "location": "Leeds", "manager": None}
    return row | {"created_at": AT, "last_updated": at} | more


def staff(number: int, department: int, at: str = AT, **more: Any) -> dict[str, Any]:
    row = {"staff_id": number, "first_name": f"First {number}", "last_name": "Last", "department_id": department}
    return row | {"email_address": f"{number}@example.org", "created_at": AT, "last_updated": at} | more


def order(number: int, at: str = AT, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "sales_order_id": number,
        "created_at": AT,
        "last_updated": at,
        "design_id": 1,
        "staff_id": 1,
    }
    row |= {"counterparty_id": 1, "units_sold": 3, "unit_price": 1.10, "currency_id": 1}
    row |= {"agreed_delivery_date": "2026-11-21", "agreed_payment_date": "2026-11-22"}
    return row | {"agreed_delivery_location_id": 1} | more


def quote(symbol: str, minute: str, price: str, **more: Any) -> bytes:
    """A point's line; the price is written as it is given."""
    row = {"symbol": symbol, "minute": minute, "kind": "live", "provenance": "observed", "fetched_at": minute}
    row |= {"dataset": "quotes"} | more
    return json.dumps(row).encode().removesuffix(b"}") + f',"c":{price},"o":{price}}}\n'.encode()
