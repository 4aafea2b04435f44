"""A lake on an emulator of its own that lives while its contracts change: a shop writes, a feed ticks, analysts read.

What is deployed is deployed by the command, from a folder of contracts that a scenario edits. Schedules are on, so that
the feed is asked and the shop's tables are extracted as on AWS, in real time.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from pg8000.dbapi import Connection
from tests.support import deployed
from tests.support.checkouts import checkout
from tests.support.commands import CommandResult
from tests.support.killed_deployments import Moments, kill_deployment
from tests.support.lake import MemoryLake
from tests.support.operators import Operator

from aws.deployment import Deployment
from aws.objects import S3ObjectStore
from aws.pointers import S3PartitionStore
from core.contract.model import Contracts, Table
from core.evolution.generations import plan_transition
from core.landing.zone import landing_of
from local.database import Database
from local.emulator import Emulator
from local.invoking import await_receipts, invoke
from local.market import MarketProcess
from local.provisioning import LAYERS, UNPACKED_LAYERS
from local.stand_ins import database_secret
from processing.derived.rollups import derive_rollup

PAUSE = 2.0  # seconds between two turns of the shop and of a reader
# Without the page: it is written in an hour's third minute, and till then an alarm says that it never was.
SETTINGS = {"audit_wait_seconds": 2, "audit_retry_seconds": 1, "health_page": {"enabled": False}}
SCHEMA = """
create table customer(customer_id int primary key, name text not null, made_at timestamp not null,
  changed_at timestamp not null);
create table orders(order_id int primary key, customer_id int not null, units int not null,
  price numeric(10,2) not null, note text, placed_at timestamp not null, changed_at timestamp not null);
create table payment(payment_id int primary key, amount numeric(10,2) not null, paid_at timestamp not null,
  changed_at timestamp not null);
grant select on all tables in schema public to {extractor};
"""


class Shop:
    """An application that inserts and updates rows, turn by turn, in a thread."""

    def __init__(self, database: Database, seed: int) -> None:
        self._draw = random.Random(seed)
        self._database = database
        self.lock = threading.Lock()
        self.amount = "amount"  # what the application calls it now
        self.orders = self.payments = 0
        self._run(SCHEMA.format(extractor=database.extractor.user))
        now = datetime.now(UTC).replace(tzinfo=None)
        for number in (1, 2, 3):
            self._run("insert into customer values (%s, %s, %s, %s)", number, f"Customer {number}", now, now)
        for age in range(70, 0, -1):
            self._order(now - timedelta(days=age))
            self._pay(now - timedelta(days=age))

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        connection = self._database.connect(tls=False)
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def _run(self, sql: str, *values: Any) -> list[Any]:
        with self.connection() as connection:
            cursor = connection.cursor()
            for statement in sql.split(";\n"):
                if statement.strip():
                    cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def alters(self, sql: str, **names: str) -> None:
        """The application's release: the database and what it calls its columns change at once."""
        with self.lock:
            self._run(sql)
            vars(self).update(names)

    def asked(self, sql: str) -> list[Any]:
        return self._run(sql)

    def turn(self) -> None:
        """A new order and payment, and changes of old ones."""
        with self.lock:
            now = datetime.now(UTC).replace(tzinfo=None)
            self._order(now)
            self._pay(now)
            number = self._draw.randrange(1, self.orders + 1)
            self._run("update orders set units = units + 1, changed_at = %s where order_id = %s", now, number)
            number = self._draw.randrange(1, self.payments + 1)
            self._run(
                f"update payment set {self.amount} = {self.amount} + 1, changed_at = %s where payment_id = %s",
                now,
                number,
            )

    def _order(self, at: datetime) -> None:
        self.orders += 1
        price, note = self._draw.randrange(1, 10_000) / 100, f"note {self.orders}"
        row = (self.orders, self._draw.randrange(1, 4), self._draw.randrange(1, 9), price, note, at, at)
        self._run("insert into orders values (%s, %s, %s, %s, %s, %s, %s)", *row)

    def _pay(self, at: datetime) -> None:
        self.payments += 1
        self._run("insert into payment values (%s, %s, %s, %s)", self.payments, self._draw.randrange(1, 100), at, at)


@dataclass
class Reader:
    """An analyst who asks for the keys of each table again and again; ``wrong`` is what he should not have seen."""

    deployment: Deployment
    questions: Mapping[str, str]
    wrong: list[str] = field(default_factory=list)
    answers: int = 0
    seen: dict[str, set[Any]] = field(default_factory=dict)

    def turn(self) -> None:
        for name, sql in self.questions.items():
            try:
                frame = self.deployment.athena.query(sql)
            except Exception as error:  # noqa: BLE001 - whatever it is, a reader had it
                self.wrong.append(f"{name}: {type(error).__name__}: {error}")
                continue
            keys = set(frame.itertuples(index=False, name=None))
            if gone := self.seen.get(name, set()) - keys:
                self.wrong.append(f"{name}: {len(gone)} of {len(self.seen[name])} keys are gone, as {min(gone)}")
            self.seen[name] = keys
            self.answers += 1


class LivingLake:
    """The deployment with its sources; ``written`` are the contracts as their author has them, by dataset."""

    def __init__(self, operator: Operator, shop: Shop, written: dict[str, dict[str, Any]]) -> None:
        self.operator = operator
        self.shop = shop
        self.written = written
        self.faults: list[str] = []

    @cached_property
    def deployment(self) -> Deployment:
        """As it was applied last."""
        return self.operator.deployment

    def write(self) -> None:
        """The contracts into the operator's folder."""
        for name, contract in self.written.items():
            file = self.operator.folder / "contracts" / f"{name}.yaml"
            file.write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")

    def deploy(self, *more: str) -> CommandResult:
        """Write the contracts and apply them."""
        self.write()
        said = self.operator.gives("deploy", "apply", "--yes", "--json", *more)
        vars(self).pop("deployment", None)
        return said

    def deploy_through_kills(self) -> CommandResult:
        """Write the contracts and apply them, killed in each of both steps and in the building between them.

        The first time Terraform dies too, and what it did last is in no state; the other times it is left alone.
        """
        self.write()
        moments = Moments(self.deployment)
        kill_deployment(self.operator, moments.is_applied_in_part, alone=False)
        self._remove_lock()
        kill_deployment(self.operator, moments.is_being_built, alone=True)
        kill_deployment(self.operator, Moments(self.deployment).is_applied_in_part, alone=True)
        self._remove_lock()
        return self.deploy()

    def _remove_lock(self) -> None:
        """What the command says where a deployment that was killed has left Terraform's lock."""
        said = self.operator.gives("deploy", "plan")
        if said.code:
            bucket, _, key = said.err.partition("aws s3 rm s3://")[2].split()[0].partition("/")
            assert key.endswith(".tflock"), said.err
            self.deployment.clients("s3").delete_object(Bucket=bucket, Key=key)

    @contextmanager
    def meanwhile(self, *turns: Callable[[], None]) -> Iterator[None]:
        """Take turns again and again, each kind in a thread of its own, until the block ends; errors are faults."""
        over = threading.Event()

        def work(turn: Callable[[], None]) -> None:
            while not over.wait(PAUSE):
                try:
                    turn()
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                    self.faults.append(f"{type(error).__name__}: {error}")
                    return

        threads = [threading.Thread(target=work, args=(turn,)) for turn in turns]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def extract(self) -> Any:
        """One extraction beside the scheduled ones, through to the receipts."""
        answer = invoke(self.deployment, "extract", {"dataset": "shop"})
        await_receipts(self.deployment, "")
        return answer

    def alarms_that_are_not_over(self) -> list[str]:
        """The names of those that will still tell their end."""
        pages = (
            self.deployment.clients("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        )
        alarms = [
            alarm for page in pages for kind in ("MetricAlarms", "CompositeAlarms") for alarm in page.get(kind, ())
        ]
        return [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"]

    def differences(self) -> list[str]:
        """Where a table is not what an empty lake would hold into which all ingest objects are played.

        Objects go on arriving: those are played too, until none arrived while the tables were read.
        """
        contracts = self.deployment.contracts
        plain = plan_transition(None, contracts, now=0).first
        alone = tuple(replace(contract, beside=None) for contract in plain)
        empty = MemoryLake(replace(plain, contracts=alone), now=lambda: datetime.now(UTC))
        here = MemoryLake(contracts)
        s3, bucket = self.deployment.clients("s3"), self.deployment.warehouse_bucket
        here.partitions = _Listed(S3PartitionStore(s3, bucket), S3ObjectStore(s3, bucket))  # type: ignore[assignment]
        played: list[str] = []
        for _ in range(20):
            fresh = [key for key in self._arrived() if key not in played]
            self._play(empty, fresh)
            played += fresh
            wrong = list(_differing(here, empty, contracts))
            if not wrong or not {*self._arrived()} - {*played}:
                return wrong
        return ["objects arrive faster than they can be compared"]

    def _arrived(self) -> list[str]:
        """The ingest objects, all of them processed."""
        await_receipts(self.deployment, "")
        return [key for key in deployed.ingest_keys(self.deployment) if landing_of(key)]

    def _play(self, lake: MemoryLake, keys: list[str]) -> None:
        """Process objects in a lake in memory, under the certificates that the deployed one has."""
        ingest, records = deployed.ingest(self.deployment), deployed.warehouse(self.deployment)
        for key in keys:
            stored = ingest.read(key)
            assert stored is not None, key
            lake.ingest.write(key, stored.body, metadata=stored.stat.metadata)
        if errors := lake.process(*keys):
            raise next(iter(errors.values()))
        for prefix in ("warehouse/_certificates/", "warehouse/_contracts/"):
            for info in records.list(prefix):
                if stored := records.read(info.key):
                    lake.records.write(info.key, stored.body)


class _Listed:
    """Partitions whose pointers can be listed too."""

    def __init__(self, partitions: S3PartitionStore, objects: S3ObjectStore) -> None:
        self._partitions = partitions
        self.list = objects.list

    def __getattr__(self, name: str) -> Any:
        return getattr(self._partitions, name)


def _differing(here: MemoryLake, empty: MemoryLake, contracts: Contracts) -> Iterator[str]:
    for table in contracts.tables():
        if table.kind == "rollup":
            for path in here.paths(table.source):
                derive_rollup(empty.services, table, path)
        rows, expected = (_told(lake.rows(table.name), table) for lake in (here, empty))
        if rows != expected:
            lacks = [row for row in expected if row not in rows][:2]
            more = [row for row in rows if row not in expected][:2]
            yield f"{table.folder}: {len(rows)} rows, {len(expected)} expected; lacks {lacks}, has {more}"


def _told(rows: list[dict[str, Any]], table: Table) -> list[dict[str, Any]]:
    """The rows; of a rollup those of groups that are over and certified, for the others wait for an audit."""
    return [row for row in rows if row["complete"]] if table.kind == "rollup" else rows


@contextmanager
def living_lake(folder: Path, written: dict[str, dict[str, Any]], *, seed: int) -> Iterator[LivingLake]:
    """A lake that is deployed with these contracts, its secrets filled and its schedules on."""
    with ExitStack() as ending:
        ending.enter_context(patch.dict("os.environ"))
        for name in ("AWS_PROFILE", "STARMEND_DEPLOYMENT"):
            os.environ.pop(name, None)
        emulator = ending.enter_context(
            Emulator.start(folder / "emulator", firehose_scale=0.05, as_on_aws=True, layers=UNPACKED_LAYERS)
        )
        os.environ.update(emulator.environment())
        market = MarketProcess.start(folder / "market", seed=seed)
        ending.callback(market.stop)
        database = Database.start(folder / "database")
        ending.callback(database.stop)
        copy = checkout(folder)
        for file in (copy / "contracts").glob("*.yaml"):
            file.unlink()
        (copy / "build").mkdir()
        (copy / "build/layers").symlink_to(LAYERS)
        urls = dict.fromkeys(("quotes", "quotes.history"), market.api_url)
        environment = {**os.environ, "TEST_PROVIDER_URLS": json.dumps(urls), "PYTHONPATH": str(copy / "src")}
        lake = LivingLake(Operator(copy, environment, settings=SETTINGS), Shop(database, seed), written)
        said = lake.operator.gives("deploy", "bootstrap")
        assert said.code == 0, said.err
        said = lake.deploy()
        assert said.code == 0, said.err + said.out
        values = {"finnhub-token": market.token, "sales-db": json.dumps(database_secret(database))}
        for name, value in values.items():
            said = lake.operator.gives("secret", "set", name, typed=value)
            assert said.code == 0, said.err
        lake.operator = replace(lake.operator, settings={**SETTINGS, "schedules_enabled": True})
        said = lake.deploy()
        assert said.code == 0, said.err + said.out
        yield lake
