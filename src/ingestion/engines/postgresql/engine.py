"""PostgreSQL behind the port for engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.contract.model import SourceTable
from core.ports import SecretStore
from core.sources.catalog import CatalogColumn, CatalogTable, ServerFacts
from core.sources.samples import TableSample
from core.sources.shape import refuse_other_columns
from ingestion.engines.login import Login, parse_login
from ingestion.engines.port import Bound, Session, Timeouts
from ingestion.engines.postgresql.catalog.describe import catalog_column, described, listed, server_facts
from ingestion.engines.postgresql.catalog.samples import sampled
from ingestion.engines.postgresql.content import read_server
from ingestion.engines.postgresql.horizon.bound import read_bound
from ingestion.engines.postgresql.horizon.replica import catch_up
from ingestion.engines.postgresql.quoting import literal
from ingestion.engines.postgresql.relation import Relations, read_relations
from ingestion.engines.postgresql.select import plan_reading
from ingestion.engines.postgresql.session import APPLICATION, PostgresConnector
from ingestion.engines.postgresql.table import PostgresTable


@dataclass(frozen=True, slots=True)
class PostgresCatalog:
    """The relations of the contract's tables."""

    relations: Relations
    server: str

    @property
    def role_may_write(self) -> bool:
        """Whether another session of our own role could hold a transaction that writes."""
        return self.relations.role_may_write

    def reading(self, table: SourceTable, *, timezone: str) -> PostgresTable:
        """How the table is read."""
        relation = self.relations.relation(table)
        columns = [catalog_column(column) for column in relation.columns.values()]
        refuse_other_columns(table, columns, place=f"{self.relations.place}/{table.name}")
        return PostgresTable(plan_reading(table, relation, timezone=timezone), self.server)

    def columns(self, table: SourceTable) -> tuple[CatalogColumn, ...]:
        """The columns of the table; none where the server lacks it."""
        relation = self.relations.relations.get(table.name)
        return tuple(catalog_column(column) for column in relation.columns.values()) if relation else ()


class PostgreSql:
    """The engine ``postgresql``."""

    def connector(
        self, secrets: SecretStore, secret: str, *, application: str = "", timeouts: Timeouts | None = None
    ) -> PostgresConnector:
        """Opens sessions over TLS."""
        return PostgresConnector(secrets, secret, application=application or APPLICATION, timeouts=timeouts)

    def login(self, text: str, *, secret: str) -> Login:
        """The login of a secret's JSON."""
        return parse_login(text, secret=secret)

    def catalog(self, session: Session, tables: Sequence[SourceTable]) -> PostgresCatalog:
        """The catalog of these tables."""
        return PostgresCatalog(read_relations(session, tables), read_server(session))

    def server(self, session: Session) -> ServerFacts:
        """The server, and what our role sees there."""
        return server_facts(session)

    def described(self, session: Session, tables: Sequence[SourceTable]) -> dict[str, CatalogTable]:
        """The tables by the contract's name."""
        return described(session, tables)

    def listed(self, session: Session) -> list[CatalogTable]:
        """Every table and view that our role may look for."""
        return listed(session)

    def sampled(self, session: Session, table: CatalogTable) -> TableSample:
        """Counts over some rows of a table."""
        return sampled(session, table)

    def bound(self, session: Session, *, own_role_may_write: bool, lookback: int = 0) -> Bound:
        """The bound of the safe horizon."""
        return read_bound(session, own_role_may_write=own_role_may_write, lookback=lookback)

    def catch_up(self, session: Session) -> None:
        """Wait for a replica."""
        catch_up(session)

    def clock_changes(self, session: Session, timezone: str, hours: Sequence[datetime]) -> dict[datetime, timedelta]:
        """The offsets of a zone's wall clock by the server's ``pg_timezone_names``."""
        first, last = (literal(at, "timestamp without time zone") for at in hours)
        name = literal(timezone, "text")
        walls = f"SELECT generate_series({first}, {last} - interval '1 hour', interval '1 hour') AS at"
        offsets = f"SELECT at, at - (at AT TIME ZONE {name} AT TIME ZONE 'UTC') AS ahead FROM ({walls}) AS walls"
        changes = "ahead IS DISTINCT FROM lag(ahead) OVER (ORDER BY at) AS changes"
        marked = f"SELECT at, extract(epoch FROM ahead)::int AS ahead, {changes} FROM ({offsets}) AS offsets"
        rows = session.query(f"SELECT at, ahead FROM ({marked}) AS marked WHERE changes")
        return {at: timedelta(seconds=ahead) for at, ahead in rows}
