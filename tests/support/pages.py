"""Reports as the page shows them, planted: a dataset in every state, and one as large as a page has to bear."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from tests.support.lake import shipped_contracts

from auditor.feeds.expect import expect
from auditor.feeds.points import ABSENT, LATE, MISSING, NOT_OWED, OBSERVED, REPAIRED, Coverage
from auditor.page.condition import Facts, banner, conditions
from auditor.page.coverage import Counts, FeedView, Status, WindowSeen, shape_feed
from auditor.page.reading.stories import story_key
from auditor.page.report import (
    Alarm,
    AuditView,
    DatasetView,
    Freshness,
    Halt,
    Processed,
    Progress,
    Report,
    WindowView,
    freshness,
)
from auditor.page.tables import Refusals, TableView, shape_table
from auditor.stories.story import Event, Story
from auditor.windows import DAY, windows_between
from core.audit.certificate import LedgerEntry
from core.contract.model import Contract, Entity, Feed, Table, TradingCalendar
from core.time import at_epoch, epoch, iso
from core.warehouse.pointer import partition_of

MADE = dt.datetime(2026, 11, 27, 17, 20, tzinfo=dt.UTC)
NOW = int(MADE.timestamp())
START = NOW - 7 * DAY


def fed(
    dataset: str,
    *,
    entities: Sequence[str],
    spoil: Mapping[tuple[str, str], tuple[int, int]] | None = None,
    status: Status = "certified",
    statuses: Mapping[str, Status] | None = None,
    start: int = START,
    end: int = NOW,
    due_before: int = NOW - 7200,
    calendar: TradingCalendar | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> FeedView:
    """A feed by the minute, all of whose points were observed but for what is spoilt.

    ``spoil`` gives for (entity, instant) a code and a number of points; ``noise`` is a share that is late, repaired,
    absent or missing, anywhere.
    """
    source = shipped_contracts().feed("quotes")
    feed: Feed = replace(source, entities=tuple(Entity(name) for name in entities))
    calendar = calendar or shipped_contracts().calendar("XNYS")
    windows = [window for window in windows_between(feed, calendar, start, end) if window.end <= end]
    coverage = Coverage(expect(feed, calendar, windows))
    coverage.cells[coverage.cells != NOT_OWED] = OBSERVED
    slots = coverage.expectation.grid.slots
    for (entity, at), (code, many) in (spoil or {}).items():
        first = int(np.searchsorted(slots, epoch(at)))
        coverage.cells[list(entities).index(entity), first : first + many] = code
    if noise:
        random = np.random.default_rng(seed)
        places = random.random(coverage.cells.shape, dtype=np.float32) < noise
        coverage.cells[places] = random.choice([LATE, LATE, REPAIRED, ABSENT, MISSING], int(places.sum()))
    seen = [
        WindowSeen(window, found, place + 1 if found == "certified" else 0)
        for place, window in enumerate(windows)
        for found in [(statuses or {}).get(iso(window.start), status)]
    ]
    view = shape_feed(dataset, f"fact_{dataset}", feed.every, coverage, seen, due_before=due_before)
    assert view is not None
    return view


def dataset(name: str, view: FeedView | Sequence[WindowView] = (), **more: Any) -> DatasetView:
    """A dataset with its conditions as they follow from what is given."""
    named = {key: more.pop(key) for key in ("halts", "progress", "canary") if key in more}
    is_feed = isinstance(view, FeedView)
    counts = (
        {
            "windows": view.windows,
            "certified": view.certified,
            "missing": view.total.missing,
            "overdue": view.overdue,
            "first_missing": view.first_missing,
        }
        if isinstance(view, FeedView)
        else {
            "windows": len(view),
            "certified": sum(window.status == "certified" for window in view),
            "missing": sum(window.counts.missing for window in view),
            "first_missing": min((window.start for window in view if window.counts.missing), default=None),
        }
    )
    facts = Facts(
        name, **{"audited_at": NOW - 1500, "next_audit": NOW + 2100, "fine_since": NOW - 3 * DAY} | counts | more
    )
    return DatasetView(
        name=name,
        kind="feed" if is_feed else "database",
        source="finnhub" if is_feed else "postgresql",
        every=60 if is_feed else 300,
        complete_within=7200,
        facts=facts,
        conditions=conditions(facts),
        coverage=view if isinstance(view, FeedView) else None,
        windows=() if isinstance(view, FeedView) else tuple(view),
        **named,
    )


def window(
    subject: str, start: str, end: str, *, status: str = "certified", missing: int = 0, rows: int = 4200
) -> WindowView:
    """A window of a database's table."""
    counts = Counts(observed=rows - missing - 12, repaired=12, missing=missing)
    return WindowView(
        subject, epoch(start), epoch(end), status, counts, 40 if status == "certified" else 0, iso(NOW - 1500)
    )


def months(subject: str, many: int = 3, **last: Any) -> list[WindowView]:
    """The last months of a table, November being the last; ``last`` is said of it."""
    bounds = [f"2026-{month:02d}-01T00:00:00Z" for month in range(12 - many, 12)] + ["2026-12-01T00:00:00Z"]
    return [
        window(subject, start, end, **(last if place == many - 1 else {}))
        for place, (start, end) in enumerate(itertools.pairwise(bounds))
    ]


def alarm(dataset: str, name: str = "not_entitled", **more: Any) -> Alarm:
    """An alarm that is open unless ``until`` is given."""
    given: dict[str, Any] = {
        "meaning": "the provider refuses to give its history",
        "remedy": "Look at the provider's plan and the token (starmend secret set). Then: starmend heal",
        "count": 60,
        "entities": ("AMD",),
        "since": "2026-11-27T15:20:00Z",
        "answer": '403 {"error":"You don\'t have access to this resource."}',
        "run": "audit-20261127T1520",
        "sent": 1,
        "spans": (("2026-11-25T15:00:00Z", "2026-11-25T16:00:00Z"),),
        "tried": ("the provider's history was asked three times",),
    }
    return Alarm(dataset, name, **(given | more))


def audit(dataset: str, hours_ago: int, detected: int = 0, left: int = 0, **more: Any) -> AuditView:
    """An audit that healed all but what is left."""
    at = MADE - dt.timedelta(hours=hours_ago)
    return AuditView(
        run=f"audit-{dataset}-{at:%Y%m%dT%H%M}",
        dataset=dataset,
        at=at,
        windows=7,
        detected=detected,
        healed=detected - left,
        absent=0,
        left=left,
        alarmed=0,
        attempts=1 if detected else 0,
        certified=more.pop("certified", 7),
        ended=iso(int(at.timestamp()) + 90),
        **more,
    )


def entry(number: int, subject: str, start: str, end: str, partitions: Mapping[str, int]) -> LedgerEntry:
    """A certificate of a window, as its ledger has it."""
    rows = sum(partitions.values())
    return LedgerEntry(
        number=number,
        hash=_hash(f"{subject}{number}"),
        start=start,
        end=end,
        contract=_hash("contract"),
        expected=rows,
        present=rows,
        observed=rows - 3,
        repaired=3,
        late=0,
        absent=0,
        digest=_hash(start),
        partitions={name: [count, _hash(name)] for name, count in partitions.items()},
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def renamed(dataset_name: str, of: str = "quotes") -> tuple[Contract, tuple[Table, ...]]:
    """The shipped contract under another name, with its tables' names changed likewise."""
    contract = shipped_contracts().dataset(of)
    if dataset_name == of:
        return contract, contract.tables
    names = {table.name: _renamed(table.name, dataset_name, of) for table in contract.tables}
    tables = tuple(
        replace(table, name=names[table.name], dataset=dataset_name, source=names.get(table.source, table.source))
        for table in contract.tables
    )
    return replace(contract, dataset=dataset_name, tables=tables), tables


def _renamed(table: str, dataset_name: str, of: str) -> str:
    if of != "quotes" or table.startswith("dim_"):
        return f"{table}_{dataset_name}"
    return table.replace("quote", dataset_name)


def tables_of(
    dataset_name: str, of: str = "quotes", *, entities: Sequence[str] = (), refused: bool = False
) -> list[TableView]:
    """The tables of a dataset, with partitions and certificates for its facts."""
    contract, tables = renamed(dataset_name, of)
    views = []
    for table in tables:
        paths = [f"symbol={name}/month=2026-{month}" for month in ("11", "10") for name in entities]
        if of == "sales":
            paths = [f"created_at_month=2026-{month:02d}" for month in range(11, 0, -1)]
        is_fact = table.kind == "fact"
        entries = (
            [
                entry(
                    number,
                    table.source,
                    f"2026-11-{day:02d}T15:00:00Z",
                    f"2026-11-{day:02d}T16:00:00Z",
                    {partition_of(table.folder, path): 60 + 7 * place % 11 for place, path in enumerate(paths)},
                )
                for number, day in enumerate((23, 24, 25, 26, 27), start=1)
            ]
            if is_fact
            else []
        )
        views.append(
            shape_table(
                contract,
                table,
                tables,
                paths=paths if table.kind in ("fact", "rollup") else [""],
                versions={path: 20 + place for place, path in enumerate(paths)} if is_fact else {"": 3},
                entries=entries,
                refusals=Refusals(
                    2,
                    14,
                    (("price: -1.00 breaks the check > 0", 12), ("no JSON", 2)),
                    (("feeds/quotes/2026/11/27/15/a-1", 3, "price"), ("feeds/quotes/2026/11/27/15/a-2", 1, "no JSON")),
                )
                if refused and is_fact
                else None,
            )
        )
    return views


SYMBOLS = ("AAPL", "AMD", "AMZN", "GOOG", "INTC", "META", "MSFT", "NFLX", "NVDA", "TSLA", "ZM")
STATES_PLANTED = {
    "complete": "quotes",
    "late": "trades",
    "repairing": "rates",
    "alarmed": "funds",
    "halted": "sales",
    "unplaced": "stock",
    "outdated": "ledger",
    "paused": "bonds",
    "canary_failed": "canary",
}


@cache
def planted() -> Report:
    """A report with a dataset in each state, by the names of ``STATES_PLANTED``."""
    hour = "2026-11-25T15:00:00Z"
    gap = {("AMD", "2026-11-25T15:03:00Z"): (MISSING, 1), ("ZM", "2026-11-25T16:10:00Z"): (MISSING, 5)}
    some = {
        ("NVDA", "2026-11-24T15:00:00Z"): (REPAIRED, 40),
        ("TSLA", "2026-11-25T20:00:00Z"): (LATE, 9),
        ("ZM", "2026-11-27T15:00:00Z"): (ABSENT, 3),
    }
    progress = Progress(
        "fact_ledger", 14, 36, "months", "fact_ledger: 14 of 36 months under the new contract, done in about 3 h"
    )
    halt = Halt(
        "tables/sales/sales_order/000000000017.jsonl.gz",
        "sales_order",
        5000,
        "quarantine: 98 % of 5,000 lines are bad",
        "2026-11-27T14:05:00Z",
    )
    views = (
        dataset("quotes", fed("quotes", entities=SYMBOLS, spoil=some)),
        dataset("trades", fed("trades", entities=SYMBOLS, spoil=gap, status="open", statuses={})),
        dataset(
            "rates",
            fed(
                "rates",
                entities=("EUR", "GBP", "JPY"),
                spoil={("JPY", "2026-11-27T16:30:00Z"): (MISSING, 9)},
                statuses={"2026-11-27T16:00:00Z": "open"},
                end=NOW,
            ),
        ),
        dataset(
            "funds",
            fed("funds", entities=SYMBOLS, spoil={("AMD", hour): (MISSING, 60)}, statuses={hour: "alarmed"}),
            alarms={"not_entitled": NOW - 7200},
        ),
        dataset(
            "sales", [*months("sales_order"), *months("customer", 1)], halts=(halt,), halted_since=NOW - 11_700, **{}
        ),
        dataset("stock", months("stock_move", 3), unplaced=7),
        dataset("ledger", months("entry", 8), progress=(progress,), changes=(progress.text,), changed_since=NOW - 9000),
        dataset(
            "bonds",
            fed("bonds", entities=("A1", "B2"), end=NOW - 2 * DAY),
            paused="paused since 2026-11-25T22:00:00Z by admin: maintenance",
            paused_since=NOW - 2 * DAY,
        ),
        dataset("canary", fed("canary", entities=("AAPL",)), canary=True),
    )
    views = tuple(_with_halts(view) for view in views)
    told = Story(
        "trades", "fact_trades", {"entity": "AMD", "at": "2026-11-25T15:03:00Z"}, "missing",
        "AMD of 2026-11-25T15:03:00Z is missing",
        events=(
            Event("2026-11-25T16:20:00Z", "audited", "audit audit-1 found it missing", ""),
            Event("2026-11-25T16:21:00Z", "tried", "the provider's history was asked: it answered 429", ""),
        ),
        next=("It is asked for again by the next audit, due 2026-11-27T17:55:00Z",),
    )  # fmt: skip
    return Report(
        project="starmend",
        environment="prod",
        made_at=MADE,
        start=at_epoch(START),
        end=MADE,
        banner=banner([(view.facts, view.conditions) for view in views]),
        datasets=views,
        tables=tuple(
            table
            for name in ("quotes", "trades", "rates", "funds", "bonds", "canary")
            for table in tables_of(name, entities=SYMBOLS[:4], refused=name == "funds")
        )
        + tuple(table for name in ("sales", "stock", "ledger") for table in tables_of(name, "sales")),
        audits=tuple(
            sorted(
                [audit("quotes", hours, 40 * (hours % 3), 0) for hours in range(1, 14)]
                + [
                    audit("trades", 2, 6, 6),
                    audit("funds", 2, 60, 60, causes=("not_entitled",), certified=6),
                    audit("stock", 5, error="TimeoutError: the check function did not answer"),
                ],
                key=lambda view: view.at,
                reverse=True,
            )
        ),
        alarms=(
            alarm("funds"),
            alarm(
                "quotes",
                "limited",
                since="2026-11-24T15:20:00Z",
                until="2026-11-24T17:20:00Z",
                count=40,
                entities=("NVDA",),
            ),
        ),
        freshness=_freshness(),
        processed=tuple(_receipt(number) for number in range(6)),
        stories={story_key("trades", "AMD", epoch("2026-11-25T15:03:00Z")): told.to_data()},
    )


def _with_halts(view: DatasetView) -> DatasetView:
    """What the page tells of a halted object and of a canary follows from the facts, as where they are read."""
    facts = replace(view.facts, halts=len(view.halts), canary=False if view.canary else None)
    return replace(view, facts=facts, conditions=conditions(facts))


def _freshness() -> tuple[Freshness, ...]:
    behind = {"quotes": 3, "trades": 4, "rates": 50, "funds": 3, "bonds": 0, "canary": 5}
    feeds = [
        freshness(
            name,
            f"fact_{name}" if name != "quotes" else "fact_quote",
            feed=True,
            newest=MADE - dt.timedelta(minutes=minutes),
            owed=MADE,
            limit=7200,
        )
        for name, minutes in behind.items()
    ]
    return (
        *feeds,
        freshness("sales", "fact_sales_order", feed=False, newest=MADE - dt.timedelta(hours=5), owed=MADE, limit=7200),
    )


def _receipt(number: int) -> Processed:
    return Processed(
        "quotes",
        "quotes",
        f"feeds/quotes/2026/11/27/17/starmend-{number}",
        MADE - dt.timedelta(minutes=number),
        33,
        33 - number % 2,
        number % 2,
        140.0 + number,
        "committed",
        "",
        11,
    )


# ---------------------------------------------------------------- a large one


def large(*, feeds: int = 10, entities: int = 1000, days: int = 30, noise: float = 0.0005, tables: int = 30) -> Report:
    """Many entities over many days, in so many feeds (they share the entities), and as many tables as are asked for."""
    share = entities // feeds
    start = NOW // DAY * DAY - days * DAY
    always = TradingCalendar("always", "1", segments=((start, NOW),), covers_from=start, covers_to=NOW)
    views, listed = [], []
    for place in range(feeds):
        name = f"feed_{place:02d}"
        names = [f"E{number:04d}" for number in range(place * share, (place + 1) * share)]
        views.append(
            dataset(
                name,
                fed(name, entities=names, start=start, end=NOW // DAY * DAY, calendar=always, noise=noise, seed=place),
            )
        )
        listed += tables_of(name, entities=names[:40])
    report = planted()
    return replace(
        report,
        start=at_epoch(start),
        datasets=tuple(views),
        tables=tuple(listed[:tables]),
        stories={},
        banner=banner([(view.facts, view.conditions) for view in views]),
    )
