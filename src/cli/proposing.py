"""Contracts proposed for ``starmend init``: from a database that an address names, or from an answer of an API."""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from cli.output import say, steps
from core.errors import InvalidData, Misuse, StarmendError

if TYPE_CHECKING:
    from core.sources.catalog import CatalogTable
    from core.sources.samples import TableSample
    from ingestion.engines.port import Connector, Engine

ENGINES = {"postgresql": "postgresql", "postgres": "postgresql"}  # of an address's scheme
_SECRET = "the address"  # what errors call it
_SSL = ("sslmode", "sslrootcert")
_EXAMPLE = "postgresql://reader@db.example.org:5432/shop?sslrootcert=bundle.pem"


@dataclass(frozen=True)
class DatabaseAddress:
    """A database's engine, its name, and a login as a secret has it."""

    engine: str
    database: str
    secret: str = field(repr=False)

    def read(self, name: str, *, refresh: bool = False) -> str:  # noqa: ARG002 - a store of one secret
        return self.secret


def read_address(text: str) -> DatabaseAddress:
    """An address such as ``postgresql://user:password@host:5432/name?sslmode=verify-full&sslrootcert=FILE``.

    A password that it does not hold comes from ``PGPASSWORD`` or is asked for. A server on this machine is spoken to
    in plain text where there is no ``sslmode``, as ``up --database`` does. Raises ``Misuse``, which hides the password.
    """
    from ingestion.engines.urls import authorities_of, sslmode_of

    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _no_address("cannot be read as an address") from None
    if parts.scheme not in ENGINES:
        raise _no_address(f"{parts.scheme or 'nothing'}:// names no kind of database that this release knows")
    if not (parts.hostname and parts.username and parts.path.strip("/")):
        raise _no_address("names no host, no user or no database")
    settings = dict(parse_qsl(parts.query))
    login = {
        "host": parts.hostname,
        "dbname": unquote(parts.path.strip("/")),
        "username": unquote(parts.username),
        "password": unquote(parts.password or "") or _password(),
        **({"port": str(port)} if port else {}),
        "sslmode": sslmode_of(parts.hostname, settings),
    }
    if authorities := authorities_of(settings):
        login["sslrootcert"] = _text_of(Path(authorities))
    address = DatabaseAddress(ENGINES[parts.scheme], login["dbname"], json.dumps(login))
    _refuse_bad_login(address)
    return address


def _refuse_bad_login(address: DatabaseAddress) -> None:
    from ingestion.engines.build import engine_named

    try:
        engine_named(address.engine).login(address.secret, secret=_SECRET).tls()
    except InvalidData as error:
        raise Misuse("read the address", "--from", error.problem, f"Write it like {_EXAMPLE}") from error


def propose_database(address: DatabaseAddress, *, now: dt.datetime) -> dict[str, str]:
    """The contract of a database, by its file's name. What cannot be sampled is proposed from the catalog alone."""
    from core.proposing.database import propose
    from core.proposing.naming import plain_name
    from ingestion.engines.build import engine_named
    from ingestion.engines.port import Timeouts

    engine = engine_named(address.engine)
    connector = engine.connector(
        address, _SECRET, application="starmend-init", timeouts=Timeouts(connect=10, statement=60)
    )
    with steps() as progress, progress.step(f"reading the catalog of {address.database}"):
        session = connector.open()
        server, tables = engine.server(session), engine.listed(session)
        session.close()
    with steps() as progress, progress.step("looking at some rows of each table", total=len(tables)):
        samples = _samples(engine, connector, tables)
    dataset = plain_name(address.database)[:40]
    text = propose(dataset, address.engine, server, tables, samples, today=now.date())
    return {f"{dataset}.yaml": text}


def _samples(engine: Engine, connector: Connector, tables: Sequence[CatalogTable]) -> Mapping[str, TableSample]:
    session, samples = connector.open(), {}
    for table in tables:
        if not table.readable or table.kind not in ("table", "partitioned"):
            continue
        try:
            session = connector.open() if session.closed else session
            samples[table.relation] = engine.sampled(session, table)
        except StarmendError as error:
            say(f"  {table.relation} could not be looked at, and is proposed from the catalog alone: {error}")
    session.close()
    return samples


def _password() -> str:
    if password := os.environ.get("PGPASSWORD"):
        return password
    if not sys.stdin.isatty():
        raise Misuse("read the address", _EXAMPLE, "no password is given", "Set PGPASSWORD, or put it into the address")
    return getpass.getpass("Password: ")


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse("read the address", str(file), str(error), "Name a readable PEM file as sslrootcert") from error


def _no_address(problem: str) -> Misuse:
    return Misuse("read the address", "--from", problem, f"Write it like {_EXAMPLE}")
