"""Kill the extractor at every effect of a pass, then run it again: the same rows, no hole, no early watermark."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from tests.support.crashpoints import Crash, Effects, Point, every_point
from tests.support.extraction import (
    LEDGER,
    LEDGER_SQL,
    ExtractionSandbox,
    ScratchDatabase,
    contract_of,
    extraction_sandbox,
    scratch_database,
)
from tests.support.relay import cut_after
from tests.support.sources import shared_server

from core.contract.model import Contract
from core.ports import ObjectStore, ParameterStore
from core.time import parse_instant

pytestmark = pytest.mark.database
TABLES = ("ledger", "other")
ROWS = 25  # in objects of 10: three per table
CONTRACT: Contract = contract_of(*(replace(LEDGER, name=name, rows_per_object=10) for name in TABLES))


@pytest.fixture(scope="module")
def database() -> Iterator[ScratchDatabase]:
    with scratch_database(LEDGER_SQL, LEDGER_SQL.replace("ledger", "other")) as database:
        for table in TABLES:
            database.run(
                f"INSERT INTO {table} (id, last_updated) SELECT n, '2026-11-20'::timestamp + n / 4 * interval '1 s'"
                f" FROM generate_series(1, {ROWS}) AS n"
            )
        yield database


def attempt(database: ScratchDatabase, sandbox: ExtractionSandbox, effects: Effects, **secret: Any) -> None:
    """A pass of a container of its own, with its effects watched; it may die."""
    objects: ObjectStore = effects.watch(sandbox.objects)
    parameters: ParameterStore = effects.watch(sandbox.parameters)
    login = {"port": shared_server().direct_port, "sslmode": "disable"} | secret
    own = extraction_sandbox(CONTRACT, secret=database.secret(**login), objects=objects, parameters=parameters)
    try:
        own.extract()
    except Crash:
        assert effects.fired
    finally:
        own.extraction.close()
        assert_that_the_state_fits(sandbox)


def assert_that_the_state_fits(sandbox: ExtractionSandbox) -> None:
    """The parameters are never ahead of the objects, whose intervals meet, and no number is left out."""
    for table in TABLES:
        facts = sandbox.facts(table)
        assert sandbox.numbers(table) == list(range(1, len(facts) + 1))
        assert int(sandbox.parameter("sequential_id", table)) <= len(facts)
        durable = facts[-1].durable_until if facts else parse_instant("1970-01-01T00:00:00Z")
        assert parse_instant(sandbox.parameter("timestamp", table)) <= durable
        for earlier, later in pairwise(facts):
            assert later.interval_from == earlier.durable_until


def assert_whole(sandbox: ExtractionSandbox) -> None:
    """Every row once, in order; the parameters say what the objects say."""
    for table in TABLES:
        assert [row["id"] for row in sandbox.rows(table)] == list(range(1, ROWS + 1))
        assert int(sandbox.parameter("sequential_id", table)) == len(sandbox.facts(table))
        assert parse_instant(sandbox.parameter("timestamp", table)) == sandbox.facts(table)[-1].durable_until


def fresh(database: ScratchDatabase) -> ExtractionSandbox:
    return extraction_sandbox(CONTRACT, secret=database.secret())


def test_after_a_crash_at_any_effect_the_next_pass_makes_it_whole(database: ScratchDatabase) -> None:
    points = list(every_point(lambda effects: attempt(database, fresh(database), effects)))
    # three ways, and per object: the object, timestamp, id; per table the list of what its hashes are made of
    assert len(points) == 3 * (3 + 3 + 3 + 1) * len(TABLES)
    for point in points:
        sandbox = fresh(database)
        effects = Effects(point)
        attempt(database, sandbox, effects)
        assert effects.fired, point
        for _ in range(2):
            attempt(database, sandbox, Effects())
        assert_whole(sandbox)
        before = sandbox.object_keys()
        attempt(database, sandbox, Effects())
        assert sandbox.object_keys() == before


@pytest.mark.long
def test_after_crash_upon_crash_it_still_becomes_whole(database: ScratchDatabase) -> None:
    """In ``make test``: each crash alone, above, and pairs of them in test_crash_points."""
    chance = random.Random(20261120)
    for _ in range(25):
        sandbox = fresh(database)
        for _ in range(chance.randint(2, 5)):
            attempt(database, sandbox, Effects(Point(chance.randrange(12), chance.choice(("before", "after", "lost")))))
        for _ in range(2):
            attempt(database, sandbox, Effects())
        assert_whole(sandbox)


def test_a_connection_lost_at_any_place_leaves_whole_objects_and_a_state_that_fits(database: ScratchDatabase) -> None:
    stored = set()
    for size in (*range(0, 9_000, 450), 20_000):
        sandbox = fresh(database)
        with cut_after(shared_server().direct_port, size) as port:
            attempt(database, sandbox, Effects(), port=port)
        stored.add(len(sandbox.object_keys()))
        attempt(database, sandbox, Effects())
        assert_whole(sandbox)
    assert {0, 6} < stored, stored
