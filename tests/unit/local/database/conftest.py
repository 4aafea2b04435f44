from __future__ import annotations

from collections.abc import Iterator

import pytest
from pg8000.dbapi import Connection
from tests.support.sources import Source, shared_server, source

from local.database import Database
from local.database.changes import Changes


@pytest.fixture
def server() -> Database:
    return shared_server()


@pytest.fixture
def sales() -> Iterator[Source]:
    with source() as fresh:
        yield fresh


@pytest.fixture
def connection(sales: Source) -> Iterator[Connection]:
    session = sales.owner()
    yield session
    session.close()


@pytest.fixture
def changes(sales: Source) -> Iterator[Changes]:
    application = Changes(sales.owner, seed=7)
    yield application
    application.close()
