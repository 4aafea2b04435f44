"""Reading of how fresh the tables are, and of the newest receipts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from heapq import nlargest

from auditor.page.reading.sources import Sources
from auditor.page.report import Freshness, Processed, freshness, shape_receipt
from auditor.services import QueryRunner
from auditor.windows import DAY, settled_until
from core.contract.model import Contract, Feed, Table
from core.feeds.grid import expected_slots
from core.landing.records import receipt_if_any
from core.landing.zone import RECEIPTS
from core.ports import ObjectInfo
from core.time import NO_PLACE, at_epoch, parse_athena_instant

NEWEST = 6  # receipts of each source table
RECEIPT_DAYS = (1, 7, 31)  # how far back a feed's receipts are looked for, until there are some


def read_freshness(sources: Sources, now: dt.datetime) -> list[Freshness]:
    """Freshness of every fact: a feed's against its calendar, a database's against the clock."""
    facts = [
        (contract, table)
        for contract in sources.contracts
        if contract.source is not None
        for table in contract.tables
        if table.kind == "fact"
    ]
    newest = sources.newest([table for _, table in facts])
    return [
        freshness(
            contract.dataset,
            table.name,
            feed=isinstance(contract.source, Feed),
            newest=newest.get(table.name),
            owed=_owed(sources, contract, now),
            limit=contract.source.complete_within if contract.source else 0,
        )
        for contract, table in facts
    ]


def _owed(sources: Sources, contract: Contract, now: dt.datetime) -> dt.datetime | None:
    """The newest instant that rows should have by now; a feed's is its newest settled slot."""
    if not isinstance(contract.source, Feed):
        return now
    calendar = sources.contracts.calendar(contract.source.calendar)
    until = min(settled_until(contract.source, int(now.timestamp())), calendar.covers_to)
    since = max(until - 14 * DAY, calendar.covers_from)
    slots = expected_slots(calendar, every=contract.source.every, start=since, end=until)
    return at_epoch(int(slots[-1])) if len(slots) else None


def newest_by(athena: QueryRunner, tables: Sequence[Table]) -> Mapping[str, dt.datetime | None]:
    """The newest instant in each fact, asked of Athena in one query: of a feed's point, or of a row's change."""
    instants = {table.name: instant_column(table) for table in tables}
    parts = [
        f"select '{name}' as name, {newest_text(column)} as newest from \"{name}\""
        for name, column in instants.items()
        if column
    ]
    if not parts:
        return {}
    answers = athena.query(" union all ".join(parts)).to_dict("records")
    return {row["name"]: _utc(row["newest"]) for row in answers}


def newest_text(column: str) -> str:
    """SQL of a column's newest instant as text; rows without a place in time, which show ``NO_PLACE``, have none."""
    return f'cast(max("{column}") filter (where "{column}" < timestamp \'{NO_PLACE}\') as varchar)'


def instant_column(table: Table) -> str:
    """The key's instant: a feed's point, or a version's change. Empty where the key has none."""
    timed = [column.name for column in table.columns if column.name in table.key and column.type.name == "timestamp"]
    return timed[-1] if timed else ""


def _utc(text: object) -> dt.datetime | None:
    if not isinstance(text, str) or not text:
        return None
    return parse_athena_instant(text)


# ---------------------------------------------------------------- processing


def read_receipts(sources: Sources, contract: Contract, now: dt.datetime) -> list[Processed]:
    """The newest receipts of each source table."""
    keys: list[str] = []
    for source in contract.needed_source.tables:
        prefix = f"{RECEIPTS}dataset={contract.dataset}/source_table={source.name}/"
        if isinstance(contract.source, Feed):
            newest = _of_feed(sources, prefix, now)
        else:
            latest = _latest(sources, contract.dataset, source.name)
            first = max(0, int(latest) - NEWEST) if latest.isdigit() else 0
            newest = nlargest(NEWEST, sources.records.list(prefix, after=f"{prefix}{first:012d}~"), key=_modified)
        keys += [info.key for info in newest]
    return [shape_receipt(receipt) for receipt in sources.read_all(keys, receipt_if_any)]


def _latest(sources: Sources, dataset: str, table: str) -> str:
    parameters = sources.services.parameters
    known = f"{sources.services.parameter_prefix}/{dataset}/{table}/latest_object"
    return parameters.get_many([known]).get(known, "") if parameters else ""


def _of_feed(sources: Sources, prefix: str, now: dt.datetime) -> list[ObjectInfo]:
    """The newest receipts of a feed; their names begin with the hour of arrival."""
    for days in RECEIPT_DAYS:
        after = f"{prefix}{now - dt.timedelta(days=days):%Y-%m-%d-%H}"
        if newest := nlargest(NEWEST, sources.records.list(prefix, after=after), key=_modified):
            return newest
    return []


def _modified(object_info: ObjectInfo) -> tuple[dt.datetime, str]:
    return object_info.modified, object_info.key
