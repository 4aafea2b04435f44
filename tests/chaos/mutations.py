"""Harm done to a loaded database pipeline behind everybody's back, and what the auditor makes of it.

Every batch does some harm, of kinds and at places that the seed chooses; then the auditor runs until it finds nothing
more. A mutation is *found* when an audit names what was harmed, and *healed* when the warehouse agrees with the source
again and the next audit is clean. Between the batches the lake is clean, and audits run while the source is written to,
extracted and processed: whatever they find then is *invented*.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.run import Options, Result
from tests.support.database_simulation import DATASET, DatabaseSimulation, database_simulation, quick_contracts
from tests.support.vandal import EVENT_LOST, Vandal

from auditor.repairs.triage import describe
from auditor.services import Limits
from core.audit.findings import REPORTED
from core.contract.model import Contracts, Database, Partition, Table
from core.errors import of_kind

# As dense in rows and objects as ten mutations in sixty sales orders: an audit costs about the same, whatever it finds.
PER_BATCH, SALES_ORDERS, ROWS_PER_OBJECT = 100, 600, 60
PARTS = (0, 3)  # of each month of a fact, in one run after the other
BATCHES = 4  # on one database: its objects become more, and each audit of every line reads them all
PASSES_BESIDE, MOST_LOOKS = 2, 30  # passes that must end while a clean lake is audited, and audits that this may take
SOME_LINES = Limits(workers=2)
EVERY_LINE = Limits(
    workers=2, sample_objects=10_000, sample_partitions=10_000
)  # so that what is altered is found at once; half of what such an audit costs
MOST_RUNS = 4  # of the state machine, until a batch is healed


FIGURES = ("made", "found", "healed", "invented", "by_object")


@dataclass
class Tally:
    """What came of it. ``faults`` say what was not found, not healed, or invented; ``missed`` are kinds never made.

    ``by_object`` are those found of which no row was named, for the object of their version was itself in doubt.
    """

    made: int = 0
    found: int = 0
    healed: int = 0
    invented: int = 0
    by_object: int = 0
    missed: frozenset[str] = frozenset()
    faults: list[str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.faults = []

    @property
    def figures(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in FIGURES}


def run_mutations(
    batches: int, seed: int, *, per_batch: int = PER_BATCH, sales_orders: int = SALES_ORDERS, parts: int = 0
) -> Tally:
    """So many batches of ``per_batch`` mutations each; ``parts`` of each month that a fact is partitioned by."""
    tally = Tally()
    with database_simulation(sales_orders=sales_orders, seed=seed, contracts=contracts_in_parts(parts)) as simulation:
        vandal = Vandal(simulation, seed)
        assert simulation.heal()["audit"]["healthy"]
        for number in range(batches):
            _clean_audit(simulation, tally, f"before batch {number} (seed {seed})", vandal.draw.randrange(2**31))
            _batch(simulation, vandal, tally, number, per_batch, seed)
        tally.missed = frozenset({*vandal.kinds, EVENT_LOST} - vandal.done)
    return tally


def contracts_in_parts(parts: int) -> Contracts:
    """The shipped contracts with smaller objects, so that there are enough of them, and months of facts in parts."""
    shipped = quick_contracts()
    before = shipped.dataset(DATASET)
    source = of_kind(before.source, Database, "mutate", DATASET)
    smaller = tuple(replace(table, rows_per_object=ROWS_PER_OBJECT) for table in source.tables)
    tables = tuple(_in_parts(table, parts) if table.kind == "fact" and parts else table for table in before.tables)
    after = replace(before, source=replace(source, tables=smaller), tables=tables)
    return replace(shipped, contracts=tuple(after if each is before else each for each in shipped))


def _in_parts(fact: Table, parts: int) -> Table:
    by_key = Partition("part", fact.history_of[0], "bucket", parts)
    return replace(fact, partition_by=(*fact.partition_by, by_key))


def _batch(simulation: DatabaseSimulation, vandal: Vandal, tally: Tally, number: int, size: int, seed: int) -> None:
    mutations = vandal.batch(size)
    tally.made += len(mutations)
    findings: list[Any] = []
    simulation.limits = EVERY_LINE
    for attempt in range(MOST_RUNS):
        run = f"batch-{seed}-{number}-{attempt}"
        answers = simulation.heal(run=run)
        for look in range(4):
            if simulation.lake.records.stat(f"audit/runs/{run}/audit-{look}.json"):
                findings += simulation.findings(run, look)
        if answers["audit"]["idle"]:
            break
    simulation.limits = SOME_LINES
    vandal.adopt()
    simulation.extract()
    left = [*simulation.agree(), *map(describe, amiss(simulation, run=f"left-{seed}-{number}"))]
    for mutation in mutations:
        is_found = any(mutation.named(finding) for finding in findings)
        tally.found += is_found
        itself = mutation.itself
        tally.by_object += is_found and itself is not None and not any(itself(finding) for finding in findings)
        if not is_found:
            instead = "; ".join(sorted({f"{finding.kind}: {describe(finding)}" for finding in findings}))
            tally.faults.append(f"batch {number} (seed {seed}): not found: {mutation.what}; found: {instead}")
    tally.healed += len(mutations) if not left else max(0, len(mutations) - len(left))
    tally.faults += [f"batch {number} (seed {seed}): not healed: {difference}" for difference in left]


def amiss(simulation: DatabaseSimulation, run: str = "") -> list[Any]:
    """What an audit finds that is not only reported: rows with times of the future stay so at the source."""
    return [finding for finding in simulation.audited(run=run) if finding.kind not in REPORTED]


def _clean_audit(simulation: DatabaseSimulation, tally: Tally, where: str, seed: int) -> None:
    """Audits of a clean lake beside a source that is written to, extracted and processed, until some passes ended."""
    with simulation.settling(seconds=60), _writing(simulation, seed) as writing:
        begun = writing.passes
        for _ in range(MOST_LOOKS):
            for finding in amiss(simulation):
                tally.invented += 1
                tally.faults.append(f"{where}: invented {finding.kind}: {describe(finding)}")
            if writing.passes >= begun + PASSES_BESIDE:
                return
        tally.faults.append(f"{where}: nothing was written beside {MOST_LOOKS} audits")


class _writing:  # noqa: N801 - reads as what it does
    """A thread that goes on changing the source, and passes that take what it wrote, until the block ends.

    ``passes`` counts those that have ended.
    """

    def __init__(self, simulation: DatabaseSimulation, seed: int) -> None:
        self._shop = simulation
        self._draw = random.Random(seed)
        self._over = threading.Event()
        self._begun = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self.passes = 0

    def __enter__(self) -> _writing:
        self._thread.start()
        self._begun.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        changes = self._shop.changes
        work: Sequence[Callable[[], object]] = [
            lambda: changes.insert_orders(2),
            lambda: changes.insert_orders_with_new_parents(1),
            lambda: changes.update_orders(3),
            lambda: changes.settle_payments(2),
            changes.rename_department,
        ]
        try:
            while not self._over.is_set() or not self._begun.is_set():
                self._draw.choice(work)()
                self._shop.extract()
                self.passes += 1
                self._begun.set()
        except BaseException as error:  # noqa: BLE001 - it is raised where the block ends
            self._failure = error
            self._begun.set()


def mutations(options: Options) -> Result:
    """``--runs`` is the number of mutations."""
    wanted = options.amount(1_000)
    total = Tally()
    for number, size in enumerate(_portions(wanted, BATCHES * PER_BATCH)):
        batches, most = -(-size // PER_BATCH), min(PER_BATCH, size)
        parts = PARTS[number % len(PARTS)]
        tally = run_mutations(batches, options.seed + number, per_batch=most, parts=parts)
        for name in FIGURES:
            setattr(total, name, getattr(total, name) + getattr(tally, name))
        total.faults += tally.faults
        for fault in tally.faults:
            options.progress(fault, now=True)
        options.progress(f"{total.made} of {wanted} mutations, {total.found} found, {total.healed} healed")
    return Result(total.figures, total.faults)


def _portions(whole: int, size: int) -> Iterator[int]:
    while whole > 0:
        yield min(whole, size)
        whole -= size


RUNS: dict[str, Callable[[Options], Result]] = {"mutations": mutations}
