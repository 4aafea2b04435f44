"""One lake walks through every kind of change of its contracts, each put there by `starmend deploy apply`.

A shop writes, a feed ticks and an analyst reads all the while. After each change every table is what an empty lake
would hold into which the same objects are played, all certificates hold, nobody was mailed but for what was asked, and
no reader had an error or missed a key.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support import deployed
from tests.support.living_lake import LivingLake, Reader, living_lake
from tests.support.waiting import eventually

from local.invoking import query_rows

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(5_400)]

QUESTIONS = {
    "orders": "select distinct order_id from fact_order",
    "versions": "select distinct order_id, changed_at from fact_order",
    "payments": "select distinct payment_id from fact_payment",
    "customers": "select distinct customer_id from dim_customer",
    "quotes": "select distinct symbol, minute from fact_quote",
}


LIVING = Path(__file__).parents[1] / "support/living"


def contracts(now: dt.datetime) -> dict[str, dict[str, Any]]:
    """A shop of three tables and a feed of two symbols, which is owed since two hours ago."""
    written = {
        name: yaml.safe_load((LIVING / f"{name}.yaml").read_text(encoding="utf-8")) for name in ("shop", "quotes")
    }
    for entity in written["quotes"]["source"]["entities"].values():
        entity["valid_from"] = f"{now - dt.timedelta(hours=2):%Y-%m-%dT%H:00:00Z}"
    return written


# ---------------------------------------------------------------- the changes

Author = Callable[[dict[str, Any], dict[str, Any], LivingLake], None]  # of the shop's contract and of the feed's


@dataclass(frozen=True)
class Change:
    """A change of the contracts; ``asked`` are words of the mails that it may bring.

    ``killed``: the deployment is killed at several moments, and given again.
    """

    name: str
    author: Author
    asked: tuple[str, ...] = ()
    killed: bool = False
    before: Callable[[LivingLake], None] = lambda _lake: None
    after: Callable[[LivingLake], None] = lambda _lake: None


def adds_a_column(shop: dict[str, Any], _quotes: dict[str, Any], _lake: LivingLake) -> None:
    shop["source"]["tables"]["orders"]["columns"]["note"] = "string?"
    shop["warehouse"]["fact_order"]["columns"]["note"] = "string"


def every_note_that_the_source_has_is_there(lake: LivingLake) -> None:
    """A version that the source has overwritten before the column was there has none, for nobody can say it."""
    owed = versions_that_the_source_has(lake, "orders", "order_id", "fact_order")
    assert len(owed) > 60
    assert [row for row in owed if row["note"] != f"note {row['order_id']}"] == []


def versions_that_the_source_has(lake: LivingLake, source: str, key: str, fact: str) -> list[dict[str, Any]]:
    """The fact's rows that are still as the source has them."""
    with lake.shop.lock:
        current = dict(lake.shop.asked(f"select {key}, changed_at from {source}"))
        rows = query_rows(lake.deployment, f"select * from {fact}")
    athena_rounds = dt.timedelta(milliseconds=1)
    return [row for row in rows if abs(row["changed_at"] - current[row[key]]) <= athena_rounds]


def widens_types(shop: dict[str, Any], _quotes: dict[str, Any], _lake: LivingLake) -> None:
    source, fact = shop["source"]["tables"]["orders"]["columns"], shop["warehouse"]["fact_order"]["columns"]
    for columns in (source, fact):
        columns.update({"units": "bigint", "price": "decimal(14,2)"})


def wide_values_arrive(lake: LivingLake) -> None:
    lake.shop.alters("alter table orders alter units type bigint, alter price type numeric(14,2)")
    lake.shop.alters("update orders set units = 2^40, price = 123456789012.34, changed_at = now() where order_id = 1")
    sql = f"select units, price from fact_order where order_id = 1 and units >= {2**40}"
    arrived = eventually(lambda: query_rows(lake.deployment, sql), within=600, every=5)  # once the source has settled
    assert {row["price"] for row in arrived} == {Decimal("123456789012.34")}


def changes_a_mapping(shop: dict[str, Any], _quotes: dict[str, Any], _lake: LivingLake) -> None:
    shop["warehouse"]["fact_order"]["columns"]["told_on"]["from"] = "changed_at"


def every_day_is_of_the_change(lake: LivingLake) -> None:
    sql = "select count(*) as n from fact_order where told_on <> cast(changed_at as date)"
    assert query_rows(lake.deployment, sql) == [{"n": 0}]


def adds_a_history(shop: dict[str, Any], _quotes: dict[str, Any], _lake: LivingLake) -> None:
    shop["warehouse"]["fact_order"]["history_of"] = "order_id"


def one_version_is_the_latest(lake: LivingLake) -> None:
    sql = "select order_id from fact_order group by 1 having sum(if(is_latest, 1, 0)) <> 1"
    assert query_rows(lake.deployment, sql) == []


def partitions_by_day(shop: dict[str, Any], quotes: dict[str, Any], _lake: LivingLake) -> None:
    quotes["warehouse"]["fact_quote"]["partition_by"] = ["symbol", "day(minute)"]
    shop["warehouse"]["fact_order"]["partition_by"] = "day(placed_at)"


def changes_the_key(shop: dict[str, Any], _quotes: dict[str, Any], _lake: LivingLake) -> None:
    shop["warehouse"]["fact_payment"]["key"] = ["payment_id", "changed_at"]


def adds_a_symbol(_shop: dict[str, Any], quotes: dict[str, Any], _lake: LivingLake) -> None:
    quotes["source"]["entities"]["TSLA"] = {}


def removes_a_symbol(_shop: dict[str, Any], quotes: dict[str, Any], lake: LivingLake) -> None:
    ended = quotes["source"]["entities"].pop("AMD")
    said = lake.deploy()  # taken off the list
    assert said.code == 2, said.err
    assert "valid_until" in said.err
    quotes["source"]["entities"]["AMD"] = {**ended, "valid_until": _now()}


def renames_a_symbol(_shop: dict[str, Any], quotes: dict[str, Any], _lake: LivingLake) -> None:
    quotes["source"]["entities"]["ZM"]["valid_until"] = _now()
    quotes["source"]["entities"]["ZMX"] = {}


def asks_every_five_minutes(_shop: dict[str, Any], quotes: dict[str, Any], _lake: LivingLake) -> None:
    quotes["source"]["every"] = "5 minutes"


def points_are_on_the_new_grid(lake: LivingLake) -> None:
    """Whatever is asked for from now on is of a fifth minute."""
    since = dt.datetime.now(dt.UTC)
    sql = f"select distinct minute from fact_quote where minute >= timestamp '{since:%Y-%m-%d %H:%M:%S}'"
    first = eventually(lambda: query_rows(lake.deployment, sql), within=600, every=5)
    assert [row["minute"] for row in first if row["minute"].minute % 5] == []


def the_source_renames_a_column(lake: LivingLake) -> None:
    lake.shop.alters("alter table payment rename amount to paid", amount="paid")
    lake.operator.gives("heal", "--dataset", "shop")


HALTED = ("failed-tables-shop", "function-errors-extract", "gaps-unhealed-shop")  # till the contract knows the new name


def takes_the_new_name(shop: dict[str, Any], _quotes: dict[str, Any], _lake: LivingLake) -> None:
    columns = shop["source"]["tables"]["payment"]["columns"]
    del columns["amount"]
    columns["paid"] = {"type": "decimal(10,2)", "was": "amount"}
    shop["warehouse"]["fact_payment"]["columns"]["amount"] = {"type": "decimal(10,2)", "from": "paid"}


def every_version_has_its_amount(lake: LivingLake) -> None:
    """Those that the source has overwritten too: their objects have it under its former name."""
    rows = query_rows(lake.deployment, "select payment_id, amount from fact_payment")
    assert len(rows) > 70
    assert [row for row in rows if row["amount"] is None] == []


def _now() -> str:
    return f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


WALK = (
    Change("a column is added", adds_a_column, after=every_note_that_the_source_has_is_there),
    Change("types are widened", widens_types, after=wide_values_arrive),
    Change("a mapping changes", changes_a_mapping, after=every_day_is_of_the_change),
    Change("a history is added", adds_a_history, after=one_version_is_the_latest),
    Change("partitions are of days", partitions_by_day, killed=True),
    Change("the key changes", changes_the_key),
    Change("a symbol is added", adds_a_symbol),
    Change("a symbol is removed", removes_a_symbol),
    Change("the cadence changes", asks_every_five_minutes, after=points_are_on_the_new_grid),
    Change("a symbol is renamed", renames_a_symbol),
    Change(
        "a column of the source is renamed",
        takes_the_new_name,
        asked=("changed by itself", "unreadable", *HALTED),
        before=the_source_renames_a_column,
        after=every_version_has_its_amount,
    ),
)


def is_first_word(text: str) -> bool:
    """Whether it is of an alarm that had nothing to judge by until now, and finds that all is well."""
    return '"NewStateValue": "OK"' in text and '"OldStateValue": "INSUFFICIENT_DATA"' in text


def walked(lake: LivingLake, reader: Reader, mails: Callable[[], list[str]], change: Change) -> list[str]:
    """Make one change, and hold all that must hold after it; what does not."""
    faults = []
    told = len(mails())
    change.before(lake)
    change.author(lake.written["shop"], lake.written["quotes"], lake)
    applied = lake.deploy_through_kills() if change.killed else lake.deploy()
    if applied.code:
        return [f"apply ended with {applied.code}: {applied.err[-3000:]} {applied.out[-1500:]}"]
    with lake.shop.lock:  # a certificate holds until an old order changes, and then waits for the next audit
        lake.extract()
        healed = lake.operator.gives("heal", "--json")
        verified = lake.operator.gives("verify", "--json")
    if healed.code:
        faults.append(f"heal ended with {healed.code}: {healed.err[-1500:]} {healed.out[-1500:]}")
    if verified.code:
        faults.append(f"verify: {verified.out[-1500:]} {verified.err[-500:]}")
    try:
        change.after(lake)
    except AssertionError as error:
        faults.append(f"{change.after.__name__}: {error}")
    faults += lake.differences()
    heard = [text for text in mails()[told:] if not is_first_word(text) and not any(map(text.count, change.asked))]
    faults += [f"mailed: {text[:1500]}" for text in heard]
    faults += [f"read: {wrong}" for wrong in reader.wrong]
    reader.wrong.clear()
    faults += lake.faults
    lake.faults.clear()
    return faults


def test_every_change_of_contracts_is_walked_through_while_all_go_on(tmp_path: Path) -> None:
    faults: dict[str, list[str]] = {}
    with living_lake(tmp_path, contracts(dt.datetime.now(dt.UTC)), seed=7) as lake:
        lake.extract()
        assert lake.operator.gives("heal").code == 0
        assert lake.differences() == []
        # The first audit ends those of a new deployment.
        eventually(lambda: not lake.alarms_that_are_not_over(), within=600, every=2)
        reader = Reader(lake.deployment, QUESTIONS)
        with deployed.mailbox(lake.deployment, "admins") as mails, lake.meanwhile(lake.shop.turn, reader.turn):
            for change in WALK:
                faults[change.name] = walked(lake, reader, mails, change)
    assert {name: wrong for name, wrong in faults.items() if wrong} == {}
    assert reader.answers > len(WALK) * len(QUESTIONS)
