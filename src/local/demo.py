"""The demonstration: a database becomes a star schema, changes, and the star follows; both sides are compared.

Every wait is for an event that can be seen (a receipt, the horizon, a query's answer) under a deadline.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from aws.deployment import Deployment
from aws.objects import S3ObjectStore
from core.contract.model import Contract, Database
from core.errors import OutOfReach, PipelineBug
from core.landing import landing_of
from local.comparison import Comparison, calendar_measures, source_sql, warehouse_sql
from local.database.changes import Changes
from local.stack import Stack

Say = Callable[[str], None]
POLL_SECONDS = 0.2
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
    """What ``build/demo.json`` tells; later rooms of the demonstration add to it."""

    seconds: float = 0
    source: dict[str, int] = field(default_factory=dict)
    warehouse: dict[str, int] = field(default_factory=dict)
    mismatches: int = 0
    stages: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, default=str) + "\n"


def invoke(deployment: Deployment, function: str, event: Mapping[str, Any]) -> Any:
    """Call a deployed function and return its answer; raises ``PipelineBug`` with its error when it failed."""
    client = deployment.clients("lambda")
    answer = client.invoke(FunctionName=deployment.functions[function], Payload=json.dumps(event).encode())
    payload = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        problem = f"{payload.get('errorType')}: {payload.get('errorMessage')}"
        raise PipelineBug("invoke", deployment.functions[function], problem, "Look at its log group")
    return payload


def ingest_objects(deployment: Deployment, prefix: str) -> Iterator[str]:
    """Keys of the ingest objects below a prefix."""
    for one in S3ObjectStore(deployment.clients("s3"), deployment.ingest_bucket).list(prefix):
        if landing_of(one.key):
            yield one.key


def await_receipts(deployment: Deployment, prefix: str, *, within: float = 120) -> int:
    """Wait until every ingest object below the prefix has its receipt; how many there are."""
    records = S3ObjectStore(deployment.clients("s3"), deployment.warehouse_bucket)
    waiting = {landing.receipt_key for key in ingest_objects(deployment, prefix) if (landing := landing_of(key))}
    total, deadline = len(waiting), time.monotonic() + within
    while waiting:
        waiting -= {key for key in waiting if records.stat(key)}
        if waiting and time.monotonic() > deadline:
            remedy = "Look at the process function's log and the dead-letter queue"
            raise OutOfReach("wait for receipts", prefix, f"{len(waiting)} of {total} are missing", remedy)
        if waiting:
            time.sleep(POLL_SECONDS)
    return total


def await_horizon(stack: Stack, contract: Contract) -> None:
    """Wait until the horizon has passed the last commit: the newest row, plus the margin, on the database's clock."""
    assert isinstance(contract.source, Database)
    tables = contract.source.tables
    newest = " union all ".join(f'select max("{one.changed_at}") as at from "{one.name}"' for one in tables)
    # One unit of timestamp(3)'s precision more: it rounds up half of all instants.
    bound = f"max(at) + interval '{contract.source.margin} seconds 2 milliseconds'"
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


def compare(stack: Stack, contract: Contract) -> list[Comparison]:
    """Every star table of the dataset, measured on both sides."""
    deployment = stack.deployment
    connection = stack.database.connect()
    compared = []
    try:
        cursor = connection.cursor()
        for table in contract.tables:
            if table.kind == "calendar":
                source = calendar_measures(table)
            else:
                cursor.execute(source_sql(deployment.contracts, contract, table))
                names = [one[0] for one in cursor.description]
                source = dict(zip(names, cursor.fetchone(), strict=True))
            answer = deployment.athena.query(warehouse_sql(table)).iloc[0].to_dict()
            warehouse = {name: _exact(value) for name, value in answer.items()}
            compared.append(Comparison(table.name, source, warehouse))
    finally:
        connection.close()
    return compared


def _exact(value: Any) -> Decimal | int | None:
    """A number of Athena's answer; a measure that came as a float is a bug, for it would have been rounded."""
    if value is None or value != value:
        return None
    if isinstance(value, float):
        raise PipelineBug("compare", "Athena", f"the float {value} is no exact measure", "Cast it in the query")
    return Decimal(str(value))


class Demo:
    """One run; ``say`` hears what happens."""

    def __init__(self, stack: Stack, say: Say, *, seed: int = 1) -> None:
        self.stack = stack
        self.say = say
        self.seed = seed
        self.outcome = Outcome()
        self.contract = stack.deployment.contracts.dataset(SALES)

    def extract_and_process(self, title: str) -> None:
        """One pass of the schedule, until every object has its receipt."""
        with self._stage(title):
            invoke(self.stack.deployment, "extract", {"dataset": SALES})
            objects = await_receipts(self.stack.deployment, f"tables/{SALES}/")
        self.say(f"{objects} ingest objects, each with its receipt")

    def change_the_source(self) -> None:
        """Inserts, updates, another department, and a transaction that is committed late with old timestamps."""
        changes = Changes(self.stack.database.connect, seed=self.seed)
        try:
            with changes.late_commit(5, updates=5) as late:
                changes.insert_orders(200)
                changes.insert_orders_with_new_parents(20)
                changes.update_orders(300)
                changes.settle_payments(100)
                changes.rename_department()
                # This pass must stop before the open transaction, or its rows would be lost for good.
                self.extract_and_process("a pass while a transaction is open")
                late.commit()
        finally:
            changes.close()

    def await_horizon(self) -> None:
        with self._stage("waiting until the horizon has passed the last commit"):
            await_horizon(self.stack, self.contract)

    def check(self) -> list[Comparison]:
        """Compare, and remember the figures."""
        with self._stage("comparing the warehouse with the source"):
            compared = compare(self.stack, self.contract)
        for one in compared:
            self.outcome.source[one.table] = int(one.source["n_rows"] or 0)
            self.outcome.warehouse[one.table] = int(one.warehouse["n_rows"] or 0)
        self.outcome.mismatches = sum(1 for one in compared if one.differences)
        return compared

    def questions(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """What an analyst would ask."""
        for title, sql in QUESTIONS.items():
            yield title, self.stack.deployment.athena.query(sql).astype(object).to_dict("records")

    @contextmanager
    def _stage(self, title: str) -> Iterator[None]:
        """Say what is done, and remember how long it took."""
        self.say(title)
        began = time.monotonic()
        yield
        self.outcome.stages[title] = round(time.monotonic() - began, 1)
