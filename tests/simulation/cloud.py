"""The account: buckets, queues, streams, and the pipeline's functions, each over the ports that a container has."""

from __future__ import annotations

import datetime as dt
import functools
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.fakes.event_bus import MemoryEventBus
from tests.fakes.mail import MemoryMail
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.parameters import MemoryParameters
from tests.fakes.partitions import MemoryPartitions, MemoryWarehouse
from tests.fakes.secrets import MemorySecrets
from tests.simulation.database import SimulatedConnector, SimulatedDatabase, SimulatedEngine
from tests.simulation.functions import Container, Function
from tests.simulation.machine import Machine, Tokens
from tests.simulation.one_thread import one_thread
from tests.simulation.provider import Answers, without_network
from tests.simulation.remembered import remembering
from tests.simulation.services import IngestBucket, Letter, SimulatedQueue, SimulatedStream
from tests.simulation.weather import Weather
from tests.simulation.world import Killed, World
from tests.support.lake import DeletedObjects

from auditor import steps
from auditor.services import Limits
from auditor.services import Services as AuditServices
from core.authoring.load import load
from core.contract.model import Contracts, Database, Feed
from core.errors import TransientFailure
from core.evolution import deployments
from core.evolution.deployments import record_deployment
from core.landing.state import FIRST_ID, FIRST_TIMESTAMP, ParameterNames
from core.ports import StreamRecord
from ingestion.check import job as checks
from ingestion.check.ask import answer as answer_question
from ingestion.engines import build as engines
from ingestion.extract.budget import Budget
from ingestion.extract.flow import Extraction, PassResult, run_pass
from ingestion.extract.landing import Landing
from ingestion.extract.table import Sink
from ingestion.pull.batch import Message, PullReport
from ingestion.pull.pace import Clock
from ingestion.pull.runtime import SPARE_SECONDS, PullRuntime
from ingestion.repair import job as repairs
from ingestion.repair.runtime import answer as answer_repairs
from ingestion.request.plan import plan_requests
from ingestion.request.send import send_requests
from processing.partitions.commit import CommitContext
from processing.process import process_messages
from processing.restating.job import restate_job
from processing.restating.reshape import reshape_lines
from processing.services import Services

CONTRACTS = Path(__file__).parent / "contracts"
TODAY = dt.date(2026, 11, 20)
PREFIX = "/starmend/test"


@functools.cache
def simulated_contracts() -> Contracts:
    """A feed and a database, as they are deployed first."""
    return load(CONTRACTS, today=TODAY)


class Quiet:
    """A log that keeps what went wrong: the last lines of every level but information."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, msg: str, /, **fields: Any) -> None: ...

    def warning(self, msg: str, /, **fields: Any) -> None:
        self.lines.append((msg, fields))

    def error(self, msg: str, /, **fields: Any) -> None:
        self.lines.append((msg, fields))


class Taking:
    """A stream that counts what it takes of one container."""

    def __init__(self, stream: SimulatedStream, container: Container) -> None:
        self._stream = stream
        self._container = container

    def put(self, records: Sequence[StreamRecord]) -> Sequence[int]:
        self._container.taken += len(records)
        return self._stream.put(records)


@dataclass(eq=False)
class Pass:
    """An extraction under way, and whether another one was at any time of it."""

    met_another: bool


class Cloud:
    """What Terraform makes, and what runs in it. ``database`` and ``answers`` are the sources outside."""

    def __init__(self, world: World, weather: Weather, contracts: Contracts) -> None:
        self.world = world
        self.weather = weather
        self.contracts = contracts
        self.database = SimulatedDatabase(lambda: world.now)
        self.ingest = IngestBucket(world, weather)
        self.partitions = MemoryPartitions(clock=lambda: world.now)
        self.records = MemoryWarehouse(self.partitions)
        self.records._clock = lambda: world.now
        self.parameters = MemoryParameters()
        self.mail, self.bus, self.log = MemoryMail(), MemoryEventBus(), Quiet()
        self.metrics = MemoryMetrics()
        self.deleted = DeletedObjects(self.ingest, restored=lambda _key: None)
        self.secrets = {feed.secret: "token-of-the-simulation" for feed in contracts.feeds()}
        self.tokens = Tokens()
        self.arrivals = SimulatedQueue(world, weather, "arrivals", visibility=1800, consume=self._process)
        self.ingest.arrivals = self.arrivals
        self.pulls = SimulatedQueue(world, weather, "pulls", visibility=360, consume=self._pull)
        self.repairs = SimulatedQueue(world, weather, "repairs", visibility=5400, batch=1, consume=self._repair)
        self.streams = {
            contract.dataset: SimulatedStream(world, weather, contract.dataset, self.ingest, interval=900)
            for contract in contracts
            if isinstance(contract.source, Feed)
        }
        self.on_processed: Callable[[Sequence[Letter], Sequence[str]], None] = lambda _letters, _failed: None
        self.on_pulled: Callable[[PullReport, int], None] = lambda _report, _taken: None
        self.on_extracted: Callable[[PassResult, bool], None] = lambda _result, _disturbed: None
        self._passes: list[Pass] = []
        self.paused: set[str] = set()  # datasets whose schedules are off
        self._make_parameters()
        self._make_functions()

    def _make_parameters(self) -> None:
        for contract in self.contracts:
            names = ParameterNames(PREFIX, contract.dataset)
            for table in contract.source.tables if contract.source else ():
                self.parameters.make(names.latest_object(table.name), "0")
                if isinstance(contract.source, Database):
                    self.parameters.make(names.timestamp(table.name), FIRST_TIMESTAMP)
                    self.parameters.make(names.sequential_id(table.name), FIRST_ID)

    def deploy(self, contracts: Contracts) -> None:
        """Terraform ends: new invocations run by these contracts, and the history says so."""
        self.contracts = contracts
        self._make_parameters()
        for function in self.functions.values():
            function.redeployed()
        for contract in contracts:
            record_deployment(self.records, contracts, contract.dataset, now=int(self.world.time), collecting=True)

    # ------------------------------------------------------------ functions

    def _make_functions(self) -> None:
        def function(name: str, seconds: float, build: Callable[[Container], Any]) -> Function[Any]:
            return Function(self.world, self.weather, name, seconds=seconds, build=build)

        self.functions: dict[str, Function[Any]] = {
            "request": function("request", 30, self._sending),
            "pull": function("pull", 60, lambda container: (container, self._pulling(container))),
            "repair": function("repair", 900, self._repairing),
            "extract": function("extract", 900, self._extracting),
            "check": function("check", 900, self._extracting),
            "process": function("process", 300, self._processing),
            "restate": function("restate", 900, self._processing),
            **{name: function(name, 900, self._auditing) for name in ("audit", "plan", "queue", "verify")},
            **{name: function(name, 900, self._auditing) for name in ("certify", "conclude")},
        }

    def _sending(self, container: Container) -> Any:
        return container, container.port(self.pulls, "queue")

    def _pulling(self, container: Container) -> PullRuntime:
        return PullRuntime(
            contracts=self.contracts,
            secrets=container.port(MemorySecrets(**self.secrets), "secrets"),
            stream_of=lambda dataset: container.port(Taking(self.streams[dataset], container), "stream"),
            metrics_of=lambda _dataset: self.metrics,
            flush_metrics=lambda: None,
            urls={},
            clock=Clock(now=container.now, monotonic=container.timer, sleep=container.sleep),
            log=self.log,
            records=lambda: container.port(self.records, "warehouse"),
        )

    def _repairing(self, container: Container) -> repairs.RepairClients:
        pull = self._pulling(container)

        def ask(request: Mapping[str, Any]) -> dict[str, Any]:  # by what this invocation has left: the container stays
            return pull.repair(request, until=pull.last_call(milliseconds=container.seconds_left * 1000))

        return repairs.RepairClients(
            records=container.port(self.records, "warehouse"),
            ask=ask,
            ingest=container.port(self.deleted, "ingest"),
            now=container.now,
            log=self.log,
        )

    def _extracting(self, container: Container) -> tuple[Container, dict[str, Extraction]]:
        return container, {
            contract.dataset: self._extraction(container, contract.dataset)
            for contract in self.contracts
            if isinstance(contract.source, Database)
        }

    def _extraction(self, container: Container, dataset: str) -> Extraction:
        objects, names = container.port(self.ingest, "ingest"), ParameterNames(PREFIX, dataset)
        parameters = container.port(self.parameters, "parameters")
        return Extraction(
            contract=self.contracts.dataset(dataset),
            connector=SimulatedConnector(self.database, container),  # type: ignore[arg-type]
            sink=Sink(dataset, objects, parameters, names, Landing(objects, dataset)),
            metrics=self.metrics,
            log=self.log,
        )

    def _processing(self, container: Container) -> Services:
        draw = random.Random(f"{self.world.seed} {container.name} commits")
        return Services(
            contracts=self.contracts,
            ingest=container.port(self.ingest, "ingest"),
            records=container.port(self.records, "warehouse"),
            partitions=container.port(self.partitions, "warehouse"),
            parameters=container.port(self.parameters, "parameters"),
            parameter_prefix=PREFIX,
            metrics=lambda _dataset: self.metrics,
            log=self.log,
            code_version="test",
            ingest_bucket="ingest-bucket",
            now=container.now,
            timer=container.timer,
            commit_context=lambda promise: CommitContext(
                promise, random=draw, sleep=container.sleep, timer=container.timer
            ),
            workers=4,
        )

    def _auditing(self, container: Container) -> AuditServices:
        return AuditServices(
            contracts=self.contracts,
            ingest=container.port(self.ingest, "ingest"),
            records=container.port(self.records, "warehouse"),
            partitions=container.port(self.partitions, "warehouse"),
            metrics=lambda _dataset: self.metrics,
            log=self.log,
            now=container.now,
            code_version="test",
            processing=container.port(self.arrivals, "queue"),
            mail=container.port(self.mail, "mail"),
            limits=Limits(workers=4),
            source=self._ask_source,
            reshape=self._ask_processing,
            parameters=container.port(self.parameters, "parameters"),
            parameter_prefix=PREFIX,
            dead_letters=container.port(self.arrivals, "queue"),
            bus=container.port(self.bus, "mail"),
            pause=lambda _attempt: True,
        )

    # ------------------------------------------------------------ invocations

    def _process(self, letters: Sequence[Letter]) -> Sequence[str]:
        bodies = {letter.id: letter.body for letter in letters}
        failed = self.functions["process"].call(lambda services: process_messages(bodies, services))
        self.on_processed(letters, failed)
        return failed  # type: ignore[no-any-return]

    def _pull(self, letters: Sequence[Letter]) -> Sequence[str]:
        messages = [Message(letter.id, letter.body, letter.sent) for letter in letters]

        def pull(runtime: tuple[Container, PullRuntime]) -> Sequence[str]:
            container, feeds = runtime
            before = container.taken
            report = feeds.pull(messages, until=container.timer() + 60 - SPARE_SECONDS)
            self.on_pulled(report, container.taken - before)
            return report.failed

        return self.functions["pull"].call(pull)

    def _repair(self, letters: Sequence[Letter]) -> Sequence[str]:
        event = {"Records": [{"messageId": letter.id, "body": letter.body} for letter in letters]}
        answer = self.functions["repair"].call(lambda clients: answer_repairs(event, clients, self.tokens))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def request(self, dataset: str, slot: int) -> None:
        """The feed's schedule fires."""
        feed = self.contracts.feed(dataset)
        calendar = self.contracts.calendar(feed.calendar)

        def send(ports: Any) -> None:
            container, queue = ports
            plan = plan_requests(dataset, feed, calendar, time=slot, drop_seed="")
            send_requests(plan, dataset=dataset, queue=queue, metrics=self.metrics, log=self.log, sleep=container.sleep)

        self.functions["request"].call(send)

    def extract(self, dataset: str) -> None:
        """The database's schedule fires."""

        def extract(runtime: tuple[Container, dict[str, Extraction]]) -> None:
            container, extractions = runtime
            budget = Budget.of(container.seconds_left - 20, clock=container.timer)
            result = run_pass(extractions[dataset], budget=budget)
            disturbed = own.met_another or bool(container.life and container.life.faults) or self.database.is_down
            self.on_extracted(result, disturbed)
            result.raise_failures()

        own = Pass(met_another=bool(self._passes))
        for other in self._passes:
            other.met_another = True
        self._passes.append(own)
        try:
            self.functions["extract"].call(extract)
        finally:
            self._passes.remove(own)

    def _ask_source(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = json.loads(json.dumps(question))

        def ask(runtime: tuple[Container, dict[str, Extraction]]) -> Mapping[str, Any]:
            container, extractions = runtime
            records = container.port(self.records, "warehouse")
            return json.loads(json.dumps(answer_question(extractions[asked["dataset"]], asked, records)))  # type: ignore[no-any-return]

        return self._answered("check", ask)

    def _answered(self, name: str, ask: Callable[[Any], Mapping[str, Any]]) -> Mapping[str, Any]:
        """A function that another one waits for, as ``aws.source_function`` calls it."""
        try:
            return self.functions[name].call(ask)
        except (Killed, Exception) as error:  # noqa: BLE001 - whoever asked hears of every end
            raise TransientFailure("ask", name, f"{type(error).__name__}: {error}") from None

    def _ask_processing(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = json.loads(json.dumps(question))
        return self._answered("restate", lambda services: json.loads(json.dumps(reshape_lines(services, asked))))

    def _extract_again(self, event: dict[str, Any]) -> dict[str, Any]:
        def check(runtime: tuple[Container, dict[str, Extraction]]) -> dict[str, Any]:
            container, extractions = runtime
            records = container.port(self.records, "warehouse")
            clients = checks.RepairClients(lambda dataset: extractions[dataset], records, container.now)
            return checks.carry_out(clients, event["job"])

        return self.functions["check"].call(check)

    def machine(self) -> Machine:
        """The state machine of every dataset."""

        def step(
            name: str, work: Callable[..., dict[str, Any]], **more: Any
        ) -> Callable[[dict[str, Any]], dict[str, Any]]:
            return lambda event: self.functions[name].call(lambda services: work(event, services, **more))

        def restate(event: dict[str, Any]) -> dict[str, Any]:
            return self.functions["restate"].call(lambda services: restate_job(services, event["job"]))

        queue = step("queue", steps.queue_step)
        return Machine(
            world=self.world,
            weather=self.weather,
            steps={
                "audit": step("audit", steps.audit_step),
                "plan": step("plan", steps.plan_step),
                "verify": step("verify", steps.verify_step),
                "certify": step("certify", steps.certify_step),
                "conclude": step("conclude", steps.conclude_step, environment="test"),
            },
            executors={"process": queue, "restate": restate, "extract": self._extract_again},
            restate=restate,
            ask=lambda message: self.repairs.put(json.dumps(message)),
            tokens=self.tokens,
        )


def quiet_services(cloud: Cloud) -> AuditServices:
    """The auditor's services for whoever looks from outside of time: nothing fails, nothing takes any."""
    return cloud._auditing(Container(cloud.world, cloud.weather, "outside", 0.0))


@contextmanager
def in_this_process(answers: Answers) -> Iterator[None]:
    """One thread, one engine of databases, and providers without a network."""
    with ExitStack() as stack:
        stack.enter_context(one_thread())
        stack.enter_context(remembering())
        stack.enter_context(patch.dict(engines._ENGINES, {"postgresql": SimulatedEngine()}))  # type: ignore[dict-item]
        stack.enter_context(without_network(answers))
        stack.enter_context(patch.dict(deployments._KNOWN, clear=True))  # read by an earlier run
        stack.enter_context(patch("ingestion.pull.deliver.random", random.Random("deliver")))
        stack.enter_context(patch("ingestion.providers.transport.web.random", random.Random("web")))
        yield
