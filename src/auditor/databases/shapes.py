"""Changes of the source itself: its catalog now, against what the last audit saw of it.

Each audit asks for the columns of the contract's tables and the names of those beside them. A change is told once, and
is a finding for a day, so that a run that dies before its message costs nobody the news, or until the contract has
taken it: for that the look before the first change of the day is kept. What the contract does not promise and was there
at the first look is no change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from auditor.services import Services
from core.audit.findings import ChangedSource
from core.audit.source_check import REFUSED, DescribeTables, question_to_data, shapes_from_data
from core.contract.model import Contract, Database
from core.sources.catalog import CatalogColumn
from core.sources.shape import SourceChange, changes_of_tables
from core.time import iso

NEWS = timedelta(days=1)  # for which a change is a finding


@dataclass(frozen=True, slots=True)
class Shapes:
    """The source as an audit saw it: columns by the contract's table, relations beside them, and recent changes.

    A table that is ``gone`` stays among ``tables`` as it was last. ``changes`` are table, text and the second in which
    the change was seen first (ISO 8601); ``former`` are the tables of which there are changes, as they were before.
    """

    tables: Mapping[str, tuple[CatalogColumn, ...]] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    gone: tuple[str, ...] = ()
    former: Mapping[str, tuple[CatalogColumn, ...]] = field(default_factory=dict)


def look_at_source(services: Services, contract: Contract, source: Database, before: Shapes) -> Shapes:
    """The source as it is now; as it was where it shows nothing.

    Raises ``TransientFailure`` where it does not answer.
    """
    question = DescribeTables(contract.dataset, tuple(table.name for table in source.tables))
    answer = services.needed_source()(question_to_data(question))
    if REFUSED in answer:
        return before
    tables, others = shapes_from_data(answer)
    now = services.now()
    news = {(table, text): at for table, text, at in before.changes if at >= _second(now - NEWS)}
    former = {name: columns for name, columns in before.former.items() if any(table == name for table, _ in news)}
    there, others_before = {**tables, **dict.fromkeys(others, ())}, dict.fromkeys(before.others, ())
    fresh = {change.table for change in changes_of_tables(source.tables, {**before.tables, **others_before}, there)}
    known = {_place(change) for change in changes_of_tables(source.tables, former, before.tables)}  # no news any more
    seen = [
        change
        for change in changes_of_tables(source.tables, {**before.tables, **former, **others_before}, there)
        if _place(change) in news
        or (
            change.table in fresh
            and _place(change) not in known
            and not (change.kind == "gone" and change.table in before.gone)
        )
    ]
    beside = {place: at for place, at in news.items() if place[0] not in former and place[0] not in tables}
    changes = beside | {_place(change): _second(now) for change in seen}
    gone = tuple(table.name for table in source.tables if table.name in before.tables and table.name not in tables)
    tables |= {name: before.tables[name] for name in gone}
    return Shapes(
        tables,
        others,
        tuple((*place, news.get(place, at)) for place, at in changes.items()),
        gone,
        {
            change.table: former.get(change.table, before.tables[change.table])
            for change in seen
            if change.table in before.tables
        },
    )


def changed_source(dataset: str, shapes: Shapes) -> list[ChangedSource]:
    """The findings of recent changes, one for each table; the newest come first, for mails name some of many."""
    changes: dict[str, list[tuple[str, str]]] = {}
    for table, text, at in shapes.changes:
        changes.setdefault(table, []).append((at, text))
    newest_first = sorted(changes.items(), key=lambda item: max(item[1]), reverse=True)
    return [
        ChangedSource(dataset, table, tuple(text for _, text in reversed(of_table)), min(of_table)[0])
        for table, of_table in newest_first
    ]


def _place(change: SourceChange) -> tuple[str, str]:
    return change.table, str(change)


def _second(at: datetime) -> str:
    return iso(int(at.timestamp()))
