"""One table of a PostgreSQL database: its rows as JSON lines, and its answers to the auditor."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.audit.fingerprint import MODULUS, Fingerprint
from core.audit.source_check import MOST_UNPLACED, CountBuckets, ListPairs, ListUnplaced
from core.contract.model import SourceTable
from core.landing.content import HashList
from core.landing.ingest_objects import KeyValue, Position
from core.time import parse_instant
from ingestion.engines.failures import UnprintableValue
from ingestion.engines.port import Counted, Session
from ingestion.engines.postgresql.content import can_hash, content_hash, hash_list, hashed_output
from ingestion.engines.postgresql.fingerprints import copy_columns, copy_pairs, copy_unplaced, count_buckets
from ingestion.engines.postgresql.select import Reading, copy_where, count_unplaced, in_snapshot, within
from ingestion.engines.postgresql.unprintable import Printer, possible_keys

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_ELSEWHERE = {
    "subscribed": "logical replication brings its rows, and this server does not know the transactions that wrote them",
    "materialized": "its rows come when a materialized view is refreshed, with times from before",
    "foreign": "its rows are another server's, and this one does not know the transactions that wrote them",
}
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PostgresTable:
    """A table with the statements that read it (``select``) and compare it (``fingerprints``)."""

    reading: Reading
    server: str

    @property
    def table(self) -> SourceTable:
        """The contract's table."""
        return self.reading.table

    @property
    def timezone(self) -> str:
        """Of its times that have none."""
        return self.reading.timezone

    @property
    def precision(self) -> timedelta:
        """One unit of the cursor's last digit."""
        return self.reading.precision_column.precision

    @property
    def needs_report(self) -> bool:
        """Whether there may be rows without cursor or key."""
        return self.reading.needs_report

    @property
    def written_elsewhere(self) -> str:
        """Why the server's transactions do not bound its rows' times; empty where they do."""
        return _ELSEWHERE.get(self.reading.relation.elsewhere, "")

    @property
    def hash_list(self) -> HashList:
        """The columns of the contract, and this server."""
        return hash_list(self.reading, self.server)

    def can_hash(self, columns: HashList) -> bool:
        """Whether the table still has the columns of a list."""
        return can_hash(self.reading.relation, columns)

    def hashing(self, number: int) -> PostgresTable:
        """The same table, whose lines say the hash by its list, which has this number."""
        content = hashed_output(number, self.hash_list, self.reading.relation)
        return replace(self, reading=replace(self.reading, content=content))

    def lines_between(
        self, session: Session, start: Position, until: datetime, *, seconds: float, checked_at: datetime | None = None
    ) -> Generator[list[bytes]]:
        """The rows from ``start`` on whose cursor is before ``until``, in one round trip."""
        return Printer(self.reading, session, seconds, checked_at).interval(start, until)

    def has_rows_between(self, session: Session, start: Position, until: datetime, *, seconds: float) -> bool:
        """Whether any row's cursor is in the interval; the server ends its search at the first."""
        rows = f"SELECT FROM {self.reading.source} AS stored WHERE {within(self.reading, start, until)}"
        return bool(
            session.query(in_snapshot(self.reading, f"SELECT EXISTS ({rows})", seconds=session.at_most(seconds)))[0][0]
        )

    def lines_of(
        self, session: Session, keys: Sequence[Sequence[KeyValue]], *, checked_at: datetime, seconds: float
    ) -> Generator[list[bytes]]:
        """The rows that have one of these keys."""
        return Printer(self.reading, session, seconds, checked_at).keys(keys)

    def sample(self, session: Session, rows: int, *, seconds: float) -> Generator[list[bytes]]:
        """So many rows, in no order."""
        statement = copy_where(self.reading, "true", self.reading.fields, ordered=False, at_most=rows)
        return self._copied(session, statement, seconds)

    def count_rows(self, session: Session, *, seconds: float) -> int:
        """The number of rows that the table has now."""
        statement = in_snapshot(
            self.reading, f"SELECT count(*) FROM {self.reading.source}", seconds=session.at_most(seconds)
        )
        return int(session.query(statement)[0][0])

    def count_unplaced(self, session: Session, until: datetime, *, seconds: float) -> int:
        """The number of rows, ten thousand at most, that no interval before this instant holds."""
        statement = in_snapshot(
            self.reading, count_unplaced(self.reading, until, at_most=MOST_UNPLACED), seconds=session.at_most(seconds)
        )
        return int(session.query(statement)[0][0])

    def fingerprints(
        self, session: Session, question: CountBuckets, *, seconds: float, lists: Sequence[HashList] = ()
    ) -> Counted:
        """The fingerprints of all spans and the number of rows that no interval will hold, by one scan."""
        beyond = parse_instant(question.beyond) if question.beyond else None
        if not question.spans:
            return Counted((), self.count_unplaced(session, beyond, seconds=seconds) if beyond else 0)
        until = parse_instant(question.until)
        statement, span_of = count_buckets(
            self.reading,
            question.spans,
            column=question.column,
            until=until,
            buckets=question.buckets,
            hashes=[content_hash(columns, self.reading.relation) for columns in lists],
            beyond=beyond,
        )
        unplaced = 0
        answers: list[dict[int, Fingerprint]] = [{} for _ in question.spans]
        for stretch, bucket, rows, newest, total, *content in session.query(
            in_snapshot(self.reading, statement, seconds=session.at_most(seconds))
        ):
            if bucket is None:
                unplaced += rows
                continue
            span = span_of[stretch - 1]
            if span is not None:
                sums = tuple(int(part or 0) % MODULUS for part in content)
                answers[span][bucket] = Fingerprint(rows, (newest - _EPOCH) // _MICROSECOND, int(total) % MODULUS, sums)
        return Counted(tuple(answers), min(unplaced, MOST_UNPLACED))

    def pairs(
        self, session: Session, question: ListPairs, *, seconds: float, lists: Sequence[HashList] = ()
    ) -> Generator[list[bytes]]:
        """Key and version of the rows of the wanted buckets, and the hash of their content under each list."""
        statement = copy_pairs(
            self.reading,
            question.span,
            column=question.column,
            buckets=question.buckets,
            wanted=question.wanted,
            hashes=[content_hash(columns, self.reading.relation) for columns in lists],
        )
        return self._copied(session, statement, seconds)

    def unplaced(
        self, session: Session, question: ListUnplaced, *, seconds: float, lists: Sequence[HashList] = ()
    ) -> Generator[list[bytes]]:
        """Key, place and hashes of the rows without a place in time, ten thousand at most."""
        hashes = [content_hash(columns, self.reading.relation) for columns in lists]
        beyond = parse_instant(question.beyond)
        statement = copy_unplaced(self.reading, beyond, column=question.column, hashes=hashes, at_most=MOST_UNPLACED)
        return self._copied(session, statement, seconds)

    def columns_of(
        self, session: Session, keys: Sequence[Sequence[KeyValue]], columns: Sequence[str], *, seconds: float
    ) -> Generator[list[bytes]]:
        """Key and columns of the rows that have one of these keys."""
        try:
            batches = [*self._copied(session, copy_columns(self.reading, keys, columns), seconds)]
        except UnprintableValue:
            known = possible_keys(self.reading, session, keys, seconds=seconds)
            if len(known) == len(keys):
                raise
            batches = [*self._copied(session, copy_columns(self.reading, known, columns), seconds)] if known else []
        yield from batches

    def _copied(self, session: Session, statement: str, seconds: float) -> Generator[list[bytes]]:
        return session.copy(in_snapshot(self.reading, statement, seconds=session.at_most(seconds)))
