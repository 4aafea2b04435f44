"""Demonstration: a database becomes a star schema, changes, and the star follows; both sides are compared.

Every wait is for an event that can be seen (a receipt, the horizon, a query's answer) under a deadline.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from auditor.prove import Verified
from core.contract.model import Contract, Database
from core.errors import PipelineBug, of_kind
from local.comparison import Comparison, calendar_measures, source_sql, warehouse_sql
from local.database.changes import Changes
from local.faults import (
    FaultCounts,
    PlantedFaults,
    await_settled,
    extract_without_events,
    fault_counts,
    plant_row_faults,
)
from local.healing import Audited, audit, hourly, listening, prove
from local.invoking import POLL_SECONDS, Say, await_receipts, follow_with_mirrors, invoke, query_rows
from local.stack import Stack
from local.trading import (
    QUOTES,
    Traded,
    await_points,
    feed_of,
    last_session_hour,
    points_per_symbol_and_hour,
    trade,
)

SALES = "sales"

QUESTIONS: Mapping[str, str] = {
    "revenue by currency and month": """
        select currency.currency_code, date_format(orders.created_at, '%Y-%m') as month,
               count(*) as orders, sum(orders.units_sold * orders.unit_price) as revenue
        from fact_sales_order as orders join dim_currency as currency on currency.currency_id = orders.currency_id
        where orders.is_latest
        group by 1, 2 order by 1, 2""",
    "staff by department": """
        select department_name, count(*) as staff from dim_staff group by 1 order by 1""",
    "orders by country of delivery": """
        select location.country, count(*) as orders
        from fact_sales_order as orders
        join dim_location as location on location.location_id = orders.agreed_delivery_location_id
        where orders.is_latest
        group by 1 order by 2 desc, 1 limit 8""",
}


@dataclass
class Outcome:
    """The figures that ``build/demo.json`` holds; each step of the demonstration adds its own."""

    seconds: float = 0
    source: dict[str, int] = field(default_factory=dict)
    warehouse: dict[str, int] = field(default_factory=dict)
    mismatches: int = 0
    expected_points: int = 0
    present_before: int = 0
    missing_before: int = 0
    repaired: int = 0
    absent: int = 0
    alarmed: int = 0
    missing_after: int = 0
    certificates: int = 0
    verified: bool = False
    mirrored: dict[str, int] = field(default_factory=dict)
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, default=str) + "\n"


def await_horizon(stack: Stack, contract: Contract) -> None:
    """Wait until the horizon has passed the last commit: the newest row, plus the margin, on the database's clock."""
    source = of_kind(contract.source, Database, "demonstrate", contract.dataset)
    tables = source.tables
    newest = " union all ".join(f'select max("{table.changed_at}") as at from "{table.name}"' for table in tables)
    # One unit of timestamp(3)'s precision more: it rounds up half of all instants.
    bound = f"max(at) + interval '{source.margin} seconds 2 milliseconds'"
    connection = stack.database.connect()
    try:
        cursor = connection.cursor()
        while True:
            cursor.execute(f"select {bound} < timezone('UTC', clock_timestamp()) from ({newest}) as newest")
            passed = cursor.fetchone()[0]
            connection.rollback()
            if passed:
                return
            time.sleep(POLL_SECONDS)
    finally:
        connection.close()


def first_day(stack: Stack, contract: Contract) -> dt.datetime:
    """The instant at which the oldest row of the source was inserted."""
    source = of_kind(contract.source, Database, "demonstrate", contract.dataset)
    tables = source.tables
    oldest = " union all ".join(f'select min("{table.created_at}") as at from "{table.name}"' for table in tables)
    connection = stack.database.connect()
    try:
        cursor = connection.cursor()
        cursor.execute(f"select min(at) from ({oldest}) as oldest")
        first: dt.datetime = cursor.fetchone()[0]
        return first.replace(tzinfo=dt.UTC)
    finally:
        connection.close()


def compare(stack: Stack, contract: Contract) -> list[Comparison]:
    """Measure every star table of the dataset on both sides."""
    deployment = stack.deployment
    connection = stack.database.connect()
    comparisons = []
    try:
        cursor = connection.cursor()
        for table in contract.tables:
            if table.kind == "calendar":
                source = calendar_measures(table)
            else:
                cursor.execute(source_sql(deployment.contracts, contract, table))
                names = [column[0] for column in cursor.description]
                source = dict(zip(names, cursor.fetchone(), strict=True))
            answer = deployment.athena.query(warehouse_sql(table)).iloc[0].to_dict()
            warehouse = {str(name): _exact(value) for name, value in answer.items()}
            comparisons.append(Comparison(table.name, source, warehouse))
    finally:
        connection.close()
    return comparisons


def _exact(value: Any) -> Decimal | int | None:
    """A number of Athena's answer; a measure that came as a float is a bug, for it would have been rounded."""
    if value is None or value != value:
        return None
    if isinstance(value, float):
        raise PipelineBug("compare", "Athena", f"the float {value} is no exact measure", "Cast it in the query")
    return Decimal(str(value))


class Demo:
    """One run of the demonstration; ``say`` is called with a line for each step."""

    def __init__(self, stack: Stack, say: Say, *, seed: int = 1) -> None:
        self.stack = stack
        self.say = say
        self.seed = seed
        self.outcome = Outcome()
        self.contract = stack.deployment.contracts.dataset(SALES)
        self.faults = PlantedFaults()
        self._sessions = 0

    def extract_and_process(self, title: str) -> None:
        """One pass of the schedule, until every object has its receipt."""
        with self._stage(title):
            invoke(self.stack.deployment, "extract", {"dataset": SALES})
            objects = await_receipts(self.stack.deployment, f"tables/{SALES}/")
        self.say(f"{objects} ingest objects, each with its receipt")

    def change_the_source(self) -> None:
        """Inserts, updates, another department, orders without a design, and a transaction that is committed late."""
        with self._application() as changes, changes.late_commit(5, updates=5) as late:
            changes.insert_orphans(2)
            changes.insert_orders(200)
            changes.insert_orders_with_new_parents(20)
            changes.update_orders(300)
            changes.settle_payments(100)
            changes.rename_department()
            # This pass must stop before the open transaction, or its rows would be lost for good.
            self.extract_and_process("a pass while a transaction is open")
            late.commit()

    def await_horizon(self) -> None:
        with self._stage("waiting until the horizon has passed the last commit"):
            await_horizon(self.stack, self.contract)

    def plant_faults(self) -> None:
        """Plant faults that no extraction can see: lost events, back-dated rows, deletes, and a late parent."""
        source = of_kind(self.contract.source, Database, "demonstrate", self.contract.dataset)
        with self._stage("faults that no extraction sees: lost events, back-dated rows, deletes, orphans"):
            with self._application() as changes:
                changes.insert_orders(5)
                await_horizon(self.stack, self.contract)
                extract_without_events(self.stack.deployment, self.faults)
                plant_row_faults(changes, self.faults, late=3, deleted=4)
            await_settled(self.stack.deployment, self.faults, source.settle)

    def heal_tables(self) -> tuple[dict[str, FaultCounts], list[str]]:
        """Run the state machine over all of the database's history: counts of the faults by kind, and its mails."""
        with self._stage("the auditor over the whole database: compare, fetch again, mark, process, certify"):
            with listening(self.stack) as mails:
                begin, end = first_day(self.stack, self.contract), dt.datetime.now(dt.UTC)
                audited = audit(self.stack, SALES, begin, end, say=self.say)
            counts = fault_counts(self.stack.deployment, self.faults, audited.run)
        self.outcome.tables = {
            kind: {"made": count.planted, "found": count.detected, "healed": count.healed}
            for kind, count in counts.items()
        }
        self.outcome.certificates += audited.certificates
        return counts, mails

    def check(self) -> list[Comparison]:
        """Compare the warehouse with the source, and keep the figures."""
        with self._stage("comparing the warehouse with the source"):
            comparisons = compare(self.stack, self.contract)
        for comparison in comparisons:
            self.outcome.source[comparison.table] = int(comparison.source["n_rows"] or 0)
            self.outcome.warehouse[comparison.table] = int(comparison.warehouse["n_rows"] or 0)
        self.outcome.mismatches = sum(1 for comparison in comparisons if comparison.differences)
        return comparisons

    def questions(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """An analyst's questions, each with the rows of its answer."""
        for title, sql in QUESTIONS.items():
            yield title, query_rows(self.stack.deployment, sql)

    def trade_an_hour(self) -> Traded:
        """One trading hour, with the fault switch leaving one symbol out each minute."""
        _, calendar = feed_of(self.stack)
        first = last_session_hour(calendar, now=dt.datetime.now(dt.UTC), hours=2)  # the second has the outage
        with self._stage(f"a trading hour in compressed time, from {first:%Y-%m-%d %H:%M} UTC"):
            traded = trade(self.stack, first)
            await_points(self.stack, traded.asked)
        return traded

    def points(self, traded: Traded) -> list[dict[str, Any]]:
        """Points per symbol of the hour, as an analyst sees them."""
        rows = points_per_symbol_and_hour(self.stack, traded)
        self.outcome.expected_points = traded.expected
        self.outcome.present_before = sum(int(str(row["points"])) for row in rows)
        self.outcome.missing_before = traded.expected - self.outcome.present_before
        return rows

    def heal(self, traded: Traded) -> Audited:
        """Run the state machine over the incomplete hour: missing points come back through the provider's history."""
        with self._stage("the auditor: find, plan, repair, verify, certify, restate"):
            self.stack.market.clock.real()
            audited = audit(self.stack, QUOTES, traded.first, traded.last, say=self.say)
        self.outcome.repaired = self.outcome.missing_before - audited.missing
        self.outcome.absent = audited.absent
        self.outcome.missing_after = audited.missing
        self.outcome.certificates += audited.certificates
        return audited

    def fail_to_heal(self, traded: Traded, symbol: str) -> tuple[Audited, list[str]]:
        """Audit the next hour, missing whole, while the provider refuses the history of one symbol: that is mailed."""
        with self._stage(f"an outage of the hour after, and a provider that refuses the history of {symbol}"):
            fault = self.stack.market.fail("forbidden", symbol=symbol, endpoint="candle")
            with listening(self.stack) as mails:
                later = traded.last + dt.timedelta(hours=1)
                audited = audit(self.stack, QUOTES, traded.last, later, say=self.say)
            self.stack.market.heal(fault)
        self.outcome.repaired += audited.present
        self.outcome.alarmed = audited.missing
        self.outcome.certificates += audited.certificates
        return audited, mails

    def hourly(self, traded: Traded) -> list[dict[str, Any]]:
        """The rollup of the hour that was traded."""
        return hourly(self.stack, traded.first)

    def prove(self) -> list[Verified]:
        """Recompute the certificates from the objects alone."""
        with self._stage("verifying the certificates from the objects alone"):
            proofs = [prove(self.stack, dataset) for dataset in (SALES, QUOTES)]
        self.outcome.verified = all(proof.windows > 0 and not proof.failures for proof in proofs)
        return proofs

    def mirror(self) -> bool:
        """Have the Iceberg tables follow; whether each has as many rows, of all versions, as Athena counts."""
        with self._stage("the mirror: Iceberg tables over the same objects, for every other engine"):
            self.outcome.mirrored = follow_with_mirrors(self.stack.deployment)
            counts = " union all ".join(
                f"select '{table}' as name, count(*) as n from {table}" for table in self.outcome.mirrored
            )
            star = {row["name"]: int(row["n"]) for row in query_rows(self.stack.deployment, counts)}
        return star == self.outcome.mirrored

    @contextmanager
    def _application(self) -> Iterator[Changes]:
        """A session of the application that writes to the source."""
        self._sessions += 1
        changes = Changes(self.stack.database.connect, seed=self.seed + self._sessions)
        try:
            yield changes
        finally:
            changes.close()

    @contextmanager
    def _stage(self, title: str) -> Iterator[None]:
        """Say what is done, and keep the seconds that it took."""
        self.say(title)
        began = time.monotonic()
        yield
        self.outcome.stages[title] = round(time.monotonic() - began, 1)
