"""A small lake of which every row is known: what the documents for analysts ask, and the answers that they show.

Two hours of three symbols: of the first a minute was lost, and the auditor had it fetched again; the provider refuses
to tell the minute that the second lacks. Six orders of two customers: one has changed, one is deleted, one came later.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.feed_simulation import FeedSimulation, feed_simulation, with_entities
from tests.support.feeds import contracts_in
from tests.support.lake_folder import write_lake

from core.evolution.deployments import record_deployments

OPENED = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
MORNING, NOON = "2026-11-20T09:00:00", "2026-11-20T12:00:00"
_STAMPS = {"created_at": MORNING, "last_updated": MORNING}


def _order(number: int, created: str, units: int, price: str, *, staff: int, customer: int, **more: Any) -> bytes:
    row: dict[str, Any] = {"sales_order_id": number, "created_at": created, "last_updated": created, "design_id": 1}
    row |= {"staff_id": staff, "counterparty_id": customer, "units_sold": units, "currency_id": 1 + number % 2}
    row |= {"agreed_delivery_date": "2026-12-01", "agreed_payment_date": "2026-12-15", "agreed_delivery_location_id": 1}
    return _line(row | more, unit_price=price)


def _line(row: dict[str, Any], **exact: str) -> bytes:
    """A line with numbers that are written as they are given."""
    numbers = "".join(f', "{name}": {value}' for name, value in exact.items())
    return f"{json.dumps(row).removesuffix('}')}{numbers}}}\n".encode()


ROWS: dict[str, list[Any]] = {
    "department": [
        {"department_id": 1, "department_name": "Sales", "location": "Leeds", "manager": None, **_STAMPS},
        {"department_id": 2, "department_name": "Export", "location": "Hull", "manager": None, **_STAMPS},
    ],
    "staff": [
        {"staff_id": number, "first_name": first, "last_name": last, "department_id": department,
         "email_address": f"{first.lower()}@example.org", **_STAMPS}
        for number, first, last, department in ((1, "Ada", "Ash", 1), (2, "Ben", "Birch", 2), (3, "Cleo", "Cedar", 2))
    ],
    "currency": [
        {"currency_id": number, "currency_code": code, **_STAMPS} for number, code in ((1, "GBP"), (2, "EUR"))
    ],
    "design": [{"design_id": 1, "design_name": "Oak", "file_location": "/designs", "file_name": "oak.svg", **_STAMPS}],
    "address": [
        {"address_id": 1, "address_line_1": "1 Quay", "address_line_2": None, "district": None, "city": "Hull",
         "postal_code": "HU1", "country": "United Kingdom", "phone": "1", **_STAMPS}
    ],
    "counterparty": [
        {"counterparty_id": number, "counterparty_legal_name": name, "legal_address_id": 1, "commercial_contact": None,
         "delivery_contact": None, **_STAMPS}
        for number, name in ((1, "Fir & Co"), (2, "Gorse Ltd"))
    ],
    "sales_order": [
        _order(1, "2026-10-30T10:00:00", 3, "10.10", staff=1, customer=1),
        _order(2, "2026-10-31T23:59:59.999", 1, "99.99", staff=2, customer=1),
        _order(3, "2026-11-02T08:00:00", 10, "0.10", staff=2, customer=2),
        _order(4, "2026-11-03T09:30:00", 2, "25.00", staff=3, customer=2),
        _order(5, "2026-11-19T16:00:00", 7, "4.05", staff=1, customer=1),
    ],
}  # fmt: skip
LATER: dict[str, list[Any]] = {
    "sales_order": [
        _order(4, "2026-11-03T09:30:00", 5, "25.00", staff=3, customer=2, last_updated=NOON),  # changed: 5, not 2
        _order(6, "2026-11-20T11:00:00", 1, "1.00", staff=3, customer=1),
    ],
}
DELETED = _order(5, "2026-11-19T16:00:00", 7, "4.05", staff=1, customer=1, deleted_at=NOON, checked_at=NOON)


def fill_lake(simulation: FeedSimulation) -> None:
    """Trade, heal, extract, heal, and go on."""
    lake = simulation.lake
    record_deployments(lake.records, simulation.contracts, now=int((OPENED - HOUR).timestamp()), collecting=True)
    keys = [lake.put_table("sales", table, 1, rows) for table, rows in ROWS.items()]
    assert not lake.process(*keys)
    lost = {("AMD", OPENED + 7 * dt.timedelta(minutes=1)), ("ZM", OPENED + HOUR + 30 * dt.timedelta(minutes=1))}
    simulation.loses = lambda symbol, at: (symbol, at) in lost
    simulation.trade(OPENED, 120, slots_an_object=20)
    simulation.pass_time(minutes=15)
    simulation.heal(run="first", start=iso(OPENED - HOUR), end=iso(OPENED + HOUR))
    fault = simulation.market.fail("forbidden", endpoint="candle")
    simulation.heal(run="second")
    simulation.market.heal(fault)
    simulation.pass_time(minutes=45)
    keys = [lake.put_table("sales", table, 2, rows) for table, rows in LATER.items()]
    assert not lake.process(*keys, lake.put("repair/sales/sales_order/gone.jsonl.gz", [DELETED]))


def iso(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def known_lake(folder: Path) -> Iterator[Path]:
    """The lake as a folder of files (``lake_folder``)."""
    contracts = with_entities(contracts_in(), "quotes", "AAPL", "AMD", "ZM")
    with feed_simulation(OPENED, contracts=contracts) as simulation:
        fill_lake(simulation)
        write_lake(simulation.lake, folder)
    yield folder
