"""A PostgreSQL server for the whole test run, and small sales sources in it, one for each test that changes it."""

from __future__ import annotations

import atexit
import datetime as dt
import functools
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pg8000.dbapi import Connection

from local.database import Database, Role, generator

# Content ends here: everything that a test changes later, by the server's clock, is newer.
FILLED_AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Source:
    """One database of the shared server."""

    server: Database
    dbname: str

    def connect(self, role: Role | None = None, *, tls: bool = True) -> Connection:
        return self.server.connect(role, tls=tls, dbname=self.dbname)

    def owner(self) -> Connection:
        return self.connect(tls=False)

    def extractor(self) -> Connection:
        return self.connect(self.server.extractor)


@functools.cache
def shared_server() -> Database:
    """Started at the first call, stopped and removed when the test run ends."""
    return _started(None)


def _started(binaries: Path | None) -> Database:
    folder = Path(tempfile.mkdtemp(prefix="starmend-postgres-"))
    server = Database.start(folder, binaries=binaries)

    def end() -> None:
        server.stop()
        shutil.rmtree(folder)

    atexit.register(end)
    return server


def distribution_binaries() -> Path | None:
    """The programs of the newest PostgreSQL that the system has, with whatever extensions; None where it has none."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]  # as Debian has them
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


@functools.cache
def distribution_server() -> Database:
    """A server of the system's own PostgreSQL, as :func:`shared_server`; skips the test where there is none."""
    binaries = distribution_binaries()
    if binaries is None:
        pytest.skip("the system has no PostgreSQL of its own, whose extensions could be tried")
    return _started(binaries)


@functools.cache
def template(sales_orders: int, seed: int) -> str:
    """The name of a filled database that :func:`source` copies; nobody connects to it."""
    server = shared_server()
    name = f"template_{sales_orders}_{seed}"
    server.copy(name)
    connection = server.connect(dbname=name)
    generator.fill(connection, now=FILLED_AT, sales_orders=sales_orders, seed=seed)
    connection.close()
    return name


@contextmanager
def source(*, sales_orders: int = 200, seed: int = 0) -> Iterator[Source]:
    """A source of its own, filled up to ``FILLED_AT``; dropped afterwards with every session in it. About 50 ms."""
    server = shared_server()
    name = f"source_{next(_numbers)}"
    server.copy(name, template=template(sales_orders, seed))
    try:
        yield Source(server, name)
    finally:
        server.drop(name)
