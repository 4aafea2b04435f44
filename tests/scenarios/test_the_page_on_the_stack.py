"""The page as the deployed function writes it: databases and a feed of the real stack, drawn by a real browser."""

from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.browser.conftest import Opener, browser, open_page
from tests.support import deployed
from tests.support.commands import Command
from tests.support.sessions import Hour
from tests.support.waiting import eventually

from auditor.page.publish import KEY
from aws.objects import S3ObjectStore
from core.landing.zone import QUARANTINE
from core.time import epoch, iso
from local.demo import first_day
from local.healing import audit, listening, prove
from local.invoking import await_receipts, invoke, query_rows
from local.stack import Stack
from local.trading import AFTER_THE_MINUTE, QUOTES

pytestmark = pytest.mark.stack
__all__ = ["browser", "open_page"]
SALES = "sales"
BOUNDED = "2000-01-01T00:00:00Z"  # windows that no time bounds begin in 1970

# What the page's own scripts say of each bounded window of a database: the counts of ``coverage.STATES``.
WINDOWS = """(name) => {
  const grid = datasetNamed(name).grid;
  return grid.marks.map(([row, column, status]) =>
    [grid.rows[row], grid.columns[column][0], status, ...cellsOf(grid, row)[column]]);
}"""


def heard(_line: str) -> None:
    """The scenarios assert on data, not on what is said."""


def written(stack: Stack) -> str:
    """The page, written anew by its function."""
    said = invoke(stack.deployment, "page", {})
    assert (said["page"], said["unread"]) == (KEY, 0), said
    stored = S3ObjectStore(stack.deployment.clients("s3"), stack.deployment.warehouse_bucket).read(KEY)
    assert stored is not None
    return stored.body.decode()


@contextmanager
def a_refused_line(stack: Stack) -> Iterator[None]:
    """For a while a line of the sales orders lies in quarantine."""
    warehouse = S3ObjectStore(stack.deployment.clients("s3"), stack.deployment.warehouse_bucket)
    key = f"{QUARANTINE}dataset={SALES}/source_table=sales_order/999999999999.jsonl"
    line = {"line": 1, "reason": "the test refuses it", "object": "tables/sales/sales_order/999999999999.jsonl.gz"}
    warehouse.write(key, json.dumps(line).encode() + b"\n")
    try:
        yield
    finally:
        warehouse.delete([key])


@pytest.fixture
def refused(stack: Stack, hour: Hour) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """The half hour before a session's first full hour, which nobody else trades; one symbol's history is refused.

    Two audits heard so, and the admins once.
    """
    first, last = hour(0) - dt.timedelta(hours=1), hour(0)
    stack.market.clock.set(last + AFTER_THE_MINUTE)
    stack.market.clock.real()
    fault = stack.market.fail("forbidden", symbol="AMD", endpoint="candle")
    try:
        with listening(stack) as mails:
            for _ in range(2):
                done = audit(stack, QUOTES, first, last, say=heard)
                assert (done.missing, done.certificates) == (30, 0)
        [mail] = mails
        assert "AMD" in mail
        assert "docs/runbook.md#not-entitled" in mail
        assert "`history` setting" in mail
        eventually(lambda: deployed.alarm_state(stack.deployment, f"gaps-unhealed-{QUOTES}") == "ALARM", within=30)
        yield first, last
    finally:
        stack.market.heal(fault)


def test_what_does_not_heal_is_mailed_once_drawn_as_it_is_and_over_when_it_heals(
    stack: Stack, refused: tuple[dt.datetime, dt.datetime], starmend: Command, open_page: Opener
) -> None:
    deployment = stack.deployment
    invoke(deployment, "extract", {"dataset": SALES})
    await_receipts(deployment, f"tables/{SALES}/")
    begin = first_day(stack, deployment.contracts.dataset(SALES))
    audit(stack, SALES, begin, dt.datetime.now(dt.UTC), say=heard)
    with a_refused_line(stack):
        tab = open_page({"page.html": written(stack)})
    tab.page.wait_for_selector(".cards")
    tab.screenshot("stack")

    # The feed: alarmed, with the very minutes, and the story that the command tells.
    assert "alarmed" in tab.text(f"#card-{QUOTES} .badges")
    first = refused[0] + dt.timedelta(minutes=30)  # the session opens in the middle of the hour
    tab.go(f"#/dataset/{QUOTES}/at/{first:%Y-%m-%dT%H}/AMD")
    tab.page.wait_for_selector(".point.missing")
    assert len(tab.texts(".point.missing")) == 30
    stories: dict[str, Any] = tab.page.evaluate("DATA.stories")
    assert stories, "the longest gaps are told"
    for story in stories.values():
        asked = story["subject"]
        told = starmend("why", story["table"], "--entity", asked["entity"], "--at", asked["at"], "--json").data
        for part in ("verdict", "sentence", "events"):
            assert told[part] == story[part], asked

    # The databases: what was refused; every window that overlaps the page's days, as `completeness` has it.
    tab.go("#/table/fact_sales_order")
    assert "the test refuses it" in tab.text("#quarantine")
    seen = {(name, start): rest for name, start, *rest in tab.page.evaluate(WINDOWS, SALES)}
    since = iso(tab.page.evaluate("DATA.range[0]"))
    rows = query_rows(
        deployment,
        "select subject, window_start, status, observed, repaired, late, absent, missing from completeness"
        f" where dataset = '{SALES}' and status not in ('halted', 'released')"
        f" and window_start > '{BOUNDED}' and window_end > '{since}'",
    )
    assert len(rows) >= 3
    counted = ("observed", "late", "repaired", "absent", "missing")
    for row in rows:
        status, *counts = seen[row["subject"], epoch(row["window_start"])]
        assert counts == [row[name] for name in counted], row
        assert status == row["status"] or status == "changed", row
    for contract in deployment.contracts:
        if contract.source:
            assert tab.page.evaluate("(name) => Boolean(datasetNamed(name))", contract.dataset), contract.dataset

    # Healed: the next page says so, and what was alarmed is history.
    stack.market.heal()
    done = audit(stack, QUOTES, *refused, say=heard)
    assert (done.missing, done.certificates) == (0, 1)
    healed = open_page({"page.html": written(stack)})
    healed.go(f"#/dataset/{QUOTES}/at/{first:%Y-%m-%dT%H}/AMD")
    healed.page.wait_for_selector(".point")
    assert healed.texts(".point.missing") == []
    eventually(lambda: deployed.alarm_state(deployment, f"gaps-unhealed-{QUOTES}") == "OK", within=30)
    assert prove(stack, QUOTES).failures == ()


def test_the_page_is_read_by_a_signed_link_and_by_nobody_without_one(stack: Stack, starmend: Command) -> None:
    page = written(stack)
    said = starmend("report", "--link", "--json")
    with urllib.request.urlopen(said.data["link"]) as answer:
        assert answer.read().decode() == page
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(said.data["link"].partition("?")[0])
    assert refusal.value.code == 403
