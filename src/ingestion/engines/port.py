"""The port behind which an engine of databases stands: what extraction and audit need of a source, and no more.

An engine is one folder beside this module and one line in ``build``; ``tests/contract/test_engine.py`` is its suite.
Whatever a method asks of the server may raise ``OutOfReach`` (or a child from ``ingestion.engines.failures``): then the
session is closed, and another has to be opened.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from core.audit.fingerprint import Fingerprint
from core.audit.source_check import CountBuckets, ListPairs, ListUnplaced
from core.contract.model import SourceTable
from core.landing.content import HashList
from core.landing.ingest_objects import KeyValue, Position
from core.ports import SecretStore
from core.sources.catalog import CatalogColumn, CatalogTable, ServerFacts
from core.sources.samples import TableSample
from ingestion.engines.login import Login

# ---------------------------------------------------------------- sessions


@dataclass(frozen=True)
class Timeouts:
    """Seconds. ``connect`` is for TCP, TLS and authentication together; a statement may say less for itself."""

    connect: float = 10.0
    statement: float = 840.0


class Session(Protocol):
    """One connection with a server, read only. Statements are the engine's own: nobody else writes any."""

    place: str

    @property
    def closed(self) -> bool:
        """Whether it was closed here, by ``close`` or a failure."""
        ...

    def query(self, statement: str) -> list[list[Any]]:
        """The rows of a statement."""
        ...

    def copy(self, statement: str) -> Generator[list[bytes]]:
        """The rows of a statement as text, streamed: lists of whole lines, each with its newline."""
        ...

    def allow(self, seconds: float) -> None:
        """So many seconds from now on for all statements together: what asks has no more time."""
        ...

    def at_most(self, seconds: float) -> float:
        """So many seconds, or what is left of those allowed."""
        ...

    def primary(self) -> Session | None:
        """A session with the server that this one is a replica of; None where the secret names none."""
        ...

    def close(self) -> None:
        """End the session; closing twice is harmless."""
        ...


class Connector(Protocol):
    """Opens sessions with the database that a secret names."""

    def open(self) -> Session:
        """A new session. Raises ``InvalidData`` where the secret is wrong, past every cache."""
        ...

    def still_names(self, session: Any) -> bool:
        """Whether the secret, read past every cache, leads to the server of a session that ``open`` made.

        Where the secret cannot be read now, what was read last counts. Raises ``InvalidData`` where it is wrong.
        """
        ...


# ---------------------------------------------------------------- the horizon


@dataclass(frozen=True, slots=True)
class Holder:
    """The transaction or session that holds the horizon back the most.

    ``since`` is its start; of a prepared transaction, when it was prepared; of a session that hides its transactions,
    when it connected.
    """

    kind: str
    pid: int
    user: str
    application: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Bound:
    """The upper bound of the horizon, without the margin. ``at`` None: it must not move, ``reason`` says why.

    It holds for the session that it was read by. ``lags``: the server is a replica that does not show what its primary
    has, so that no older horizon may be read up to either.
    """

    now: datetime
    at: datetime | None
    reason: str = ""
    holder: Holder | None = None
    lags: bool = False

    @property
    def held_seconds(self) -> float:
        """Seconds for which the holder has held the horizon back."""
        return max(0.0, (self.now - self.holder.since).total_seconds()) if self.holder else 0.0


# ---------------------------------------------------------------- tables


class RowReader(Protocol):
    """Reads rows of one table as JSON lines of the contract's fields, each answer from one snapshot.

    ``precision`` is one unit of the cursor's last digit. ``needs_report``: there may be rows that no interval holds.
    ``written_elsewhere`` says
    why this server's transactions do not bound the times of its rows; empty where they do.
    """

    @property
    def table(self) -> SourceTable: ...
    @property
    def timezone(self) -> str: ...
    @property
    def precision(self) -> timedelta: ...
    @property
    def needs_report(self) -> bool: ...
    @property
    def written_elsewhere(self) -> str: ...
    @property
    def hash_list(self) -> HashList:
        """The columns that this server would hash of a row, and how."""
        ...

    def lines_between(
        self, session: Session, start: Position, until: datetime, *, seconds: float, checked_at: datetime | None = None
    ) -> Generator[list[bytes]]:
        """The rows from ``start`` on whose cursor is before ``until``, in order of (cursor, key), as they come."""
        ...

    def lines_of(
        self, session: Session, keys: Sequence[Sequence[KeyValue]], *, checked_at: datetime, seconds: float
    ) -> Generator[list[bytes]]:
        """The rows that have one of these keys, as they are now. At least one key."""
        ...

    def has_rows_between(self, session: Session, start: Position, until: datetime, *, seconds: float) -> bool:
        """Whether ``lines_between`` would have any row."""
        ...

    def sample(self, session: Session, rows: int, *, seconds: float) -> Generator[list[bytes]]:
        """So many rows, whichever the server has at hand first. Raises ``UnprintableValue`` where one cannot be."""
        ...

    def count_rows(self, session: Session, *, seconds: float) -> int:
        """The number of rows that the table has now."""
        ...

    def count_unplaced(self, session: Session, until: datetime, *, seconds: float) -> int:
        """The number of rows, up to a bound of the engine's, that no interval will hold soon."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """The fingerprint of each bucket that has rows, by span, and how many rows no interval will hold.

    The latter up to a bound of the engine's, and 0 where the question does not ask for them.
    """

    spans: tuple[Mapping[int, Fingerprint], ...]
    unplaced: int = 0


class RowComparison(Protocol):
    """Answers the auditor's questions about one table, each from one snapshot.

    ``lists`` are those of which the table has the columns (``can_hash``).
    """

    def can_hash(self, columns: HashList) -> bool:
        """Whether the hash under a list can be computed of the rows as the table is now."""
        ...

    def fingerprints(
        self, session: Session, question: CountBuckets, *, seconds: float, lists: Sequence[HashList] = ()
    ) -> Counted:
        """What the question counts; the hashes are those of ``core.audit.fingerprint``."""
        ...

    def pairs(
        self, session: Session, question: ListPairs, *, seconds: float, lists: Sequence[HashList] = ()
    ) -> Generator[list[bytes]]:
        """Key, version and hashes of the rows, as CSV in the form of ``core.audit.source_check.pairs_schema``."""
        ...

    def unplaced(
        self, session: Session, question: ListUnplaced, *, seconds: float, lists: Sequence[HashList] = ()
    ) -> Generator[list[bytes]]:
        """The rows without a place in time, as CSV in the form of ``core.audit.source_check.unplaced_schema``."""
        ...

    def columns_of(
        self, session: Session, keys: Sequence[Sequence[KeyValue]], columns: Sequence[str], *, seconds: float
    ) -> Generator[list[bytes]]:
        """Key and columns of the rows that have one of these keys, as CSV."""
        ...


class TableReading(RowReader, RowComparison, Protocol):
    """A table of the contract as the server has it: what is read of it, and what it is compared by."""

    def hashing(self, number: int) -> TableReading:
        """The same table, whose lines say the hash of their content by ``hash_list``, which has this number."""
        ...


class Catalog(Protocol):
    """What the server has of the contract's tables, and what our role may do there."""

    @property
    def role_may_write(self) -> bool:
        """Whether another session of our own role could hold a transaction that writes."""
        ...

    def reading(self, table: SourceTable, *, timezone: str) -> TableReading:
        """How the table is read. Raises ``UnknownTable``, ``MissingColumns`` or ``InvalidData`` naming it."""
        ...

    def columns(self, table: SourceTable) -> Sequence[CatalogColumn]:
        """All columns that the server has of the table, promised or not; none where it lacks the table."""
        ...


# ---------------------------------------------------------------- engines


class Engine(Protocol):
    """A kind of database."""

    def connector(
        self, secrets: SecretStore, secret: str, *, application: str = "", timeouts: Timeouts | None = None
    ) -> Connector:
        """Opens sessions that show ``application`` as their name to the server's administrator."""
        ...

    def login(self, text: str, *, secret: str) -> Login:
        """The login of a secret's JSON. Raises ``InvalidData`` naming the field that is wrong, never its value."""
        ...

    def catalog(self, session: Session, tables: Sequence[SourceTable]) -> Catalog:
        """The catalog of these tables, in one round trip; a table that the server lacks is missing from it."""
        ...

    def server(self, session: Session) -> ServerFacts:
        """The server, and what our role sees there."""
        ...

    def described(self, session: Session, tables: Sequence[SourceTable]) -> Mapping[str, CatalogTable]:
        """The tables by the contract's name, with keys, indexes, triggers, sizes; one that is not there is missing."""
        ...

    def listed(self, session: Session) -> Sequence[CatalogTable]:
        """Every table and view of the database that our role may look for, but the server's own."""
        ...

    def sampled(self, session: Session, table: CatalogTable) -> TableSample:
        """Counts over some rows of a table that our role may read, in bounded time: what a contract is guessed from."""
        ...

    def bound(self, session: Session, *, own_role_may_write: bool, lookback: int = 0) -> Bound:
        """The bound of the safe horizon, outside a transaction and before any snapshot of rows begins."""
        ...

    def catch_up(self, session: Session) -> None:
        """Wait until a replica shows what its primary has committed by now; nothing where the secret names no primary.

        Raises ``TransientFailure`` where that takes too long, or the replica follows another server by now.
        """
        ...

    def clock_changes(self, session: Session, timezone: str, hours: Sequence[datetime]) -> dict[datetime, timedelta]:
        """The offsets of a zone's wall clock by the server's own time zone data, as ``core.zones.clock_changes``.

        ``hours`` are the first of the wall clock's hours and the one behind the last. Raises ``PipelineBug``
        where the server knows no such zone.
        """
        ...
