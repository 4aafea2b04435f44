"""The horizon of a replica: its primary's, once the replica has replayed past it.

A replica does not know the primary's open transactions. So the bound is read from the primary, and then the end of its
log; once the replica has replayed up to there it shows every row that the bound promises. Ends of logs compare only
along one timeline: a server that was promoted goes on along another, and so does whatever follows it. Each look at the
replica therefore asks whether it still follows, and the primary's own timeline.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from core.errors import TransientFailure
from ingestion.engines.port import Session

PATIENCE, PAUSE = 20.0, 0.05  # seconds to wait for the replica, and between two looks
_HEADER = 40  # bytes of the longest page header: right behind one begins no record
_PROMOTED = "Name the server that leads now, or a replica of it and its primary: starmend secret set"

_END_OF_LOG = """
SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, current_setting('wal_block_size')::int,
       extract(epoch FROM current_setting('wal_writer_delay')::interval)::float8,
       ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int,
       (SELECT system_identifier FROM pg_control_system())
"""
_FLUSHED = "SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn"
_REPLAYED = """
SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() - '0/0'::pg_lsn,
       (SELECT max(received_tli) FROM pg_stat_wal_receiver),
       (SELECT system_identifier FROM pg_control_system())
"""
_IDENTITY = """
SELECT pg_is_in_recovery(), pg_postmaster_start_time(), (SELECT system_identifier FROM pg_control_system())
"""


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of a primary's log: a position on a timeline of one cluster."""

    position: int
    timeline: int
    cluster: int


def end_of_log(primary: Session) -> LogEnd:
    """Where the log ends now; every transaction that is visible there has its commit before it.

    A replica is sent what is flushed. A commit is, before anybody sees it, or where it does not wait for that
    (``synchronous_commit`` off) within three delays of the log's writer, as PostgreSQL's documents promise. What is not
    flushed by then is of transactions that are open, and may stay where it is until another one commits.
    """
    ((position, page, delay, timeline, cluster),) = primary.query(_END_OF_LOG)
    within = int(position) % page
    end = int(position) - (within if within <= _HEADER else 0)
    until = time.monotonic() + 3 * delay
    while (flushed := _flushed(primary)) < end and time.monotonic() < until:
        time.sleep(PAUSE)
    return LogEnd(min(end, flushed), timeline, int(cluster))


def _flushed(primary: Session) -> int:
    ((position,),) = primary.query(_FLUSHED)
    return int(position)


def is_the_primary(session: Session, primary: Session) -> bool:
    """Whether both are sessions of one server that leads: a reader's name may stand for the writer."""
    ours, theirs = session.query(_IDENTITY)[0], primary.query(_IDENTITY)[0]
    return bool(ours == theirs and not ours[0])


def promoted(session: Session) -> TransientFailure:
    """The failure of a replica that leads now, beside the primary that the secret names or after it."""
    return _left(session, "the replica was promoted, and may lack what its primary has written")


def _left(session: Session, problem: str) -> TransientFailure:
    """The failure of a server that follows the primary no more. The session ends: another may lead to one that does."""
    session.close()
    return TransientFailure("take horizon", session.place, problem, _PROMOTED)


def catch_up(session: Session, *, patience: float = PATIENCE) -> None:
    """Wait until a replica shows whatever its primary, where the secret names it, shows now.

    Raises ``TransientFailure`` where it does not within ``patience`` seconds, and as ``wait_for``.
    """
    primary = session.primary()
    if primary is None or is_the_primary(session, primary):
        return
    if reason := wait_for(session, end_of_log(primary), patience=patience):
        raise TransientFailure("ask replica", session.place, reason, "The next attempt asks it again")


def wait_for(session: Session, end: LogEnd, *, patience: float = PATIENCE) -> str:
    """Wait until the replica has replayed so far; why it has not, empty once it has.

    Raises ``TransientFailure`` where it was promoted, or follows another server than the primary.
    """
    until = time.monotonic() + patience
    while True:
        ((in_recovery, position, timeline, cluster),) = session.query(_REPLAYED)
        if not in_recovery:
            raise promoted(session)
        if int(cluster) != end.cluster or (timeline is not None and timeline != end.timeline):
            follows = f"it follows timeline {timeline} of cluster {cluster}"
            problem = f"{follows}, its primary writes timeline {end.timeline} of cluster {end.cluster}"
            raise _left(session, problem)
        if timeline is not None and position is not None and int(position) >= end.position:
            return ""
        if time.monotonic() >= until:
            follows = "follows no primary at present" if timeline is None else "has not replayed so far"
            return f"the replica {follows}: the primary's log ends at {end.position}, it is at {position}"
        time.sleep(PAUSE)
