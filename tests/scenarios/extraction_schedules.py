"""Random transaction schedules on a real PostgreSQL, extractions between them, the database as judge at the end.

Writers insert, update, delete, roll back, leave transactions idle, prepare them and finish them in any order, so that
rows are committed out of the order of their times and ids. Beside the extraction runs the cursor that everybody
writes, ``last_updated > watermark``, on the same moments: it must lose rows, or the schedules are too tame.

``run_schedules`` is called with a few runs by the tests and with many by ``make chaos``. Everything follows from the
seed but the server's clock.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pg8000.dbapi import Connection
from tests.support.extraction import LEDGER, LEDGER_SQL, Sandbox, World, contract_of, make_world, plenty, sandbox
from tests.support.sources import shared_server
from tests.support.waiting import eventually

from ingestion.extract.budget import Budget

WRITERS, STEPS, ROWS_PER_OBJECT = 4, 45, 5
CONTRACT = contract_of(replace(LEDGER, rows_per_object=ROWS_PER_OBJECT))
# What an application may write as last_updated: none of them is earlier than the transaction's start.
CLOCKS = ("now()", "statement_timestamp()", "clock_timestamp()")
AS_TEXT = "to_jsonb(last_updated) #>> '{}'"  # as the lines have it
Version = tuple[str | None, str]
Versions = dict[int, Version]


@dataclass
class Naive:
    """``last_updated > watermark``, the watermark being the newest time seen."""

    connection: Connection
    watermark: str = "-infinity"
    seen: Versions = field(default_factory=dict)

    def extract(self) -> None:
        cursor = self.connection.cursor()
        cursor.execute(
            f"SELECT id, note, {AS_TEXT} FROM ledger WHERE last_updated > %s::timestamp ORDER BY last_updated",
            (self.watermark,),
        )
        for key, note, at in cursor.fetchall():
            self.seen[key] = note, at
            self.watermark = at


@dataclass
class Writer:
    """A session that may have a transaction open; ``touched`` are the rows that it holds locked."""

    connection: Connection
    open: bool = False
    touched: set[int] = field(default_factory=set)

    def run(self, statement: str) -> list[Any]:
        cursor = self.connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []

    def end(self, how: str) -> None:
        self.run(how)
        self.open = False
        self.touched = set()


class Schedule:
    """One random history of the ledger."""

    def __init__(self, chance: random.Random, writers: list[Writer], admin: Writer) -> None:
        self._chance = chance
        self._writers = writers
        self._admin = admin
        self._prepared: dict[str, set[int]] = {}
        self._gids = itertools.count()

    def step(self) -> None:
        """One statement, or none where the dice ask for what cannot be."""
        writer = self._chance.choice(self._writers)
        what = self._chance.choices(
            (self._begin, self._insert, self._update, self._delete, self._end, self._prepare, self._finish),
            (10, 30, 20, 2, 16, 4, 7),
        )[0]
        what(writer)

    def quiet(self) -> None:
        """Every transaction ends, one way or the other."""
        for writer in self._writers:
            if writer.open:
                self._end(writer)
        while self._prepared:
            self._finish(self._writers[0])

    def _begin(self, writer: Writer) -> None:
        if not writer.open:
            writer.run(self._chance.choice(("BEGIN", "BEGIN; SELECT 1", "BEGIN; SELECT count(*) FROM ledger")))
            writer.open = True

    def _insert(self, writer: Writer) -> None:
        rows = writer.run(
            f"INSERT INTO ledger (note, last_updated) SELECT {self._note()}, timezone('UTC', {self._clock()})"
            f" FROM generate_series(1, {self._chance.choice((1, 1, 2, 7))}) RETURNING id"
        )
        self._lock(writer, {row[0] for row in rows})

    def _update(self, writer: Writer) -> None:
        if (key := self._free_row(writer)) is not None:
            changes = f"note = {self._note()}, last_updated = timezone('UTC', {self._clock()})"
            writer.run(f"UPDATE ledger SET {changes} WHERE id = {key}")
            self._lock(writer, {key})

    def _delete(self, writer: Writer) -> None:
        if (key := self._free_row(writer)) is not None:
            writer.run(f"DELETE FROM ledger WHERE id = {key}")
            self._lock(writer, {key})

    def _end(self, writer: Writer) -> None:
        if writer.open:
            writer.end(self._chance.choices(("COMMIT", "ROLLBACK"), (3, 1))[0])

    def _prepare(self, writer: Writer) -> None:
        if writer.open and writer.touched:
            gid, touched = f"gid-{next(self._gids)}", writer.touched
            writer.end(f"PREPARE TRANSACTION '{gid}'")
            self._prepared[gid] = touched

    def _finish(self, writer: Writer) -> None:
        if self._prepared and (not writer.open):
            gid = self._chance.choice(sorted(self._prepared))
            writer.run(self._chance.choice(("COMMIT", "ROLLBACK")) + f" PREPARED '{gid}'")
            del self._prepared[gid]

    def _free_row(self, writer: Writer) -> int | None:
        """A committed row that no other transaction holds: nobody may wait, for there is one thread."""
        held = set().union(*(one.touched for one in self._writers if one is not writer), *self._prepared.values())
        rows = [row[0] for row in self._admin.run("SELECT id FROM ledger ORDER BY id") if row[0] not in held]
        return self._chance.choice(rows) if rows else None

    def _lock(self, writer: Writer, keys: set[int]) -> None:
        if writer.open:
            writer.touched |= keys

    def _note(self) -> str:
        return f"'{self._chance.getrandbits(40):x}'"

    def _clock(self) -> str:
        return self._chance.choices(CLOCKS, (8, 1, 1))[0]


# ---------------------------------------------------------------- running


@dataclass
class Tally:
    """``lost``: rows whose newest version at a quiet point is not the database's. ``twice``: lines that came again."""

    runs: int = 0
    lost: int = 0
    naive_lost: int = 0
    twice: int = 0
    holes: int = 0
    objects: int = 0
    passes: int = 0

    def report(self) -> dict[str, int]:
        return dict(vars(self))


@dataclass
class Ground:
    """A server's ledger and the sessions on it, used for one run after the other."""

    database: Sandbox
    writers: list[Writer]
    admin: Writer
    naive: Connection

    def run(self, chance: random.Random, tally: Tally) -> None:
        self.admin.run("TRUNCATE ledger RESTART IDENTITY")
        world = make_world(CONTRACT, secret=self.database.secret(**plain()))
        naive = Naive(self.naive)
        schedule = Schedule(chance, self.writers, self.admin)
        try:
            for _ in range(STEPS):
                schedule.step()
                if chance.random() < 0.25:
                    self._extract(chance, world, tally)
                    naive.extract()
                if chance.random() < 0.15:
                    self.admin.run("SELECT pg_sleep(0.002)")  # the server's clock is the one that counts
            schedule.quiet()
            self._catch_up(world, naive)
        finally:
            world.extraction.close()
        self._judge(world, naive, tally)

    def _extract(self, chance: random.Random, world: World, tally: Tally) -> None:
        """A pass, which may run out of time, and may be of a container that knows nothing yet."""
        ticks = itertools.count()
        budget = Budget(lambda: float(next(ticks)), 6.0) if chance.random() < 0.3 else plenty()
        if chance.random() < 0.1:
            world.extraction.sink.landing._facts.clear()
        world.extract(budget=budget).raise_failures()
        tally.passes += 1

    def _catch_up(self, world: World, naive: Naive) -> None:
        """Extract until the horizon has passed the quiet point, and once more."""
        quiet = self.admin.run("SELECT clock_timestamp()")[0][0]

        def passed() -> bool:
            return bool(
                self.admin.run(f"SELECT clock_timestamp() > '{quiet.isoformat()}'::timestamptz + interval '5 ms'")[0][0]
            )

        eventually(passed, within=10, every=0.002)
        eventually(lambda: world.extract().tables[0].rows == 0, within=10, every=0.001)
        naive.extract()

    def _judge(self, world: World, naive: Naive, tally: Tally) -> None:
        truth: Versions = {
            key: (note, at) for key, note, at in self.admin.run(f"SELECT id, note, {AS_TEXT} FROM ledger")
        }
        lines = list(_lines(world))
        tally.runs += 1
        tally.lost += _lost(truth, _newest(lines))
        tally.naive_lost += _lost(truth, naive.seen)
        tally.twice += sum(count - 1 for count in Counter(lines).values())
        numbers = world.numbers()
        tally.holes += numbers != list(range(1, len(numbers) + 1))
        tally.objects += len(numbers)


def _lines(world: World) -> Iterator[bytes]:
    for key in world.object_keys():
        found = world.objects.read(key)
        assert found is not None
        yield from gzip.decompress(found.body).splitlines()


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


def plain() -> dict[str, Any]:
    """A way to the server without TLS, for speed."""
    return {"port": shared_server().direct_port, "sslmode": "disable", "sslrootcert": None}


@contextmanager
def ground() -> Iterator[Ground]:
    """A ledger to run schedules on."""
    with sandbox(LEDGER_SQL) as database:
        sessions = [database.connect() for _ in range(WRITERS + 2)]
        writers = [Writer(one) for one in sessions[:WRITERS]]
        yield Ground(database, writers, Writer(sessions[-2]), sessions[-1])
        for one in sessions:
            one.close()


def run_schedules(
    runs: int, seed: int, *, progress: Callable[[Tally], object] = lambda _: None, seconds: float = float("inf")
) -> dict[str, int]:
    """So many schedules, each from its own seed (``<seed>/<number>``); ends early after so many seconds.

    ``lost``, ``twice`` and ``holes`` must be 0, ``naive_lost`` must not.
    """
    tally, until = Tally(), time.monotonic() + seconds
    with ground() as place:
        for number in range(runs):
            if time.monotonic() > until:
                break
            place.run(random.Random(f"{seed}/{number}"), tally)
            progress(tally)
    return tally.report()
