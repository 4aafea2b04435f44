"""The contract that is proposed for a database, as commented YAML."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from core.errors import InvalidData
from core.proposing.columns import StarColumns, read_columns
from core.proposing.naming import plain_name, unused
from core.proposing.roles import Understood, understand
from core.proposing.star import Names, StarTable, dimension, fact
from core.proposing.timezones import timezone_of
from core.proposing.writing import Page, Value
from core.sources.catalog import CatalogTable, ServerFacts
from core.sources.samples import TableSample

_FAR = 10  # years from now that the calendar reaches
_OLDEST_YEAR = 1900
_ENTITIES = "entities"  # the contract's word for those of a feed


def propose(
    dataset: str,
    engine: str,
    server: ServerFacts,
    tables: Sequence[CatalogTable],
    samples: Mapping[str, TableSample],
    *,
    today: dt.date,
) -> str:
    """The contract of a database; ``samples`` are by relation. The text passes ``contract check``.

    Raises ``InvalidData`` where no table can be promised, saying of each why.
    """
    understood = understand(tables, samples)
    kept = [known for known in understood if known.role != "left out"]
    left_out = [known for known in understood if known.role == "left out"]
    if not kept:
        reasons = "; ".join(f"{known.relation}: {known.why}" for known in left_out) or "it has none"
        raise InvalidData("propose a contract", server.database, f"no table can be promised: {reasons}"[:2000])
    names = _names(kept)
    page = Page()
    _write_head(page, dataset, engine, server, kept)
    for known in kept:
        _write_source_table(page, known, names)
    if left_out:
        page.remark(2, "Left out, and why:")
        for why in dict.fromkeys(known.why for known in left_out):
            relations = ", ".join(known.relation for known in left_out if known.why == why)
            page.remark(2, f"{why}: {relations}")
    page.gap()
    page.put(0, "warehouse")
    for table in _star(kept, names, today):
        _write_star_table(page, table)
    first, last = _days(kept, today)
    page.put(1, "dim_date", {"kind": "calendar", "from": f"{first}-01-01", "to": f"{last}-12-31"})
    return page.text()


def _names(kept: Sequence[Understood]) -> Names:
    used = {_ENTITIES, "date"}  # dim_date is the calendar
    sources = {}
    for known in sorted(kept, key=lambda each: not each.table.visible):  # found along the search path: by its bare name
        name = plain_name(known.table.name)
        name = name if name not in used else plain_name(f"{known.table.schema}_{known.table.name}")
        sources[known.relation] = unused(name[:50], used)
    keys = {known.relation: StarColumns().name(*known.table.key)[0] for known in kept}
    return Names(sources, keys, {known.relation: known for known in kept})


def _write_head(page: Page, dataset: str, engine: str, server: ServerFacts, kept: Sequence[Understood]) -> None:
    page.remark(
        0, f"Proposed for the database {server.database} ({server.version}), from its catalog and some of its rows."
    )
    page.remark(
        0,
        "Read it, and mend what is guessed wrong: `starmend contract check` says whether it can be kept, and"
        " `starmend contract show` what it becomes.",
    )
    page.put(0, "dataset", dataset)
    page.gap()
    page.put(0, "source")
    page.put(1, "kind", "database")
    page.put(1, "engine", engine)
    page.put(1, "secret", f"{dataset.replace('_', '-')}-db", "a Secrets Manager name, never a value")
    zone, why = timezone_of(kept, server)
    page.put(1, "timezone", zone, why)
    page.put(1, "every", "5 minutes")
    page.put(1, "complete_within", "30 minutes", "from commit in the source to queryable")
    if not server.sees_transactions:
        why = f"role {server.role} does not see when transactions began; without the lookback: {server.grant}"
        page.put(1, "lookback", "15 minutes", why)
    page.put(1, "tables", remark=f"{len(kept)} of them")


def _write_source_table(page: Page, known: Understood, names: Names) -> None:
    source = names.sources[known.relation]
    page.put(2, source)
    if source != known.table.name or not known.table.visible:
        page.put(3, "relation", known.relation)
    page.put(3, "key", _short("key", list(known.table.key)))
    for role, column, why in (
        ("created_at", known.clocks.created_at, known.clocks.why_created),
        ("changed_at", known.clocks.changed_at, known.clocks.why_changed),
    ):
        if column:
            page.put(3, role, column, why)
    if not known.clocks:
        rows = max(known.sample.total, known.table.rows, 0)
        why = f"no column tells when a row changed: every audit compares all {rows} rows, and loads what is new"
        page.put(3, "changed_at", "none", why)
        page.put(3, "compare", "keys")
    page.put(3, "columns")
    for read in read_columns(known):
        if read.why_not:
            page.left_out(4, read.column.name, read.written, read.why_not)
        else:
            page.put(4, read.column.name, read.written, read.remark)


def _star(kept: Sequence[Understood], names: Names, today: dt.date) -> list[StarTable]:
    facts = [fact(known, names, today=today) for known in kept if known.role == "fact"]
    return facts + [dimension(known, names) for known in kept if known.role == "dimension"]


def _write_star_table(page: Page, table: StarTable) -> None:
    page.put(1, table.name)
    for key, value, remark in table.settings:
        page.put(2, key, _short(key, value), remark)
    page.put(2, "columns")
    for name, settings, remark in table.columns:
        page.put(3, name, settings, remark)
    page.gap()


def _short(key: str, value: Value) -> Value:
    """A list of one name as the name alone."""
    if key != "version" and isinstance(value, list) and len(value) == 1:
        return str(value[0])
    return value


def _days(kept: Sequence[Understood], today: dt.date) -> tuple[int, int]:
    """The years of the calendar: those of all times that were seen, and some to come."""
    years = [
        at.year for known in kept for each in known.sample.columns.values() for at in (each.earliest, each.latest) if at
    ]
    first = max(min(years, default=today.year), _OLDEST_YEAR)
    return min(first, today.year), max([year for year in years if year < today.year + 100] + [today.year]) + _FAR
