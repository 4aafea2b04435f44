"""docs/your-own-data.md, typed from an empty folder: a database and an API that nobody has seen, to a star that heals.

The wheel is installed in an environment of its own; nothing is written by hand. The database is a dump that follows
from a seed, on the real PostgreSQL; the API answers as Open-Meteo's documents say, on loopback. What the star holds is
compared with both, value by value, before the gap and after it.
"""

from __future__ import annotations

import datetime as dt
import io
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pg8000.dbapi import Connection
from tests.support.extraction import ScratchDatabase, scratch_database
from tests.support.foreign_databases import differences, foreign_database, quoted
from tests.support.public_apis import Api, answering
from tests.support.scripted_server import scripted_server
from tests.support.sources import shared_server
from tests.support.typed_pages import Typist, commands_of
from tests.support.wheels import install_wheel
from tests.unit.docs.test_your_own_data import PAGE, answer_address

from aws.objects import S3ObjectStore
from core.authoring.load import load
from core.contract.model import Contract
from deploy.folders import shared_layers
from local.processes import processes_below
from local.stack import Stack

pytestmark = [pytest.mark.long, pytest.mark.emulator, pytest.mark.database, pytest.mark.timeout(1800)]
SEED = 20261129
HOUR = 3600
MEASURE = "total"  # of a dump's events
CHANGES = 3  # that no extraction sees
SECONDS = 600  # ten minutes of CPU: less of anybody's time, for a machine has two cores
FINDS = {"starmend status", "starmend audit", "starmend why", "starmend backfill"}  # that may exit with 1, in the gap


@dataclass
class World:
    """A database and an API, and what is known of them."""

    database: ScratchDatabase
    api: Api
    typist: Typist

    def star(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table of the warehouse, read from the objects that the pointers name."""
        deployed = Stack.attach(self.typist.folder / "build").deployment
        store = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
        rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in deployed.contracts.tables()}
        for info in store.list("warehouse/"):
            table, _, name = info.key.removeprefix("warehouse/").partition("/")
            if table in rows and name.endswith("symlink.txt"):
                stored = store.read(info.key)
                assert stored is not None
                place = stored.body.decode().split()[0].removeprefix(f"s3://{deployed.warehouse_bucket}/")
                content = store.read(place)
                assert content is not None
                rows[table] += pq.read_table(io.BytesIO(content.body)).to_pylist()
        return rows

    def contract(self, dataset: str) -> Contract:
        return Stack.attach(self.typist.folder / "build").deployment.contracts.dataset(dataset)

    def hold_a_row_back(self) -> Held:
        """Take a row of a fact out of the database, one with a clock that tells when it changed, and name it."""
        contracts = load(self.typist.folder / "contracts", today=dt.datetime.now(dt.UTC).date())
        contract = contracts.dataset(self.database.dbname)
        fact, origin = next(
            (table, origin)
            for table in contract.tables
            if table.kind == "fact" and (origin := contract.source_table(table.source)).changed_at
            if MEASURE in {each.name for each in origin.fields} and not self.is_referenced(origin.relation)
        )
        relation, (key,) = origin.relation, origin.key
        ((row, number),) = self.database.rows(
            f"SELECT held::text, held.{quoted(key)} FROM {relation} AS held ORDER BY 2 DESC LIMIT 1"
        )
        self.database.run(
            "SET session_replication_role = replica", f"DELETE FROM {relation} WHERE {quoted(key)} = {number}"
        )
        self.typist.given |= {"FACT": fact.name, "ROW": f"{key}={number}"}
        return Held(self.database, relation, key, row, MEASURE)

    def is_referenced(self, relation: str) -> bool:
        return bool(self.database.rows(f"SELECT 1 FROM pg_constraint WHERE confrelid = '{relation}'::regclass"))

    def wrong(self) -> list[str]:
        """Where the star is another than the sources."""
        star, contract = self.star(), self.contract(self.database.dbname)
        connection: Connection = self.database.connect()
        try:
            found = differences(contract, star.__getitem__, connection)
        finally:
            connection.close()
        points = {
            int(row["hour"].replace(tzinfo=dt.UTC).timestamp()): row["temperature_2m"]
            for row in star[f"fact_{self.typist.given['FEED']}"]
        }
        first = int(dt.datetime.fromisoformat(self.typist.given["FIRST"]).replace(tzinfo=dt.UTC).timestamp())
        for slot in range(first, first + 48 * HOUR, HOUR):
            if ("LHR", slot) not in self.api.holes and points.get(slot) != self.api.value("LHR", slot, 1):
                found.append(f"{slot}: {points.get(slot)}")
        return found


def cpu_seconds(project: Path) -> float:
    """CPU seconds of all that was typed so far, and of the stack that it left up: they are the same under any load."""
    typed = resource.getrusage(resource.RUSAGE_CHILDREN)
    left = [process.cpu_times() for process in processes_below(project / "build")]
    return typed.ru_utime + typed.ru_stime + sum(sum(times[:4]) for times in left)


@dataclass
class Held:
    """A row of a fact's source that the star is to lack: it is committed when all others were extracted."""

    database: ScratchDatabase
    relation: str
    key: str
    row: str
    measure: str

    def come_late(self) -> None:
        """Commit it with its times of long before; and delete a row, and change one past every trigger."""
        relation, key = self.relation, quoted(self.key)
        self.database.run(
            "SET session_replication_role = replica",
            f"INSERT INTO {relation} SELECT ($held${self.row}$held$::{relation}).*",
            f"DELETE FROM {relation} WHERE {key} = (SELECT min({key}) FROM {relation})",
            f"UPDATE {relation} SET {quoted(self.measure)} = {quoted(self.measure)} + 1"
            f" WHERE {key} = (SELECT min({key}) FROM {relation})",
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    server = shared_server()
    dump = foreign_database(SEED, reader=server.extractor.user)
    binaries = install_wheel(tmp_path / "wheel")
    layers = tmp_path / "cache/starmend/layers"
    layers.parent.mkdir(parents=True)
    if shared_layers().is_dir():  # built once on this machine
        layers.symlink_to(shared_layers())
    api = Api(dt.datetime.now(dt.UTC), HOUR)
    with scratch_database(*dump.statements) as database, scripted_server(answering("open_meteo", api, str)) as served:
        reader = f"{server.extractor.user}:{server.extractor.password}@{server.host}:{server.direct_port}"
        answer = answer_address(served.url)
        first = dt.date.fromisoformat(answer.partition("start_date=")[2][:10])
        given = {
            "DATABASE": f"postgresql://{reader}/{database.dbname}", "ANSWER": answer, "SHOP": database.dbname,
            "FEED": "n_127_0_0_1", "FIRST": f"{first}", "AFTER": f"{first + dt.timedelta(days=2)}",
            "HOUR": f"{first}T05:00",
        }  # fmt: skip
        path = f"{binaries}:{os.environ['PATH']}"
        home = {"PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
        (empty := tmp_path / "empty").mkdir()
        typist = Typist(empty, home, given)
        try:
            yield World(database, api, typist)
        finally:
            typist.type("starmend down")


def test_what_the_page_says_makes_a_star_of_a_foreign_database_and_an_api_and_heals_its_gap(world: World) -> None:
    typist, api = world.typist, world.api
    hole = int(dt.datetime.fromisoformat(typist.given["HOUR"]).replace(tzinfo=dt.UTC).timestamp())
    began = cpu_seconds(typist.folder)
    lines = commands_of(PAGE)
    gap = next(place for place, line in enumerate(lines) if line.startswith("export ROW"))
    healing = next(place for place, line in enumerate(lines) if place > gap and line.startswith("starmend heal"))
    for place, line in enumerate(lines):
        if line.startswith("pipx "):
            continue  # the wheel is installed
        if line.startswith("starmend up"):
            api.holes.add(("LHR", hole))  # the point is dropped: it comes late
            held = world.hold_a_row_back()
        if line.startswith("export FACT"):
            assert world.wrong() == []
        if place == gap:
            held.come_late()
            assert len(world.wrong()) >= CHANGES
        if place == healing:
            api.holes.clear()
        if line == "starmend down":
            assert world.wrong() == []
            spent = cpu_seconds(typist.folder) - began
        code, said = typist.type(line)
        may_find = " ".join(line.split()[:2]) in FINDS and place < healing
        assert code in ((0, 1) if may_find else (0,)), f"{line}: {code}\n{said}"
        if line.startswith("starmend why"):
            assert said.startswith(("missing: ", "not owed: ") if place < healing else "repaired: "), f"{line}: {said}"
    assert not list((typist.folder / "build").glob("local/*")), "down left something"
    assert spent < SECONDS, f"{spent:.0f} s of CPU"
