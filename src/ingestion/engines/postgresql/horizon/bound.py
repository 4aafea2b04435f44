"""The safe horizon: no transaction that is not visible yet can have written a row older than this instant.

A row's ``last_updated`` is at the earliest the start of the transaction that wrote it, and the row is visible only
after the commit. So every row older than the start of the oldest open transaction is visible now, or never will be.
What that rests on, trap by trap:

- A transaction that has not written yet has no transaction id, so open transactions are found by their start time in
  ``pg_stat_activity``, idle ones too. Our own sessions, by role and application, are left out where the role may
  change nothing, and so are autovacuum workers, which write no rows. An application that shares the role counts: it may
  write through a function of its definer's, or by a role that it takes on.
- Of a client that is at work the start of its message counts where that is earlier: the clock of all transactions
  that one message begins stands still at its arrival, between two of them none is shown, and a procedure that commits
  goes on with the ``statement_timestamp()`` of its call.
- A backend shows up a moment after it read its clock: the margin allows for it (``core.landing.state.safe_horizon``).
- The view shows other roles' transactions only to who has ``pg_read_all_stats``; and sessions with
  ``track_activities`` off show none, nor the one that was open when it was switched on again: while there is such a
  session, the horizon does not move.
- A prepared transaction shows when it was prepared, not when it began. While it was open it held the horizon, and
  afterwards it may still be older than any bound but the one there was: so while one is pending, the horizon does
  not move.
- The view is read before the prepared transactions: a transaction that is being prepared meanwhile is in one of the
  two. This takes one statement whose parts depend on each other, in a transaction of its own that ends before the
  snapshot for the rows is taken.
- The server's clock counts, taken before the view is read; never this machine's.
- A replica does not know the primary's open transactions: the horizon is the primary's, where the secret names it
  (``replica``).

Where the view cannot be used the contract may say ``lookback``: then the bound is the clock alone, and each interval
starts that much earlier than the last one ended, so that late rows are read again and merging absorbs the repeats.
"""

from __future__ import annotations

from datetime import datetime

from core.errors import PipelineBug
from core.sources.identifiers import sql_name
from ingestion.engines.port import Bound, Holder, Session
from ingestion.engines.postgresql.horizon.replica import end_of_log, is_the_primary, promoted, wait_for
from ingestion.engines.postgresql.quoting import literal

APPLICATIONS = "starmend-"  # with which the names of all that connects here begin
HIDDEN = "session that hides its transactions"


def grant_to(role: str) -> str:
    """What lets a role see when other roles' transactions began, and what to do without."""
    return f"GRANT pg_read_all_stats TO {sql_name(role)}; or choose a `lookback` in the contract"


def read_bound(session: Session, *, own_role_may_write: bool, lookback: int = 0) -> Bound:
    """Read the bound in one round trip, outside a transaction and before the snapshot for the rows begins.

    Raises ``PipelineBug`` with the remedy where there can be none: a replica, or a role without the grant.
    """
    row = session.query(_statement(own_role_may_write))[0]
    now, role, replica, replayed, may_see = row[:5]
    if lookback:
        if replica and replayed is None:
            return Bound(now, None, "the replica has not replayed a transaction yet", lags=True)
        return Bound(now, min(now, replayed) if replica else now)
    primary = session.primary()
    if primary is not None:
        return _bound_of_replica(session, primary, own_role_may_write, is_replica=replica)
    if replica:
        problem = "this is a replica, which does not know the primary's open transactions"
        remedy = "Give the secret its primary (host:port), or name that; or choose a `lookback` in the contract"
        raise PipelineBug("take horizon", session.place, problem, remedy)
    if not may_see:
        problem = f"role {role} does not see other sessions' transactions"
        raise PipelineBug("take horizon", session.place, problem, grant_to(role))
    return _bound(now, _holder(*row[5:11]), *row[11:])


def _bound_of_replica(session: Session, primary: Session, own_role_may_write: bool, *, is_replica: bool) -> Bound:
    """The primary's bound, once the replica shows what it promises; none while it does not.

    The replica is waited for where the primary has no bound, too: an older one, of another replica, may be read up to.
    """
    if not is_replica:
        if not is_the_primary(session, primary):
            raise promoted(session)
        return read_bound(primary, own_role_may_write=own_role_may_write)
    bound = read_bound(primary, own_role_may_write=own_role_may_write)
    reason = wait_for(session, end_of_log(primary))
    return Bound(bound.now, None, reason, bound.holder, lags=True) if reason else bound


def _holder(
    pid: int | None, user: str | None, application: str | None, state: str | None, since: datetime | None, hides: bool
) -> Holder | None:
    if since is None:
        return None
    return Holder(HIDDEN if hides else "transaction", pid or 0, user or "", application or "", state or "", since)


def _bound(
    now: datetime,
    oldest: Holder | None,
    hidden: int,
    prepared: int,
    gid: str,
    owner: str,
    prepared_at: datetime | None,
) -> Bound:
    if prepared and prepared_at:
        pending = Holder("prepared transaction", 0, owner, gid, "prepared", prepared_at)
        older = oldest and oldest.kind != HIDDEN and oldest.since < prepared_at
        reason = f"{prepared} prepared transactions are pending, {gid!r} the longest"
        return Bound(now, None, reason, oldest if older else pending)
    if hidden:
        return Bound(now, None, f"{hidden} sessions hide their transactions: track_activities is off", oldest)
    return Bound(now, min(now, oldest.since) if oldest else now, holder=oldest)


def _statement(own_role_may_write: bool) -> str:
    ours = f"usename = current_user AND application_name LIKE {literal(f'{APPLICATIONS}%', 'text')}"
    own = "" if own_role_may_write else f"AND ({ours}) IS NOT TRUE"
    stats = literal("pg_read_all_stats", "name")
    return f"""
WITH open AS MATERIALIZED (
  SELECT pid, usename::text, application_name, state, hides,
         CASE WHEN hides THEN backend_start
              WHEN backend_type = 'client backend' AND state IN ('active', 'fastpath function call')
              THEN least(xact_start, query_start)
              ELSE xact_start END AS since
  FROM pg_stat_activity CROSS JOIN LATERAL (
    SELECT coalesce(state = 'disabled' OR state LIKE 'idle in transaction%' AND xact_start IS NULL, false) AS hides
  ) AS hiding
  WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type IS DISTINCT FROM 'autovacuum worker' {own}
), oldest AS MATERIALIZED (
  SELECT hidden.sessions, o.*
  FROM (SELECT count(*) FILTER (WHERE hides) AS sessions FROM open) AS hidden
  LEFT JOIN (SELECT * FROM open WHERE since IS NOT NULL ORDER BY hides DESC, since LIMIT 1) AS o ON true
)
SELECT statement_timestamp(), current_user::text, pg_is_in_recovery(), pg_last_xact_replay_timestamp(),
       pg_has_role(current_user, {stats}, 'USAGE'),
       oldest.pid, oldest.usename, oldest.application_name, oldest.state, oldest.since, oldest.hides, oldest.sessions,
       pending.transactions, pending.gid, pending.owner, pending.prepared
FROM oldest CROSS JOIN LATERAL (
  SELECT count(*) AS transactions, min(prepared) AS prepared,
         (array_agg(gid ORDER BY prepared))[1] AS gid, (array_agg(owner::text ORDER BY prepared))[1] AS owner
  FROM pg_prepared_xacts
  WHERE database = current_database() AND oldest.sessions IS NOT NULL
) AS pending
"""
