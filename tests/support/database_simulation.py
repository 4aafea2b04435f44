"""A database and its whole pipeline in one process: PostgreSQL, extraction, processing, and the auditor's steps.

The state machine is driven as ``terraform/modules/auditor/definition.tf`` says, without its waits. Each write to
the landing zone has its event, unless that is lost.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pg8000.dbapi import Connection
from tests.fakes.mail import MemoryMail
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.queue import MemoryQueue
from tests.support.crashpoints import Effects
from tests.support.extraction import ExtractionSandbox, extraction_sandbox, plenty
from tests.support.lake import DeletedObjects, MemoryLake, MemoryLog, shipped_contracts
from tests.support.sources import Source, source
from tests.support.waiting import eventually

from auditor import steps
from auditor.evidence.results import AuditResult
from auditor.prove import verify
from auditor.run_files import read_run_file
from auditor.services import Limits, Services
from core.audit.repair_jobs import read_job
from core.contract.model import Contracts, Database, SourceTable, Table, Take
from core.errors import StarmendError
from core.evolution.deployments import record_deployment
from core.landing.state import FIRST_ID, FIRST_TIMESTAMP, ParameterNames
from core.landing.zone import landing_of
from core.warehouse.current_state import current_table
from ingestion.check.ask import answer
from ingestion.check.job import RepairClients, carry_out
from ingestion.repair.job import RepairClients as AcquireClients
from ingestion.repair.job import carry_out as acquire
from local.database.changes import Changes
from processing.partitions.commit import read_partition
from processing.plan import plan_source
from processing.process import process_messages
from processing.restating.job import restate_job
from processing.restating.reshape import reshape_lines

DATASET = "sales"


def quick_contracts(dataset: str = DATASET, **settings: Any) -> Contracts:
    """The shipped contracts, the database without margin and with nothing to wait for, unless told otherwise."""
    return with_source(shipped_contracts(), dataset, **{"margin": 0, "settle": 0, "sweep": 1, **settings})


def with_source(contracts: Contracts, dataset: str, **settings: Any) -> Contracts:
    """The contracts with other settings of one database."""
    changed = []
    for contract in contracts:
        if contract.dataset == dataset and isinstance(contract.source, Database):
            contract = replace(contract, source=replace(contract.source, **settings))
        changed.append(contract)
    return replace(contracts, contracts=tuple(changed))


class DeadLetters:
    """``auditor.services.DeadLetterQueue`` in memory."""

    def __init__(self, queue: MemoryQueue) -> None:
        self.messages: dict[str, str] = {}
        self._queue = queue

    def peek(self) -> Mapping[str, str]:
        return dict(self.messages)

    def redrive(self, messages: Collection[str]) -> Collection[str]:
        moved = [name for name in messages if name in self.messages]
        self._queue.messages += [self.messages.pop(name) for name in moved]
        return moved


class Locked:
    """A connection for one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def __enter__(self) -> Connection:
        self._lock.acquire()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.rollback()  # nothing is left open that would hold the horizon back
        self._lock.release()

    def close(self) -> None:
        self._connection.close()


class DatabaseSimulation:
    """The sales source and its pipeline. ``loses_event(key)`` says which objects nobody hears of.

    All clocks but the database's are ``ahead`` of the time.
    """

    ahead = timedelta()

    def __init__(
        self, database: Source, *, contracts: Contracts | None = None, seed: int = 0, dataset: str = DATASET
    ) -> None:
        self.database = database
        self.dataset = dataset
        self.contracts = contracts or quick_contracts(dataset)
        self.contract = self.contracts.dataset(self.dataset)
        self.lake = MemoryLake(self.contracts, now=self.now)
        self.lake.ingest._clock = self.now
        self.lake.records._clock = self.now
        self.lake.partitions.clock = self.now
        self.names = ParameterNames("/starmend/test", self.dataset)
        for table in self.tables:
            self.lake.parameters.make(self.names.timestamp(table), FIRST_TIMESTAMP)
            self.lake.parameters.make(self.names.sequential_id(table), FIRST_ID)
        self.extracting: ExtractionSandbox = extraction_sandbox(
            self.contract, secret=self._secret(), objects=self.lake.ingest, parameters=self.lake.parameters
        )
        self.checking = self.extracting.beside()  # the function that the auditor asks has a session of its own
        self.queue, self.mail, self.metrics, self.log = MemoryQueue(), MemoryMail(), MemoryMetrics(), MemoryLog()
        self.dead_letters = DeadLetters(self.queue)
        # An old version that comes back is no event.
        self.deleted_objects = DeletedObjects(self.lake.ingest, restored=self.pass_over)
        self.limits = Limits(workers=2)
        self.loses_event: Callable[[str], bool] = lambda _key: False
        self.changes = Changes(database.owner, seed=seed)
        self._session = Locked(database.owner())
        self.asked: list[Mapping[str, Any]] = []
        self._delivered: set[tuple[str, datetime]] = set()
        self._runs = itertools.count(1)

    def close(self) -> None:
        self.extracting.extraction.close()
        self.checking.extraction.close()
        self.changes.close()
        self._session.close()

    def deployed(self, contracts: Contracts) -> None:
        """A deployment ends now, with these contracts."""
        self.contracts, self.contract = contracts, contracts.dataset(self.dataset)
        self.lake.deployed(contracts)
        for sandbox in (self.extracting, self.checking):
            sandbox.extraction.contract = self.contract
        record_deployment(self.lake.records, contracts, self.dataset, now=int(self.now().timestamp()), collecting=True)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @property
    def tables(self) -> list[str]:
        return [table.name for table in self.contract.source.tables]  # type: ignore[union-attr]

    def _secret(self) -> str:
        server = self.database.server
        login = {"host": server.host, "port": server.direct_port, "dbname": self.database.dbname, "sslmode": "disable"}
        return json.dumps({**login, "username": server.extractor.user, "password": server.extractor.password})

    # ------------------------------------------------------------ the pipeline

    def run(self, statement: str, *values: Any) -> list[Any]:
        """A statement of the application, committed."""
        with self._session as connection:  # one thread at a time
            cursor = connection.cursor()
            cursor.execute(statement, values)
            rows = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
        return rows

    def extract(self, *, process: bool = True) -> None:
        """A pass that takes everything that is committed by now."""
        (moment,) = self.run("select clock_timestamp()")[0]
        eventually(
            lambda: (self.run("select clock_timestamp()")[0][0] - moment).total_seconds() > 0.003, within=5, every=0.001
        )
        self.extracting.extract(budget=plenty()).raise_failures()
        if process:
            self.deliver()
            self.process_queue()

    def deliver(self) -> list[str]:
        """The events of what was written since; returns the keys."""
        writes = {(info.key, info.modified): info.key for info in self.lake.ingest.list("")}
        written = [key for write, key in writes.items() if write not in self._delivered]
        self._delivered |= writes.keys()
        heard = [key for key in written if not self.loses_event(key)]
        if heard:
            failed = self.lake.process(*heard)
            self.queue.messages += [json.dumps({"objects": [key]}) for key in failed]
        return written

    def pass_over(self, key: str) -> None:
        """Nobody is told of this object as it is now."""
        stat = self.lake.ingest.stat(key)
        if stat is not None:
            self._delivered.add((key, stat.modified))

    def process_queue(self) -> None:
        """Each message once; what fails comes again, as after the visibility time-out."""
        bodies = {f"m{number}": body for number, body in enumerate(self.queue.take())}
        failed = process_messages(bodies, self.lake.services)
        self.queue.messages += [bodies[name] for name in failed]

    # ------------------------------------------------------------ the auditor

    def services(self, effects: Effects | None = None) -> Services:
        watch = effects.watch if effects else (lambda port: port)
        return Services(
            contracts=self.contracts,
            ingest=self.lake.ingest,
            records=watch(self.lake.records),
            partitions=self.lake.partitions,
            metrics=lambda _dataset: self.metrics,
            log=self.log,
            now=self.now,
            code_version="test",
            processing=watch(self.queue),
            mail=watch(self.mail),
            limits=self.limits,
            source=self._ask,
            reshape=lambda question: reshape_lines(self.lake.services, json.loads(json.dumps(question))),
            parameters=watch(self.lake.parameters),
            parameter_prefix="/starmend/test",
            dead_letters=self.dead_letters,
        )

    def _ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        question = json.loads(json.dumps(question))
        self.asked.append(question)
        return json.loads(json.dumps(answer(self.checking.extraction, question, self.lake.records)))

    def heal(self, *, run: str = "", **order: Any) -> dict[str, Any]:
        """One execution; the answers of its steps, by step, the last of each."""
        services = self.services()
        carried: dict[str, Any] = {"dataset": self.dataset, "run": run or f"run-{next(self._runs):04d}"}
        carried["order"] = {"dataset": self.dataset, **order}
        answers: dict[str, Any] = {}

        def step(name: str, function: Callable[..., dict[str, Any]], **more: Any) -> dict[str, Any]:
            answers[name] = function(carried, services, **more)
            assert len(json.dumps(answers[name])) < 64_000
            return answers[name]

        answered = counts = step("audit", steps.audit_step)
        carried["attempt"] = 0
        while not answered["idle"] and not answered.get("exhausted"):
            plan = step("plan", steps.plan_step)
            carried["attempt"] = plan["attempt"]
            if not plan["jobs"]:
                carried["attempt"] -= 1
                break
            for job in plan["jobs"]:
                self._carry_out(job, services)
            self.process_queue()
            self.deliver()
            answered = counts = step("verify", steps.verify_step)
        certified = step("certify", steps.certify_step)
        for job in certified["rollups"]:
            restate_job(self.lake.services, job["job"])
        carried["counts"] = {**counts, **certified}
        step("conclude", steps.conclude_step, environment="test")
        return answers

    def _carry_out(self, job: Mapping[str, str], services: Services) -> None:
        try:
            if job["door"] == "process":
                steps.queue_step(job, services)
            elif job["door"] == "restate":
                restate_job(self.lake.services, job["job"])
            elif job["door"] == "extract":
                carry_out(RepairClients(lambda _: self.checking.extraction, self.lake.records, self.now), job["job"])
            else:
                clients = AcquireClients(self.lake.records, lambda _: {}, self.deleted_objects, self.now, self.log)
                acquire(clients, job["job"])
        except StarmendError as error:  # the machine's Catch: the others go on
            self.log.error("job failed", job=job["job"], reason=str(error))

    @contextmanager
    def settling(self, *, seconds: int) -> Iterator[None]:
        """Audits give what is on its way so much time, as a deployment's do."""
        before = self.contracts
        self.contracts = with_source(before, self.dataset, settle=seconds)
        try:
            yield
        finally:
            self.contracts = before

    def findings(self, run: str, attempt: int = 0) -> list[Any]:
        return list(AuditResult.from_data(read_run_file(self.lake.records, run, f"audit-{attempt}")).findings)

    def audited(self, *, run: str = "") -> list[Any]:
        """What an audit finds, nothing being healed."""
        run = run or f"look-{next(self._runs):04d}"
        steps.audit_step({"dataset": self.dataset, "run": run, "order": {"dataset": self.dataset}}, self.services())
        return self.findings(run)

    def jobs(self, run: str) -> list[Any]:
        """The repairs that a run planned."""
        keys = [info.key for info in self.lake.records.list(f"audit/runs/{run}/jobs/")]
        return [read_job(self.lake.records, key).repair for key in keys]

    def verified(self) -> list[str]:
        verification = verify(self.contracts, self.dataset, records=self.lake.records, partitions=self.lake.partitions)
        return [f"{failure.partition}: {failure.problem}" for failure in verification.failures]

    # ------------------------------------------------------------ what came of it

    def agree(self) -> list[str]:
        """What of the warehouse's current state is not what the source has: every value of every row."""
        wrong = []
        for table in self.contract.source.tables:  # type: ignore[union-attr]
            key = table.key[0]
            names = [field.name for field in table.fields if not field.added]
            stored = self.run(f'select {", ".join(names)} from "{table.name}"')
            source = {row[names.index(key)]: dict(zip(names, row, strict=True)) for row in stored}
            for name, taken, rows in self._current_rows(table.name):
                there = {number: [row[field] for field in taken.values()] for number, row in source.items()}
                ours = {row[key]: [row[column] for column in taken] for row in rows}
                for number in sorted({*there, *ours}):
                    if there.get(number) != ours.get(number):
                        wrong.append(f"{name} {number}: {ours.get(number)}, the source has {there.get(number)}")
        return wrong

    def all_current(self, table: str) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
        """The current state of a source table, with what is known to be deleted."""
        promised = current_table(self.contract, self.contract.source_table(table))
        snapshot = read_partition(self.lake.partitions, promised, "")
        yield promised.name, snapshot.table.to_pylist() if snapshot else []

    def _current_rows(self, table: str) -> Iterator[tuple[str, dict[str, str], Sequence[Mapping[str, Any]]]]:
        """The tables that have the rows of a source table, each with the columns that are the source's as they are."""
        plan = plan_source(self.contract, table)
        for fact in plan.facts:
            rows = [row for row in self.lake.rows(fact.name) if row.get("is_latest", row.get(fact.deleted) is None)]
            yield fact.name, _taken(fact, plan.source), rows
        if plan.current is not None:
            for name, rows in self.all_current(table):
                yield name, _taken(plan.current, plan.source), [row for row in rows if row["deleted_at"] is None]

    def ingest_keys(self, prefix: str = "tables/") -> list[str]:
        return [info.key for info in self.lake.ingest.list(prefix) if landing_of(info.key)]


def _taken(table: Table, source: SourceTable) -> dict[str, str]:
    """The source's fields by the columns that take them as they are, but for the marks of repairs."""
    return {
        column.name: column.rule.field
        for column in table.columns
        if isinstance(column.rule, Take)
        and column.rule.form == "value"
        and column.name not in (table.deleted, table.checked)
        and source.field(column.rule.field).type == column.type
    }


@contextmanager
def database_simulation(
    *,
    sales_orders: int = 120,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    dataset: str = DATASET,
    contracts: Contracts | None = None,
) -> Iterator[DatabaseSimulation]:
    """A simulation whose tables are loaded into the warehouse; ``settings`` are those of the shipped database."""
    contracts = contracts or quick_contracts(dataset, **(settings or {}))
    with source(sales_orders=sales_orders, seed=seed) as database:
        simulation = DatabaseSimulation(database, contracts=contracts, seed=seed, dataset=dataset)
        try:
            simulation.extract()
            yield simulation
        finally:
            simulation.close()


def sample(source: random.Random, items: Sequence[Any], count: int) -> list[Any]:
    return source.sample(list(items), min(count, len(items)))
