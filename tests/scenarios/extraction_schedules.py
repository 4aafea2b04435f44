"""Random transaction schedules on a real PostgreSQL, extractions between them, the database as judge at the end.

Writers insert, update, delete, roll back, leave transactions idle, prepare them and finish them in any order, so that
rows are committed out of the order of their times and ids, and a transaction may outlast every pass of its schedule, as
one of hours outlasts the passes of a deployment. In every fiftieth schedule the server fails over to a standby that has
fallen behind: what it had not yet received never was. Beside the extraction runs the cursor that everybody writes,
``last_updated > watermark``, on the same moments: it must lose rows, or the schedules are too tame.

``run_schedules`` is called with a few runs by the tests and with many by ``make chaos``. Everything follows from the
seed but the servers' clock, and how much a standby has received.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pg8000.dbapi import Connection
from tests.support.extraction import (
    LEDGER,
    LEDGER_SQL,
    SECRET,
    ExtractionSandbox,
    ScratchDatabase,
    contract_of,
    extraction_sandbox,
    plenty,
    scratch_database,
)
from tests.support.replica import standby
from tests.support.sources import shared_server
from tests.support.transactions import Client, Schedule
from tests.support.waiting import eventually

from ingestion.extract.budget import Budget

WRITERS, STEPS, ROWS_PER_OBJECT = 4, 45, 5
FAIL_OVER_EVERY = 50  # schedules: a standby takes seconds, a schedule a tenth of one
CONTRACT = contract_of(replace(LEDGER, rows_per_object=ROWS_PER_OBJECT))
AS_TEXT = "to_jsonb(last_updated) #>> '{}'"  # as the lines have it
Version = tuple[str | None, str]
Versions = dict[int, Version]


@dataclass
class Naive:
    """``last_updated > watermark``, the watermark being the newest time seen."""

    client: Client
    watermark: str = "-infinity"
    seen: Versions = field(default_factory=dict)

    def extract(self) -> None:
        newer = f"last_updated > '{self.watermark}'::timestamp"
        for key, note, at in self.client.run(
            f"SELECT id, note, {AS_TEXT} FROM ledger WHERE {newer} ORDER BY last_updated"
        ):
            self.seen[key] = note, at
            self.watermark = at


# ---------------------------------------------------------------- running


@dataclass
class Tally:
    """``lost``: rows whose newest version at a quiet point is not the database's. ``twice``: lines that came again.
    ``taken_back``: rows left as a fail-over had them again, their change or end undone: when the watermark has passed
    that version no extraction can see it any more, the auditor's comparison does. ``longest`` and ``inversions``: see
    ``Schedule``."""

    runs: int = 0
    lost: int = 0
    naive_lost: int = 0
    twice: int = 0
    holes: int = 0
    objects: int = 0
    passes: int = 0
    longest: int = 0
    inversions: int = 0
    fail_overs: int = 0
    taken_back: int = 0

    def report(self) -> dict[str, int]:
        return dict(vars(self))


@dataclass
class Run:
    """One schedule, who extracts beside it, and what comes of it."""

    chance: random.Random
    schedule: Schedule
    admin: Client
    sandbox: ExtractionSandbox
    naive: Naive
    tally: Tally
    taken_back: Versions = field(default_factory=dict)

    def play(self, steps: int) -> None:
        for _ in range(steps):
            self.schedule.step()
            if self.chance.random() < 0.25:
                self._extract()
                self.naive.extract()
            if self.chance.random() < 0.15:
                self.admin.run("SELECT pg_sleep(0.002)")  # the server's clock is the one that counts

    def fail_over(self, before: Versions) -> None:
        """The sessions are another server's now; ``before`` is what the dead one had."""
        self.schedule.fail_over()
        self.taken_back = {key: version for key, version in self.versions().items() if before.get(key) != version}
        self.tally.fail_overs += 1

    def finish(self) -> None:
        """Come to a quiet point, extract all there is, and compare."""
        self.schedule.quiet()
        self._catch_up()
        self._judge()

    def versions(self) -> Versions:
        """What the database has."""
        rows = self.admin.run(f"SELECT id, note, {AS_TEXT} FROM ledger")
        return {key: (note, at) for key, note, at in rows}

    def _extract(self) -> None:
        """A pass, which may run out of time, and may be of a container that knows nothing yet."""
        ticks = itertools.count()
        budget = Budget(lambda: float(next(ticks)), 6.0) if self.chance.random() < 0.3 else plenty()
        if self.chance.random() < 0.1:
            self.sandbox.extraction.sink.landing._facts.clear()
        self.sandbox.extract(budget=budget).raise_failures()
        self.schedule.passes += 1

    def _catch_up(self) -> None:
        """Extract until the horizon has passed the quiet point, and once more."""
        quiet = self.admin.run("SELECT clock_timestamp()")[0][0]
        passed = f"SELECT clock_timestamp() > '{quiet.isoformat()}'::timestamptz + interval '5 ms'"
        eventually(lambda: bool(self.admin.run(passed)[0][0]), within=10, every=0.002)
        self.sandbox.extract_until(lambda result: result.tables[0].outcome == "unchanged")
        self.naive.extract()

    def _judge(self) -> None:
        truth = self.versions()
        due = {key: row for key, row in truth.items() if self.taken_back.get(key) != row}
        lines, numbers, tally = list(_lines(self.sandbox)), self.sandbox.numbers(), self.tally
        seen = _newest(lines)
        tally.runs += 1
        tally.lost += _lost(due, seen)
        tally.naive_lost += _lost(due, self.naive.seen)
        tally.taken_back += _lost(truth, seen) - _lost(due, seen)
        tally.twice += sum(count - 1 for count in Counter(lines).values())
        tally.holes += numbers != list(range(1, len(numbers) + 1))
        tally.objects += len(numbers)
        tally.passes += self.schedule.passes
        tally.longest = max(tally.longest, self.schedule.longest)
        tally.inversions += self.schedule.inversions


@dataclass
class Ground:
    """A server's ledger and the sessions on it, used for one run after the other."""

    database: ScratchDatabase
    writers: list[Client]
    admin: Client
    naive: Client

    def run(self, chance: random.Random, tally: Tally) -> None:
        with self._begin(chance, tally) as run:
            run.play(STEPS)
            run.finish()

    def run_through_a_fail_over(self, chance: random.Random, tally: Tally) -> None:
        """A standby falls behind, the primary goes on and dies, the standby takes over."""
        with self._begin(chance, tally) as run, standby(shared_server()) as other:
            run.play(STEPS)
            other.fall_behind()
            run.play(STEPS // 3)
            before = run.versions()
            run.sandbox.extraction.close()
            run.sandbox.secrets.values[SECRET] = self.database.secret(**plain(other.port))
            run.sandbox.secrets.read(SECRET, refresh=True)  # the same name leads to the other server now
            assert run.sandbox.extract().failures, "it takes a replica for a primary"
            other.take_over()
            self._go_to(lambda: other.connect(self.database.dbname))
            try:
                run.fail_over(before)
                run.play(STEPS)
                run.finish()
            finally:
                self._go_to(self.database.connect)
                self.database.end_prepared()

    @contextmanager
    def _begin(self, chance: random.Random, tally: Tally) -> Iterator[Run]:
        self.admin.run("TRUNCATE ledger RESTART IDENTITY")
        sandbox = extraction_sandbox(CONTRACT, secret=self.database.secret(**plain()))
        schedule = Schedule(chance, self.writers, self.admin)
        try:
            yield Run(chance, schedule, self.admin, sandbox, Naive(self.naive), tally)
        finally:
            sandbox.extraction.close()

    def _go_to(self, connect: Callable[[], Connection]) -> None:
        """All sessions end, with what they had begun, and others take their place."""
        for writer in (*self.writers, self.admin, self.naive):
            writer.connection.close()
            writer.connection, writer.transaction = connect(), None


def _lines(sandbox: ExtractionSandbox) -> Iterator[bytes]:
    for key in sandbox.object_keys():
        stored = sandbox.objects.read(key)
        assert stored is not None
        yield from gzip.decompress(stored.body).splitlines()


def _newest(lines: list[bytes]) -> Versions:
    newest: Versions = {}
    for line in lines:
        row = json.loads(line)
        version = row["note"], row["last_updated"]
        if row["id"] not in newest or newest[row["id"]][1] <= version[1]:
            newest[row["id"]] = version
    return newest


def _lost(truth: Versions, seen: Versions) -> int:
    return sum(seen.get(key) != version for key, version in truth.items())


def plain(port: int = 0) -> dict[str, Any]:
    """A way to the server without TLS, for speed."""
    return {"port": port or shared_server().direct_port, "sslmode": "disable", "sslrootcert": None}


@contextmanager
def ground() -> Iterator[Ground]:
    """A ledger to run schedules on."""
    with scratch_database(LEDGER_SQL) as database:
        admin, naive, *writers = (Client(database.connect()) for _ in range(WRITERS + 2))
        yield Ground(database, writers, admin, naive)
        for client in (admin, naive, *writers):
            client.connection.close()


def run_schedules(runs: int, seed: int, *, progress: Callable[[Tally], object] = lambda _: None) -> dict[str, int]:
    """So many schedules, each from its own seed (``<seed>/<number>``).

    ``lost``, ``twice`` and ``holes`` must be 0, ``naive_lost`` must not.
    """
    tally = Tally()
    with ground() as place:
        for number in range(runs):
            run = place.run if number % FAIL_OVER_EVERY else place.run_through_a_fail_over
            run(random.Random(f"{seed}/{number}"), tally)
            progress(tally)
    return tally.report()
