"""PostgreSQL on loopback, as the sales source: start it, attach to it, stop it."""

from __future__ import annotations

import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from pg8000.dbapi import Connection
from pg8000.dbapi import connect as connect_to

from local.child import Child
from local.database.supervisor import EXTRACTOR, OWNER, Files


@dataclass(frozen=True)
class Role:
    """A database role with its password."""

    user: str
    password: str


class Database:
    """A running server. ``port`` speaks TLS and plain, ``direct_port`` is the server itself and knows no TLS.

    ``user`` and ``password`` are the owner's (a superuser: it may change everything and switch off foreign keys);
    ``extractor`` may read the source tables and see other sessions' transactions, nothing else.
    """

    def __init__(self, child: Child) -> None:
        self._child = child
        facts = child.facts
        self.host: str = facts["host"]
        self.port: int = facts["port"]
        self.direct_port: int = facts["direct_port"]
        self.dbname: str = facts["dbname"]
        self.certificate = Path(facts["certificate"])
        self.owner = Role(OWNER, facts["passwords"][OWNER])
        self.extractor = Role(EXTRACTOR, facts["passwords"][EXTRACTOR])

    @classmethod
    def start(cls, state_dir: Path, *, port: int = 0, detached: bool = False, binaries: Path | None = None) -> Database:
        """Start a server with its data below ``state_dir``; data that lie there from before are kept.

        It ends with the process that started it, unless ``detached``. ``binaries`` is the folder of another
        installation's programs than the project's own. Raises :class:`core.errors.OutOfReach`, with
        the reason from the server's log, when it does not come up.
        """
        arguments = ["--port", str(port), *(["--binaries", str(binaries)] if binaries else [])]
        child = Child.start("local.database.supervisor", arguments, state=_state_file(state_dir), detached=detached)
        database = cls(child)
        try:
            database._ensure_roles()
        except BaseException:
            database.stop()
            raise
        return database

    @classmethod
    def attach(cls, state_dir: Path) -> Database:
        """The server that another process started there; :class:`core.errors.OutOfReach` when none runs."""
        return cls(Child.attach(_state_file(state_dir)))

    @property
    def user(self) -> str:
        return self.owner.user

    @property
    def password(self) -> str:
        return self.owner.password

    @property
    def dsn(self) -> str:
        """Connection URI of the owner; :meth:`dsn_of` for others. Holds the password: not for logs."""
        return self.dsn_of(self.owner)

    def dsn_of(self, role: Role) -> str:
        return f"postgresql://{role.user}:{quote(role.password)}@{self.host}:{self.port}/{self.dbname}?sslmode=require"

    def connect(self, role: Role | None = None, *, tls: bool = True, dbname: str | None = None) -> Connection:
        """A session of the owner, or of ``role``, which trusts this server's certificate and no other."""
        role = role or self.owner
        return connect_to(
            user=role.user,
            password=role.password,
            host=self.host,
            port=self.port if tls else self.direct_port,
            database=dbname or self.dbname,
            ssl_context=ssl.create_default_context(cafile=str(self.certificate)) if tls else False,
            timeout=60,
        )

    def copy(self, name: str, *, template: str = "template1") -> None:
        """Make another database in this server, equal to ``template``, to which nobody may be connected. 30 ms."""
        self._outside_transaction(f'create database "{name}" template "{template}"')

    def make(self, name: str, *, encoding: str) -> None:
        """Make an empty database of another encoding in this server, ordered by bytes."""
        options = f"encoding '{encoding}' locale_provider libc locale 'C' template template0"
        self._outside_transaction(f'create database "{name}" {options}')

    def drop(self, name: str) -> None:
        """Remove a database and end the sessions in it."""
        self._outside_transaction(f'drop database if exists "{name}" with (force)')

    def stop(self, *, keep_data: bool = False) -> None:
        """End the server and every session, and remove what it left below ``state_dir`` (``keep_data``: nothing)."""
        self._child.stop()
        if not keep_data:
            files = Files.below(self._child.state.parent)
            shutil.rmtree(files.data, ignore_errors=True)
            for file in (files.credentials, files.certificate, files.key, files.log):
                file.unlink(missing_ok=True)

    def _ensure_roles(self) -> None:
        connection = self.connect(dbname="postgres", tls=False)
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("select 1 from pg_database where datname = %s", (self.dbname,))
        if cursor.fetchone() is None:
            # Neither statement takes parameters; the names are ours and the password is of URL-safe characters.
            cursor.execute(f"create role {EXTRACTOR} login password '{self.extractor.password}'")
            cursor.execute(f"grant pg_read_all_stats to {EXTRACTOR}")
            cursor.execute(f"create database {self.dbname}")
        connection.close()

    def _outside_transaction(self, statement: str) -> None:
        connection = self.connect(dbname="postgres", tls=False)
        connection.autocommit = True
        connection.cursor().execute(statement)
        connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _state_file(state_dir: Path) -> Path:
    return state_dir / "database.json"
