"""A feed and its whole pipeline in one process: market, acquisition, processing, and the auditor's steps.

The state machine is driven as ``terraform/modules/auditor/definition.tf`` says, without its waits.
"""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa
from tests.fakes.mail import MemoryMail
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.queue import MemoryQueue
from tests.support.athena import SCHEMA, MemoryAthena
from tests.support.crashpoints import Effects
from tests.support.feeds import Acquisition, contracts_in
from tests.support.lake import DeletedObjects, MemoryLake, MemoryLog

from auditor import steps
from auditor.prove import verify
from auditor.services import Limits, Services
from core.audit.certificate import certificate_key, hash_of
from core.audit.repair_jobs import read_job
from core.contract.model import Contracts, Feed
from core.evolution.deployments import record_deployment
from core.ports import StreamRecord
from core.warehouse.arrow_types import stored_schema
from ingestion.repair.job import RepairClients, carry_out
from local.market.server import DEFAULT_TOKEN, Market
from processing.partitions.commit import CommitContext, restate
from processing.process import process_messages
from processing.restating.job import restate_job

MINUTE = dt.timedelta(minutes=1)
_OBSERVED: dict[tuple[str, int, dt.datetime, dt.datetime], tuple[StreamRecord, ...]] = {}


class FeedSimulation:
    """One feed. ``loses(entity, slot)`` says which observations never reach the stream."""

    def __init__(
        self,
        market: Market,
        *,
        contracts: Contracts | None = None,
        dataset: str = "quotes",
        at: dt.datetime,
        limits: Limits | None = None,
    ) -> None:
        self.market = market
        self.contracts = contracts or contracts_in()
        self.dataset = dataset
        self.now = at
        self.lake = MemoryLake(self.contracts, now=lambda: self.now)
        self.lake.ingest._clock = lambda: self.now
        self.lake.partitions.clock = lambda: self.now
        self.lake.records._clock = lambda: self.now
        self.acquisition = Acquisition(
            contracts=self.contracts,
            dataset=dataset,
            url=market.api_url if self.contracts.feed(dataset).provider.kind == "finnhub" else market.url,
            token=DEFAULT_TOKEN,
        )
        self.acquisition.time.start = at
        self.acquisition.notes = self.lake.records
        self.feed = self.contracts.feed(dataset)
        self._promise = hash_of(repr(self.contracts.dataset(dataset)).encode())
        self.queue, self.mail, self.metrics, self.log = MemoryQueue(), MemoryMail(), MemoryMetrics(), MemoryLog()
        self.deleted_objects = DeletedObjects(self.lake.ingest)
        self.limits = limits or Limits(grace_seconds=0, workers=4)
        self.athena = MemoryAthena(self._facts)
        self.loses: Callable[[str, dt.datetime], bool] = lambda _entity, _at: False
        self.loses_event: Callable[[str], bool] = lambda _key: False
        self._names = itertools.count(1)
        self._runs = itertools.count(1)

    def services(self, effects: Effects | None = None) -> Services:
        watch = effects.watch if effects else (lambda port: port)
        return Services(
            contracts=self.contracts,
            ingest=self.lake.ingest,
            records=watch(self.lake.records),
            partitions=self.lake.partitions,
            metrics=lambda _dataset: self.metrics,
            log=self.log,
            now=lambda: self.now,
            code_version="test",
            processing=watch(self.queue),
            mail=watch(self.mail),
            limits=self.limits,
            athena=self.athena,
        )

    def deployed(self, contracts: Contracts | None = None) -> None:
        """A deployment ends now, with these contracts or the same again, and its schedules are on."""
        if contracts is not None:
            self.contracts = contracts
            self.feed = contracts.feed(self.dataset)
            self._promise = hash_of(repr(contracts.dataset(self.dataset)).encode())
            self.lake.deployed(contracts)
            self.acquisition.deployed(contracts)
        record_deployment(
            self.lake.records, self.contracts, self.dataset, now=int(self.now.timestamp()), collecting=True
        )

    # ------------------------------------------------------------ the pipeline

    def trade(self, start: dt.datetime, minutes: int, *, slots_an_object: int = 3) -> None:
        """So many slots are observed; every few of them one object is delivered and processed."""
        step = dt.timedelta(seconds=self.feed.every)
        for number in range(minutes):
            slot = start + number * step
            self._go_to(slot + dt.timedelta(seconds=2))
            self.observe(slot)
            if number % slots_an_object == slots_an_object - 1:
                self.deliver()
        self._go_to(start + minutes * step)
        self.deliver()

    def observe(self, slot: dt.datetime) -> None:
        """Request and pull a slot; what an undisturbed market answers is asked of it once a run, and remembered."""
        stream, question = self.acquisition.stream, (self._promise, self.market.seed, slot, self.now)
        if self.market.is_undisturbed and question in _OBSERVED:
            stream.records += _OBSERVED[question]
            return
        before = len(stream.records)
        self.pull(slot)
        if self.market.is_undisturbed:
            _OBSERVED[question] = tuple(stream.records[before:])

    def pull(self, slot: dt.datetime) -> None:
        """The schedule fires, and the queue's function runs."""
        self.acquisition.request(slot)
        self.acquisition.pull(seconds=500)

    def _go_to(self, at: dt.datetime) -> None:
        """Time passes for everybody."""
        self.acquisition.time.advance((at - self.acquisition.time.clock.now()).total_seconds())
        self.now = at
        self.market.clock.set(at)

    def pass_time(self, **span: float) -> None:
        self._go_to(self.now + dt.timedelta(**span))

    def deliver(self) -> str:
        """What lies in the stream becomes one ingest object, and is processed unless its event is lost."""
        lines = []
        for record in self.acquisition.stream.records:
            line = json.loads(record.data)
            at = dt.datetime.fromisoformat(line[self.feed.time_column])
            if line["provenance"] == "repaired" or not self.loses(line[self.feed.entity_column], at):
                lines.append(record.data)
        self.acquisition.stream.records.clear()
        if not lines:
            return ""
        key = f"feeds/{self.dataset}/{self.now:%Y/%m/%d/%H}/object-{next(self._names):06d}"
        self.lake.ingest.write(key, gzip.compress(b"".join(lines), 1))
        if not self.loses_event(key):
            assert not self.lake.process(key)
        return key

    def process_queue(self) -> None:
        bodies = {f"m{number}": body for number, body in enumerate(self.queue.take())}
        assert process_messages(bodies, self.lake.services) == []

    # ------------------------------------------------------------ the state machine

    def heal(self, effects: Effects | None = None, *, run: str = "", **order: Any) -> dict[str, Any]:
        """One execution; the answers of its steps, by step, the last of each."""
        services = self.services(effects)
        clients = RepairClients(services.records, self._ask, self.deleted_objects, lambda: self.now, self.log)
        carried: dict[str, Any] = {"dataset": self.dataset, "run": run or f"run-{next(self._runs):04d}"}
        carried["order"] = {"dataset": self.dataset, **order}
        answers: dict[str, Any] = {}

        def step(name: str, function: Callable[..., dict[str, Any]], **more: Any) -> dict[str, Any]:
            answers[name] = function(carried, services, **more)
            assert len(json.dumps(answers[name])) < 64_000
            return answers[name]

        answer = step("audit", steps.audit_step)
        carried["attempt"] = 0
        counts = answer
        while not answer["idle"] and not answer.get("exhausted"):
            plan = step("plan", steps.plan_step)
            carried["attempt"] = plan["attempt"]
            if not plan["jobs"]:
                carried["attempt"] -= 1
                break
            for job in plan["jobs"]:
                self._carry_out(job, clients, services)
            self.process_queue()
            self.deliver()
            answer = counts = step("verify", steps.verify_step)
        certified = step("certify", steps.certify_step)
        for job in certified["rollups"]:
            restate_job(self.lake.services, job["job"])
        carried["counts"] = {**counts, **certified}
        step("conclude", steps.conclude_step, environment="test")
        return answers

    def _carry_out(self, job: Mapping[str, str], clients: RepairClients, services: Services) -> None:
        if job["door"] == "process":
            steps.queue_step(job, services)
        elif job["door"] == "restate":
            restate_job(self.lake.services, job["job"])
        else:
            for _ in range(3):  # the machine's Retry
                if carry_out(clients, job["job"]).error not in ("ProviderLimited", "ProviderBroken"):
                    break

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        runtime = self.acquisition.runtime
        return runtime.repair(request, until=runtime.last_call(milliseconds=300_000))

    # ------------------------------------------------------------ what came of it

    def rows(self, table: str, *, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """The table's rows with the columns of their path, in order of key."""
        rows = []
        promised = self.contracts.table(table)
        for path in self.lake.paths(table):
            folders = dict(folder.split("=") for folder in path.split("/")) if path else {}
            for row in self.lake.snapshot(table, path).table.to_pylist():
                whole = {**{name: folders[name] for name in promised.key if name in folders}, **row}
                rows.append({name: value for name, value in whole.items() if name not in without})
        return sorted(rows, key=lambda row: [str(row[name]) for name in promised.key])

    def _facts(self) -> pa.Table:
        rows = [{**row, "month": f"{row['minute']:%Y-%m}"} for row in self.rows("fact_quote")]
        return pa.Table.from_pylist(rows, schema=None if rows else SCHEMA)

    def jobs(self, run: str) -> list[Any]:
        """The repairs that a run planned."""
        keys = [info.key for info in self.lake.records.list(f"audit/runs/{run}/jobs/") if "/jobs/0-" not in info.key]
        return [repair for key in keys for repair in read_job(self.lake.records, key).repairs]

    def verified(self) -> list[str]:
        """What does not hold, as ``partition: problem``."""
        verification = verify(self.contracts, self.dataset, records=self.lake.records, partitions=self.lake.partitions)
        return [f"{failure.partition}: {failure.problem}" for failure in verification.failures]

    def hash_of_certificate(self, number: int) -> str:
        stored = self.lake.records.read(certificate_key(self.dataset, number))
        assert stored is not None
        return hash_of(stored.body)

    def change_a_price(self, entity: str, at: dt.datetime, *, by: int = 1) -> None:
        """Somebody with the keys commits another price, in good order."""
        table = self.contracts.table("fact_quote")
        path = f"symbol={entity}/month={at:%Y-%m}"
        rows = self.lake.snapshot("fact_quote", path).table.to_pylist()
        for row in rows:
            if row["minute"] == at.replace(tzinfo=None):
                row["price"] += by
        rows_after = pa.Table.from_pylist(rows, schema=stored_schema(table))
        restate(self.lake.partitions, table, path, lambda: (rows_after, ()), context=CommitContext("x"))

    def asked_history(self) -> list[Any]:
        """The history requests that the market saw."""
        return [request for request in self.market.requests.all() if request.endpoint in ("candle", "observations")]


@contextmanager
def feed_simulation(at: dt.datetime, **more: Any) -> Iterator[FeedSimulation]:
    """A simulation with a market of its own that trades always; the clocks stand at ``at``."""
    with Market.start(seed=7) as market:
        market.clock.set(at)
        yield FeedSimulation(market, at=at, **more)


def some_points(seed: int, share: float) -> Callable[[str, dt.datetime], bool]:
    """Loses this share of all points, the same ones for the same seed."""
    return lambda entity, at: random.Random(f"{seed}/{entity}/{at.isoformat()}").random() < share


def with_entities(contracts: Contracts, dataset: str, *names: str) -> Contracts:
    """The contracts with fewer entities in one feed, for tests that need not ask for all of them."""
    changed = []
    for contract in contracts:
        feed = contract.source
        if contract.dataset == dataset and isinstance(feed, Feed):
            kept = tuple(entity for entity in feed.entities if entity.name in names)
            contract = replace(contract, source=replace(feed, entities=kept))
        changed.append(contract)
    return replace(contracts, contracts=tuple(changed))
