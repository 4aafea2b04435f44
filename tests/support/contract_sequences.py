"""Random sequences of contract changes and data on a lake in memory, against an empty one with the same history.

Each contract is deployed over what is there, as a deployment does it: at once, or in the two steps of a new generation
with data arriving before, between and after them. Then what readers see is what an empty lake holds under that contract
into which the same ingest objects are played.
"""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.contract_changes import accepted
from tests.support.fitting_lines import encoded, lines_of
from tests.support.generated_contracts import ZONES, changed, good_contract
from tests.support.lake import NOW, MemoryLake, landing
from tests.support.renamed_columns import lines_by, rename_source_column, without_former_names

from auditor.repairs.plan import RESTATED_AFTER
from auditor.services import Limits
from auditor.services import Services as AuditServices
from auditor.warehouse.outdated import choose_outdated, find_outdated
from core.audit.repair_jobs import RepairJob, Restate, find_outcome, write_job
from core.contract.model import Contracts, Feed, Table
from core.errors import PipelineBug, StarmendError, present
from core.evolution.changes import gravest
from core.evolution.compare import compare_contracts
from core.evolution.deployments import ROOT as HISTORY
from core.evolution.deployments import Recorded, read_history, record_deployments
from core.evolution.generations import Transition, plan_transition
from core.landing.former_names import names_now
from core.time import format_instant
from processing.restating.generations import build_generations
from processing.restating.job import restate_job
from processing.restating.replay import replay, to_retry

RENAMES = 0.6  # share of the contracts in which a source's column gets another name, where they are wanted
LONGEST = 5  # contracts of a sequence
ZONED = 0.1  # share of the contracts in which a database's instants are of another zone
SETTLES = ("1 minute", "3 minutes", "10 minutes")
TRIES = 20  # changes that its author tries; many are refused by the check


@dataclass
class Played:
    """What came of a sequence: how many changes of each class were deployed and how many lakes compared."""

    met: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    fault: str = ""


def play(draw: random.Random, folder: Path, *, renaming: random.Random | None = None) -> Played:
    """Play one sequence; ``fault`` says what differs, empty where nothing does.

    With ``renaming`` columns of the sources get other names now and then; the empty lake had them from the start.
    """
    outcome = Played()
    contracts = list(_contracts(draw, folder, renaming))
    if not contracts:
        return outcome
    lake = _Lake(contracts[0], random.Random(draw.getrandbits(32)))
    lake.arrive()
    for wanted in contracts[1:]:
        changes = compare_contracts(lake.contracts, wanted)
        grade = gravest(changes)
        if grade in (None, "refused"):
            continue
        try:
            outcome.met["rolled back" if lake.deploy(wanted, draw) else str(grade)] += 1
            fault = lake.difference(restated=False) if lake.switched else ""
            if fault == "":
                lake.arrive()
                fault = lake.difference()
        except StarmendError as error:
            fault = f"{type(error).__name__}: {error}"
        if fault is None:
            continue
        outcome.compared += 1
        if fault:
            outcome.fault = f"{', '.join(f'{change.place} ({change.grade})' for change in changes)}: {fault}"
            break
    return outcome


def _contracts(draw: random.Random, folder: Path, renaming: random.Random | None) -> Iterator[Contracts]:
    """A contract and what its author makes of it, one change after another; now and then he takes one back."""
    written: list[dict[str, Any]] = [good_contract(draw)]
    patience = random.Random(draw.getrandbits(32))
    zones = copy.copy(patience)
    if (first := accepted(written[0], folder)) is None:
        return
    yield first
    wanted = draw.randrange(1, LONGEST)
    for _ in range(TRIES):
        if len(written) > 1 and draw.random() < 0.3:
            after = copy.deepcopy(written[-2])
        else:
            after = copy.deepcopy(written[-1])
            changed(after, draw)
        if renaming is not None and renaming.random() < RENAMES:
            rename_source_column(after, renaming)
        if after["source"]["kind"] == "feed" and patience.random() < 0.5:
            after["source"]["settle"] = patience.choice(SETTLES)
        if after["source"]["kind"] == "database" and zones.random() < ZONED:
            after["source"]["timezone"] = zones.choice(ZONES)
        contracts = accepted(after, folder) if after != written[-1] else None
        if contracts is not None:
            written.append(after)
            yield contracts
        if len(written) > wanted:
            return


class _Lake:
    """A lake that contracts are deployed over."""

    def __init__(self, contracts: Contracts, draw: random.Random) -> None:
        self.now = self._made = NOW
        self._draw = draw
        self.lake = MemoryLake(contracts, now=self._clock, made=self._made_at)
        self.contracts = contracts
        self.keys: list[str] = []
        self._record()
        self.switched: set[str] = set()  # the folders that readers see since the last deployment
        self._empty: tuple[Contracts, MemoryLake, int] | None = None  # under which contracts, with how many of the keys

    def _clock(self) -> datetime:
        return self.now

    def _made_at(self) -> datetime:
        """When the ingest object was made that is being put: a point is late or not by that."""
        return self._made

    def deploy(self, wanted: Contracts, draw: random.Random) -> bool:
        """Deploy a contract, in one step or in two; whether it was a return to what readers saw before."""
        seconds = int(self.now.timestamp())
        transition = plan_transition(self.contracts, wanted, now=seconds, history=self.history)
        before = {table.folder for table in self.contracts.tables()}
        self.switched = set()
        self._deployed(transition.first)
        if transition.building:
            self.arrive()
            self._build(transition, draw)
            self._deployed(transition.last(seconds))
        self.switched = {table.folder for table in self.contracts.tables()} - before
        beside = {table.folder for each in self.contracts if each.beside for table in each.beside.contract.tables}
        return not transition.building and bool(before & beside - {t.folder for t in self.contracts.tables()})

    def _build(self, transition: Transition, draw: random.Random) -> None:
        if draw.random() < 0.5:  # killed, and begun again with more data there
            for _ in build_generations(self.lake.services, transition.building[:1]):
                break
            self.arrive()
        now = int(self.now.timestamp())
        again = plan_transition(self.contracts, transition.wanted, now=now, history=self.history)
        assert (again.first, again.building) == (transition.first, transition.building)
        list(build_generations(self.lake.services, transition.building))
        self.arrive()

    def _deployed(self, contracts: Contracts) -> None:
        self.now += timedelta(seconds=1)  # what was asked for in the second of a deployment may be of either contract
        self.lake.deployed(contracts)
        self.contracts = contracts
        self._record()

    def _record(self) -> None:
        record_deployments(self.lake.records, self.contracts, now=int(self.now.timestamp()), collecting=True)

    def history(self, dataset: str) -> Sequence[Recorded]:
        """What was deployed of a dataset."""
        return read_history(self.lake.records, dataset)

    def arrive(self) -> None:
        """More ingest objects, in the form that is deployed, are put and processed."""
        self.now += timedelta(seconds=self._draw.choice((60, 200, 700)))
        self._made = self.now
        fresh = []
        for contract in self.contracts:
            for source in contract.source.tables if contract.source else ():
                lines = lines_of(contract, self.contracts, source, count=3 + len(self.keys))
                number = 1 + sum(1 for key in self.keys if f"/{source.name}/" in key)
                if isinstance(contract.source, Feed):
                    key = f"feeds/{contract.dataset}/2026/11/20/14/part-{len(self.keys)}.gz"
                    fresh.append(self.lake.put(key, self._asked_for(lines)))
                else:
                    fresh.append(self.lake.put_table(contract.dataset, source.name, number, lines))
        self.keys += fresh
        errors = self.lake.process(*fresh)
        if errors:
            raise next(iter(errors.values()))

    def _asked_for(self, lines: Sequence[bytes]) -> Iterator[bytes]:
        """The points as they were asked for a while ago, by the contract of then or one before it."""
        for line in lines:
            asked = self.now - timedelta(seconds=self._draw.randrange(1200))
            row = json.loads(line, parse_float=Decimal)
            yield encoded(row | {"fetched_at": format_instant(asked)})

    def restate(self) -> None:
        """What is done after a deployment: rejected lines are retried, and audits make outdated partitions again."""
        for batch in replay(self.lake.services, to_retry(self.lake.services)):
            for error in batch.errors.values():
                raise error
        auditor = _auditor(self.lake)
        for contract in self.contracts:
            outdated: dict[str, list[str]] = {}
            for finding in find_outdated(auditor, contract, choose_outdated(auditor, contract)):
                outdated.setdefault(finding.table, []).append(finding.partition)
            order = sorted(outdated, key=lambda name: RESTATED_AFTER[self.contracts.table(name).kind])
            for number, name in enumerate(order):
                repair = Restate(contract.dataset, name, tuple(dict.fromkeys(outdated[name])))
                job = RepairJob(contract.dataset, f"{self.now:%Y-%m-%dT%H-%M-%SZ}", repair)
                key = write_job(self.lake.records, job, attempt=0, number=number)
                if restate_job(self.lake.services, key)["failed"]:
                    outcome = present(find_outcome(self.lake.records, key), "restate", key)
                    raise PipelineBug("restate", name, outcome.reason, "Report it")

    def difference(self, *, restated: bool = True) -> str | None:
        """What differs from an empty lake; None where nothing is compared, for the contract rejects lines it has."""
        empty = self._empty_lake()
        if empty is None:
            return None
        for table in _told(self.contracts):
            if table.folder in self.switched and self.lake.rows(table.name) != empty.rows(table.name):
                return f"{table.folder} was not what an empty lake would hold when readers came to see it"
        if not restated:
            return ""
        self.restate()
        for table in _told(self.contracts):
            if self.lake.rows(table.name) != empty.rows(table.name):
                return f"{table.folder} is not what an empty lake would hold"
        return ""

    def _empty_lake(self) -> MemoryLake | None:
        """A lake that rows of no other contract came into, with all that has come; None where this one rejects any.

        It knows what was deployed when, for the entities of earlier contracts stay in dimensions for ever. What has
        come lies in one object for each table of a database there: which lines come together makes no difference, and
        that lake is played in a quarter of the time. Objects of feeds are made when they were: points are late by that.
        """
        if self._empty is None or self._empty[0] is not self.contracts:
            plain = without_former_names(self.contracts)
            lake = MemoryLake(plain, now=self._clock, made=self._made_at)
            lake.deployed(plan_transition(None, plain, now=0).first)
            for info in self.lake.records.list(HISTORY):
                if stored := self.lake.records.read(info.key):
                    lake.records.write(info.key, stored.body)
            self._empty = self.contracts, lake, 0
        _, lake, known = self._empty
        bodies: dict[tuple[str, ...], list[bytes]] = {}
        last: dict[tuple[str, ...], tuple[str, datetime]] = {}
        for key in self.keys[known:]:
            stored = self.lake.ingest.read(key)
            assert stored is not None
            contract, table = self.contracts.dataset(landing(key).dataset), landing(key).table
            source = (contract.dataset, table, *([key] if isinstance(contract.source, Feed) else []))
            names = names_now(contract.source_table(table))
            body = (
                gzip.compress(lines_by(names, gzip.decompress(stored.body).splitlines()), 1) if names else stored.body
            )
            bodies.setdefault(source, []).append(body)
            last[source] = key, stored.stat.modified
        for source, parts in bodies.items():
            key, self._made = last[source]
            lake.ingest.write(key, b"".join(parts))
        fresh = [key for key, _ in last.values()]
        if lake.process(*fresh) or any(lake.receipt(key)["rejected"] for key in fresh):
            self._empty = None
            return None
        self._empty = self.contracts, lake, len(self.keys)
        return lake


def _auditor(lake: MemoryLake) -> AuditServices:
    services = lake.services
    return AuditServices(
        contracts=services.contracts,
        ingest=services.ingest,
        records=lake.records,
        partitions=services.partitions,
        metrics=services.metrics,
        log=services.log,
        now=services.now,
        code_version=services.code_version,
        limits=Limits(workers=services.workers),
    )


def _told(contracts: Contracts) -> Sequence[Table]:
    return [table for table in contracts.tables() if table.kind in ("fact", "dimension")]
