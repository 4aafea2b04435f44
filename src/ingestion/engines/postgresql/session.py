"""Sessions with a PostgreSQL server, and the connector that opens them."""

from __future__ import annotations

import math
import re
import socket
import struct
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any

from pg8000.core import Context, CoreConnection
from pg8000.exceptions import Error

from core.errors import OutOfReach, PipelineBug, TransientFailure
from core.ports import SecretStore
from ingestion.engines.failures import UnprintableValue
from ingestion.engines.login import Login, parse_login
from ingestion.engines.port import Timeouts
from ingestion.engines.postgresql.failures import reaching

APPLICATION = "starmend-extract"
READ_BYTES = 256 * 1024
_COPY_DATA, _COPY_OUT, _COPY_DONE, _READY, _NEWLINE = b"dHcZ\n"
_HEADER = struct.Struct("!BI")  # a message's type and length; the length counts itself, not the type

# Whatever a role, a database or a server sets, is pinned where it could change what we read: for the transaction of
# each message alone, and by what every pool of connections knows when one is opened. A `SET` would be lost behind a
# pool that shares its servers by transaction (PgBouncer's "SQL feature map for pooling modes"), and left to its others.
_OPENED_WITH = {"client_encoding": "UTF8", "DateStyle": "ISO, YMD"}
# row_security off: a policy that would hide rows from our role is an error, not a smaller table. What a role's own
# time-outs would end, every pass, our own ends where it has to. The zone is not given at the opening: it would be the
# session's default, and that of the server, by which it fills times (``catalog``), would be shown nowhere.
_PINNED = {
    "TimeZone": "'UTC'",
    "IntervalStyle": "'iso_8601'",
    "bytea_output": "'hex'",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    "row_security": "off",
    "lock_timeout": "0",
    "transaction_read_only": "on",
}
_PINNED_SINCE_17 = {"transaction_timeout": "0"}

# A server that is gone without a word (a fail-over that drops packets) is given up after half a minute, whatever a
# statement may take: RFC 1122's keep-alives are off unless asked for, and a packet is sent again for a quarter of an
# hour. Both are as Linux names them.
_UNHEARD = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
_GRACE = 3.0  # seconds that the socket waits beyond what the server was told


class PostgresSession:
    """One connection, in UTC, read only. Any failure closes it, for what the server sends next is unknown.

    Each message is a transaction of its own, which pins what the server's settings could change of it, and how long it
    may take: as long as the connector says, and no longer than ``allow`` does.
    """

    def __init__(
        self,
        connection: CoreConnection,
        login: Login,
        *,
        timeouts: Timeouts,
        primary: Callable[[], PostgresSession] | None = None,
    ) -> None:
        self._connection: CoreConnection | None = connection
        self.place = login.place
        self._login = login
        self._open_primary = primary
        self._primary: PostgresSession | None = None
        self._longest = timeouts.statement
        self._until = math.inf
        version = re.match(r"\d+", connection.parameter_statuses.get("server_version", ""))
        newer = _PINNED_SINCE_17 if version and int(version[0]) >= 17 else {}
        pinned = (_PINNED | newer).items()
        self._pinned = "".join(f"SET LOCAL {name} = {value}; " for name, value in pinned)

    def primary(self) -> PostgresSession | None:
        """A session with the server that this one is a replica of, kept open; None where the secret names none."""
        if self._open_primary is not None and (self._primary is None or self._primary.closed):
            self._primary = self._open_primary()
        if self._primary is not None:
            self._primary._until = self._until
        return self._primary

    def allow(self, seconds: float) -> None:
        """So many seconds from now on for all statements together, those of the primary's session among them."""
        self._until = time.monotonic() + seconds

    def at_most(self, seconds: float) -> float:
        """So many seconds, or what is left of those allowed; a tenth at least."""
        return max(0.1, min(seconds, self._until - time.monotonic()))

    @property
    def closed(self) -> bool:
        """Whether it was closed here, by ``close`` or a failure."""
        return self._connection is None

    def leads_to(self, login: Login) -> bool:
        """Whether it was opened by this login, and goes to a server that the host's name leads to now.

        So is the primary's, if that was asked: where it goes elsewhere, all is opened anew.
        """
        if self._connection is None or login != self._login or not _is_at(self._connection, login):
            return False
        leader = login.of_primary
        return leader is None or self._primary is None or self._primary.closed or self._primary.leads_to(leader)

    def query(self, statement: str) -> list[list[Any]]:
        """The rows of one statement, or of several, in one round trip."""
        connection = self._open()
        try:
            with reaching("query", self.place):
                return _answered(connection, self._whole(statement), self._waiting)
        except BaseException:
            self.close()
            raise

    def copy(self, statement: str) -> Generator[list[bytes]]:
        """The lines of a ``COPY ... TO STDOUT``, as they come: lists of whole lines, each with its newline.

        One round trip, whatever stands before and after the COPY in ``statement``. Memory: one read of the socket, or
        one line where that is longer. An iterator that is left before its end closes the session. A lost connection
        raises ``OutOfReach`` after the lines that came whole. A row that cannot be printed raises
        ``UnprintableValue``, and the session stays open.
        """
        connection = self._open()
        finished = False
        try:
            with reaching("copy", self.place):
                yield from _copied(connection, self._whole(statement), self._waiting)
            finished = True
        except UnprintableValue:  # of one row: the server is ready again, and the caller goes on without the row
            with reaching("copy", self.place):
                connection.execute_simple("ROLLBACK")
            finished = True
            raise
        finally:
            if not finished:
                self.close()

    def close(self) -> None:
        """End the session; closing twice is harmless."""
        if self._primary is not None:
            self._primary.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is closed, whatever the server answers
                connection.close()

    def _whole(self, statement: str) -> str:
        """The message, which begins with settings of its transaction.

        It is one of its own: a BEGIN behind them goes on with it (the protocol's "Multiple Statements in a Simple
        Query"), and may still say its isolation, for none of them takes a snapshot.
        """
        milliseconds = int(self.at_most(self._longest) * 1000)
        return f"{self._pinned}SET LOCAL statement_timeout = {milliseconds:d}; {statement}"

    def _waiting(self) -> float:
        """Seconds that the socket waits for what comes next: the server ends what takes too long by itself."""
        return self.at_most(self._longest) + _GRACE

    def _open(self) -> CoreConnection:
        if self._connection is None:
            raise OutOfReach("query", self.place, "the session is closed", "Open another")
        return self._connection


def _answered(connection: CoreConnection, statement: str, waiting: Callable[[], float]) -> list[list[Any]]:
    context = _sent(connection, statement, waiting)
    try:
        connection.handle_messages(context)
    except (OSError, Error, struct.error):
        if context.error is not None:  # the reason why the server then closed the connection
            raise context.error from None
        raise
    return list(context.rows or [])


def _sent(connection: CoreConnection, statement: str, waiting: Callable[[], float]) -> Context:
    context = Context(statement)
    connection._usock.settimeout(waiting())
    connection.send_QUERY(statement)
    connection._sock.flush()
    return context


def _copied(connection: CoreConnection, statement: str, waiting: Callable[[], float]) -> Generator[list[bytes]]:
    context = _sent(connection, statement, waiting)
    stream, unpack = connection._sock, _HEADER.unpack_from
    data, ready = b"", False
    while not ready:
        connection._usock.settimeout(waiting())
        try:
            data = _read_on(stream, data)
        except OSError:
            if context.error is not None:  # the reason why the server then closed the connection
                raise context.error from None
            raise
        lines: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= _HEADER.size:
            kind, length = unpack(data, at)
            stop = at + 1 + length
            if stop > end:
                break
            if kind == _COPY_DATA:
                if data[stop - 1] != _NEWLINE:
                    raise PipelineBug("copy", statement[:200], "the server splits rows", "Report the server's version")
                lines.append(data[at + 5 : stop])
            elif kind not in (_COPY_OUT, _COPY_DONE):
                connection.message_types[data[at : at + 1]](data[at + 5 : stop], context)
                ready = kind == _READY
            at = stop
        data = data[at:]
        if lines:
            yield lines
    if context.error is not None:
        raise context.error


def _read_on(stream: Any, data: bytes) -> bytes:
    """``data`` and what the server sent next; a message longer than one read is awaited whole."""
    missing = 0
    if len(data) >= _HEADER.size:
        missing = 1 + _HEADER.unpack_from(data)[1] - len(data)
    more = stream.read(missing) if missing > READ_BYTES else stream.read1(READ_BYTES)
    if not more:
        raise ConnectionResetError("the server closed the connection")
    return data + more if data else bytes(more)


# ---------------------------------------------------------------- opening


class PostgresConnector:
    """Opens sessions with the database that a secret names."""

    def __init__(
        self, secrets: SecretStore, secret: str, *, application: str = APPLICATION, timeouts: Timeouts | None = None
    ) -> None:
        self._secrets = secrets
        self._secret = secret
        self._application = application
        self._timeouts = timeouts or Timeouts()

    def open(self) -> PostgresSession:
        """A new session, by the secret as it is now: the password may have been rotated, the server may have moved.

        Raises ``OutOfReach`` where the database cannot be reached, ``AuthenticationFailed`` where it refuses the
        password, ``InvalidData`` where the secret is wrong.
        """
        return connect(self._login(), application=self._application, timeouts=self._timeouts)

    def still_names(self, session: PostgresSession) -> bool:
        """Whether the secret as it is now leads to this session's server, by the login that it was opened with."""
        return session.leads_to(self._login())

    def _login(self) -> Login:
        try:
            text = self._secrets.read(self._secret, refresh=True)
        except TransientFailure:  # what was read last is better than nothing; without any this raises again
            text = self._secrets.read(self._secret)
        return parse_login(text, secret=self._secret)


def _is_at(connection: CoreConnection, login: Login) -> bool:
    """Whether a connection goes to an address of this host; it does where nobody can tell."""
    try:
        addresses = {address[0] for *_, address in socket.getaddrinfo(login.host, login.port, type=socket.SOCK_STREAM)}
        return connection._usock.getpeername()[0] in addresses
    except OSError:
        return True


def connect(login: Login, *, application: str, timeouts: Timeouts) -> PostgresSession:
    """A session as ``login`` says; encrypted unless it says ``disable``."""
    context = login.tls()
    with reaching("connect", login.place):
        tcp = socket.create_connection((login.host, login.port), timeouts.connect)
        try:
            _listen_for_life(tcp)
            connection = CoreConnection(
                user=login.username,
                password=login.password,
                host=login.host,
                database=login.dbname,
                ssl_context=context or False,
                application_name=application,
                startup_params=_OPENED_WITH,
                sock=tcp,
            )
        except BaseException:
            tcp.close()
            raise
    leader = login.of_primary
    primary = partial(connect, leader, application=application, timeouts=timeouts) if leader else None
    session = PostgresSession(connection, login, timeouts=timeouts, primary=primary)
    if connection.parameter_statuses.get("client_encoding") != "UTF8":
        session.close()
        raise PipelineBug("connect", login.place, "the server does not send UTF-8")
    return session


def _listen_for_life(tcp: socket.socket) -> None:
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _UNHEARD.items():
        if hasattr(socket, name):
            tcp.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
