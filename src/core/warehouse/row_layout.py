"""The layout of a partition's rows: the rules of its table by which they were sorted, chosen and marked as latest.

Every footer records it, so that a merge knows whether what is there was written by the rules that it follows. Footers
of earlier releases have none.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.contract.codec import content_hash
from core.contract.model import Database, Latest, LookedUp, Lookup, Source, Surrogate, Table

if TYPE_CHECKING:
    import pyarrow as pa

MIXED = "mixed"  # the form of rows that two forms made: no contract's, so that every audit makes them again
_PLAIN = {"int", "bigint", "boolean", "date", "timestamp"}  # types of which a value is one word of an id


@dataclass(frozen=True, slots=True)
class RowLayout:
    """Columns by name: the key that rows are unique and sorted by, the version rule, and the histories' latest flags.

    ``version`` has for each column its name and, where its values are ranked, those, lowest first. ``form`` is a hash
    of the columns by which the rows were made: their names, types and origins. A merge onto rows of another form leaves
    ``MIXED`` ones: by a newer contract, what was there has none of a new column; by an older one, which a function
    under way may still go by, what was there loses it. ``basis`` is the table's by which the rows were made. Empty: by
    an earlier release, which did not say.
    """

    key: tuple[str, ...]
    version: tuple[tuple[str, ...], ...] = ()
    history_of: tuple[str, ...] = ()
    latest: tuple[str, ...] = ()
    form: str = ""
    basis: str = ""

    @classmethod
    def of(cls, table: Table) -> RowLayout:
        """The layout that the contract wants of a table's partitions. Columns whose value is the path's are in none."""
        stored = {column.name: column for column in table.stored_columns}
        return cls(
            key=table.stored_key,
            version=tuple((name, *stored[name].rank) for name in table.version if name in stored),
            history_of=tuple(name for name in table.history_of if name in stored),
            latest=tuple(column.name for column in stored.values() if isinstance(column.rule, Latest)),
            form=form_of(table),
            basis=table.basis,
        )

    def to_data(self) -> dict[str, Any]:
        """JSON-ready, without what is empty."""
        data = {
            "key": list(self.key),
            "version": [list(column) for column in self.version],
            "history_of": list(self.history_of),
            "latest": list(self.latest),
            "form": self.form,
            "basis": self.basis,
        }
        return {name: value for name, value in data.items() if value or name == "key"}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> RowLayout:
        """The layout that ``to_data`` wrote; what a later release added is passed over."""
        return cls(
            key=tuple(data["key"]),
            version=tuple(tuple(column) for column in data.get("version", ())),
            history_of=tuple(data.get("history_of", ())),
            latest=tuple(data.get("latest", ())),
            form=data.get("form", ""),
            basis=data.get("basis", ""),
        )

    def conflict(self, wanted: RowLayout) -> str:
        """Why nothing can be merged by the ``wanted`` layout onto rows of this one; empty where it can.

        Values that are added to a ranked column's list are no conflict, for those that are there keep their order.
        """
        if self.key != wanted.key:
            return f"its rows are sorted by the key {_names(self.key)}, the contract says {_names(wanted.key)}"
        same_columns = [name for name, *_ in self.version] == [name for name, *_ in wanted.version]
        if not same_columns or not all(map(_keeps_order, self.version, wanted.version)):
            return f"its rows won by the version {_rules(self.version)}, the contract says {_rules(wanted.version)}"
        return ""

    def onto(self, written: RowLayout | None) -> RowLayout:
        """What a footer records of a merge by this layout onto rows that were ``written`` by another (None: not known).

        Rows of an earlier release stay those: their columns tell what they lack.
        """
        made_by = written or RowLayout(())
        if made_by.form and (made_by.form, made_by.basis) != (self.form, self.basis):
            return replace(self, form=MIXED, basis="")
        return replace(self, form=made_by.form, basis=made_by.basis)

    def has_other_flags(self, wanted: RowLayout) -> bool:
        """Whether other rows are the latest by the ``wanted`` layout: a merge has to decide that again."""
        return (self.history_of, self.latest) != (wanted.history_of, wanted.latest)

    def difference(self, wanted: RowLayout) -> str:
        """What of the rows is not as the ``wanted`` layout has it; empty where all is."""
        if conflict := self.conflict(wanted):
            return conflict
        if self.has_other_flags(wanted):
            before, after = _names(self.history_of), _names(wanted.history_of)
            return f"its latest rows are those of {before}, the contract says {after}"
        return ""


@functools.lru_cache(maxsize=512)  # an audit asks for it of every partition, and it takes 0.25 ms
def form_of(table: Table) -> str:
    """The hash of what makes a table's rows, beside their layout; words to readers, checks and order are none of it."""
    columns = sorted((column.name, str(column.type), content_hash(column.rule)) for column in table.stored_columns)
    return content_hash((columns, table.joins, table.source))[:16]


def basis_of(table: Table, source: Source | None, lookups: Iterable[Lookup] = ()) -> str:
    """The basis of a table's values in a contract with this source; empty where they rest on their rules alone."""
    rules = [column.rule for column in table.columns]
    names = {rule.lookup for rule in rules if isinstance(rule, LookedUp)}
    looked_up = {lookup.name: lookup.columns for lookup in lookups if lookup.name in names}
    origins = [origin for origin in (source.tables if source else ()) if origin.name == table.source]
    rounded = {field.name: field.round for origin in origins for field in origin.fields if field.round}
    former = {field.name: field.was for origin in origins for field in origin.fields if field.was}
    zone = source.timezone if isinstance(source, Database) and origins and source.timezone != "UTC" else ""
    if former:  # rows that were made before a name was known have no value of it
        return content_hash((looked_up, rounded, zone, former))[:16]
    return content_hash((looked_up, rounded, zone))[:16] if looked_up or rounded or zone else ""


def why_outdated(written: RowLayout | None, schema: pa.Schema, table: Table) -> str:
    """Why rows of this layout and schema are not as the table's would be made now; empty where they are.

    Of rows of earlier releases, which do not say how they were made, the columns alone are compared.
    """
    from core.warehouse.arrow_types import CONTENT_FIELDS, stored_schema  # Arrow, which help texts do without

    wanted = RowLayout.of(table)
    columns = {field.name: field.type for field in stored_schema(table)}
    if written is not None and written.form == wanted.form:  # which says nothing of these
        columns = {name: kind for name, kind in columns.items() if name not in {kept.name for kept in CONTENT_FIELDS}}
    present = {field.name: field.type for field in schema}
    if written is not None and (difference := written.difference(wanted)):
        return difference
    if new := sorted(columns.keys() - present.keys()):
        return f"its rows have no {', '.join(new)}"
    if other := sorted(name for name in columns.keys() & present.keys() if columns[name] != present[name]):
        return f"its rows have {', '.join(other)} in another type"
    if written is not None and written.form == MIXED:
        return "its rows were made by the columns of two contracts"
    if written is not None and written.form and written.form != wanted.form:
        return "its rows were made by columns of an earlier contract"
    if written is not None and written.form and written.basis != wanted.basis:
        return "its values were looked up or read by what an earlier contract said"
    return ""


def text_ids(table: Table) -> tuple[str, ...]:
    """The surrogate columns that are derived from a text, decimal or double.

    Before footers recorded layouts, such an id depended on the longest text of its batch: a partition that records none
    may hold them.
    """
    kinds = {column.name: column.type.name for column in table.columns}
    return tuple(
        column.name
        for column in table.stored_columns
        if isinstance(column.rule, Surrogate) and not {kinds[name] for name in column.rule.columns} <= _PLAIN
    )


def _keeps_order(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether the ranked values of before come in the same order after; a rank that is new or gone is another rule."""
    places = {value: place for place, value in enumerate(after[1:])}
    kept = [places[value] for value in before[1:] if value in places]
    return len(kept) == len(before) - 1 and kept == sorted(kept) and (len(before) > 1) == (len(after) > 1)


def _names(names: Iterable[str]) -> str:
    return f"({', '.join(names)})"


def _rules(version: Iterable[Sequence[str]]) -> str:
    return _names(f"{name} by {' < '.join(rank)}" if rank else name for name, *rank in version)
