"""Questions to the table ``completeness`` about the tables of the star: the certified past, as one instant. Pure.

The rows are the auditor's, one of each window that it looked at (``core.landing.records.COMPLETENESS_COLUMNS``); a
halted object has a row of its own. Of a window that has several the last one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from core.contract.model import Contract, Contracts, Feed, SourceTable, Table, Take, TradingCalendar
from core.contract.types import ColumnType
from core.standards.sql import literal, quoted
from core.warehouse.current_state import ENTITIES, current_table, inputs_of

AUDITED_EVERY = 3600  # seconds; the schedule of the audits in Terraform
TEXT = ColumnType("string")


@dataclass(frozen=True, slots=True)
class Promise:
    """Completeness as it is promised of a table.

    ``audited`` are the subjects that an audit tells of it: each has to have been looked at. ``counted`` are those
    whose missing rows count, the source tables of halted objects among them. ``seconds`` after the last audit nothing
    is known any more: the promised time, an audit's interval, and the longest time in which a calendar expects nothing.
    """

    dataset: str
    audited: tuple[str, ...]
    counted: tuple[str, ...]
    seconds: int

    def query(self, relation: str) -> str:
        """One row with one instant (UTC): when the table was last seen to have all that is owed.

        Null where something is missing, alarmed, halted or held by the last word on it, and where no audit looked yet.
        """
        audited, counted = (", ".join(literal(name, TEXT) for name in names) for names in (self.audited, self.counted))
        return f"""\
select case when count(case when subject in ({audited}) then 1 end) = {len(self.audited)} and max(amiss) = 0
  then min(case when subject in ({audited}) then audited_at end) end
from (
  select subject, max(cast(substr(replace(audited_at, 'T', ' '), 1, 19) as timestamp)) as audited_at,
    max(case when missing > 0 or status in ('alarmed', 'halted', 'held') then 1 else 0 end) as amiss
  from (
    select subject, status, missing, audited_at,
      row_number() over (partition by subject, window_start, {quoted("object")} order by audited_at desc) as age
    from {relation}
    where dataset = {literal(self.dataset, TEXT)} and subject in ({counted})
  ) as windows
  where age = 1
  group by subject
) as subjects
"""


def promise_of(contracts: Contracts, table: Table) -> Promise | None:
    """The promise of a table; None where no audit tells of it: calendars, entities, facts that cannot be compared."""
    contract = contracts.dataset(table.dataset)
    source = contract.source
    if source is None or table.kind == "calendar" or table.source == ENTITIES:
        return None
    if table.kind == "rollup":
        return promise_of(contracts, contracts.table(table.source))
    seconds = source.complete_within + AUDITED_EVERY
    if isinstance(source, Feed):
        subjects = (source.table.name,)
        closed = _longest_closed(contracts.calendar(source.calendar)) + source.every
        return Promise(contract.dataset, subjects, subjects, seconds + closed)
    audited = tuple(kept.name for kept in _keeping(contract, table))
    halted = tuple(sorted({kept.source for kept in _keeping(contract, table)}))
    return Promise(contract.dataset, audited, (*audited, *halted), seconds) if audited else None


def _keeping(contract: Contract, table: Table) -> list[Table]:
    """The tables in which an audit compares the rows that a table is made from: a fact itself, else current states."""
    if table.kind == "fact":
        kept = [table]
    else:
        kept = [current_table(contract, contract.source_table(name)) for name in inputs_of(table)]
    return [table for table in kept if is_compared(contract.source_table(table.source), table)]


def is_compared(source: SourceTable, table: Table) -> bool:
    """Whether audits compare a table with its source: it takes key and version of the rows as they are."""
    taken = {
        rule.field
        for rule in (column.rule for column in table.columns)
        if isinstance(rule, Take) and rule.form == "value"
    }
    version = source.checked_mark if source.by_keys else source.changed_at or source.created_at
    return {version, *source.key} <= taken


def _longest_closed(calendar: TradingCalendar) -> int:
    """The longest time between two segments of a calendar, seconds."""
    return max((after[0] - before[1] for before, after in pairwise(calendar.segments)), default=0)
