"""The resolved contract: every promise of a dataset, with all defaults filled in and all references checked.

Frozen values. ``core.authoring.resolve`` makes them from YAML, ``core.contract.codec`` carries them to the
Lambdas as JSON, and every room reads them. Durations are whole seconds, dates are ISO strings, tuples keep the written
order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.contract.types import ColumnType
from core.time import epoch

# ---------------------------------------------------------------- how a warehouse column gets its value


@dataclass(frozen=True, slots=True)
class Take:
    """The source field, or only its date (``YYYY-MM-DD``) or time of day (``HH:MM:SS.ffffff``)."""

    field: str
    form: Literal["value", "date", "time"] = "value"
    rule: Literal["take"] = "take"


@dataclass(frozen=True, slots=True)
class TakeByKind:
    """Another field for a live answer than for a historic one (a candle has four prices)."""

    live: str
    history: str
    rule: Literal["take_by_kind"] = "take_by_kind"


@dataclass(frozen=True, slots=True)
class Joined:
    """A field of the joined source table's current row; null when there is none."""

    table: str
    field: str
    rule: Literal["joined"] = "joined"


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A column of a lookup file, found by the value of a source field; null when it is not listed."""

    lookup: str
    by: str
    column: str
    rule: Literal["looked_up"] = "looked_up"


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A 63-bit integer derived from the named columns alone: the same row has the same id for ever."""

    columns: tuple[str, ...]
    rule: Literal["surrogate"] = "surrogate"


@dataclass(frozen=True, slots=True)
class Latest:
    """True for the newest version of a ``history_of`` key unless that version is deleted."""

    rule: Literal["latest"] = "latest"


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """A part of the calendar table's date: ``date``, ``year``, ``day_name`` and so on."""

    part: str
    rule: Literal["calendar_part"] = "calendar_part"


@dataclass(frozen=True, slots=True)
class Aggregated:
    """An aggregate over the group's facts: ``first(price)``, ``count()``, ``complete()``."""

    function: str
    column: str = ""
    rule: Literal["aggregated"] = "aggregated"


@dataclass(frozen=True, slots=True)
class GroupValue:
    """The value a rollup is grouped by: a fact column, or that column truncated to a unit of time."""

    column: str
    unit: str = ""
    rule: Literal["group_value"] = "group_value"


Rule = Take | TakeByKind | Joined | LookedUp | Surrogate | Latest | CalendarPart | Aggregated | GroupValue


@dataclass(frozen=True, slots=True)
class Check:
    """``column <operator> literal``; the literal is text, to be read as the column's type."""

    operator: Literal[">", ">=", "<", "<=", "=", "!="]
    literal: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a warehouse table.

    ``rank`` orders the values of a version column, lowest first. A null in a ``required`` column breaks the contract.
    ``missing`` says what a value is that ``references`` a parent which is not there: told to the admins (``alarm``),
    accepted (``allow``), or the parent's unknown member (``unknown``); the latter two are counted and certified.
    ``was`` are the names under which older rows have it, the last one first (current states alone: no star column has).
    """

    name: str
    type: ColumnType
    rule: Rule
    comment: str = ""
    unit: str = ""
    references: str = ""
    check: Check | None = None
    one_of: tuple[str, ...] = ()
    rank: tuple[str, ...] = ()
    immutable: bool = False
    required: bool = False
    missing: Literal["alarm", "allow", "unknown"] = "alarm"
    was: tuple[str, ...] = ()


# ---------------------------------------------------------------- partitions

TIME_UNITS = ("year", "month", "day", "hour")


@dataclass(frozen=True, slots=True)
class Partition:
    """One level of a partition path, ``<name>=<value>``.

    ``value``: the column itself, whose possible ``values`` the contract lists. ``year|month|day|hour``: the column's
    time, written ``2026``, ``2026-11``, ``2026-11-20``, ``2026-11-20-14``. ``bucket``:
    ``core.warehouse.keys.bucket_of`` modulo ``buckets``.
    """

    name: str
    column: str
    transform: Literal["value", "year", "month", "day", "hour", "bucket"]
    buckets: int = 0
    values: tuple[str, ...] = ()


# ---------------------------------------------------------------- tables

DELETED, CHECKED = "deleted_at", "checked_at"  # marks that repairs add to a row
RESERVED = "starmend_"  # before the name of a mark where the source's own column has it
# What a source says of a row's content as it writes the line, and that the row keeps beside the contract's columns: the
# number of the list of columns that were hashed, and the 64-bit hash (``core.landing.content``). Null: never hashed.
HASH_LIST, HASH = "starmend_list", "starmend_hash"


@dataclass(frozen=True, slots=True)
class Join:
    """``table`` is joined where its single key equals this table's source field ``on``."""

    table: str
    on: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the warehouse.

    ``source`` is a source table (facts, dimensions), ``entities`` (a feed's entity dimension), a fact (rollups) or
    empty (calendar). ``since`` is the first day that time partitions list; ``until`` is a calendar's last day.
    ``deleted`` and ``checked`` are the names under which it has the marks of its source's rows, if it has them.
    ``basis`` is a hash of what its values are made by beside their rules: lookup files, time zone, rounding (empty:
    nothing of these).
    ``generation`` tells its partitions from those that it had under another key, other partitions or other types; the
    first has none (``core.evolution.generations``).
    """

    name: str
    dataset: str
    kind: Literal["fact", "rollup", "dimension", "calendar"]
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    source: str = ""
    version: tuple[str, ...] = ()
    history_of: tuple[str, ...] = ()
    partition_by: tuple[Partition, ...] = ()
    joins: tuple[Join, ...] = ()
    since: str = ""
    until: str = ""
    deleted: str = DELETED
    checked: str = CHECKED
    basis: str = ""
    generation: str = ""

    @property
    def folder(self) -> str:
        """The folder of its partitions, by which the store names them."""
        return f"{self.name}.{self.generation}" if self.generation else self.name

    def column(self, name: str) -> Column:
        """Raises ``KeyError``."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """The columns of the Parquet objects: all but those whose value is the partition's."""
        in_path = {part.column for part in self.partition_by if part.transform == "value"}
        return tuple(column for column in self.columns if column.name not in in_path)

    @property
    def keeps_content(self) -> bool:
        """Whether its rows keep the hash of their content: those of a database, which an audit can fetch again."""
        return self.checked in self.version

    @property
    def stored_key(self) -> tuple[str, ...]:
        """The natural key within one partition; rows of an object are unique and sorted by it."""
        in_path = {part.column for part in self.partition_by if part.transform == "value"}
        return tuple(name for name in self.key if name not in in_path)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an ingested JSON line; ``added`` ones are put there by repairs and are no column of the source.

    ``round`` says how a feed's number is rounded to its type (``half_even``); empty: one that has more digits is
    refused. ``since`` is when the source began to have values of it (ISO, empty: they are asked of it for every row):
    in rows of an older version it is null, and that is how they are. ``was`` are the names that the source had for it
    before, the last one first: lines that are there are read by them (``core.landing.former_names``).
    """

    name: str
    type: ColumnType
    required: bool = True
    comment: str = ""
    added: bool = False
    round: str = ""
    since: str = ""
    was: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceTable:
    """The form of the JSON lines of a database's table (rows) or of a feed (points).

    ``relation`` is what the database calls the table where that is not ``name`` found along the role's search path:
    names as in SQL, ``archive."Order-Items"``. ``generation`` is that of the current state that is kept of its rows.
    ``compare``: ``keys`` is a table without times of change, which audits alone load and keep right, by key and
    content; ``time`` any other.
    """

    name: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    created_at: str = ""
    changed_at: str = ""
    rows_per_object: int = 100_000
    relation: str = ""
    generation: str = ""
    compare: Literal["time", "keys"] = "time"

    @property
    def by_keys(self) -> bool:
        """Whether no time tells which of its rows changed."""
        return self.compare == "keys"

    @property
    def keeps_content(self) -> bool:
        """Whether its lines may say the hash of their content: the rows of a database's table."""
        return self.by_keys or bool(self.changed_at or self.created_at)

    @property
    def deleted_mark(self) -> str:
        """The field by which a repair says that the source no longer has the row."""
        return self._mark(DELETED)

    @property
    def checked_mark(self) -> str:
        """The field by which a repair says when the row was fetched again."""
        return self._mark(CHECKED)

    def _mark(self, name: str) -> str:
        """Another name than usual where the source has a column of that name itself (soft deletes), in any capitals."""
        is_own = any(field.name.casefold() == name and not field.added for field in self.fields)
        return f"{RESERVED}{name}" if is_own else name

    def field(self, name: str) -> Field:
        """Raises ``KeyError``."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise KeyError(f"{self.name} has no field {name!r}")


# ---------------------------------------------------------------- sources


@dataclass(frozen=True, slots=True)
class Database:
    """OLTP tables that change. ``lookback`` 0 means: rely on the safe horizon. A ``sweep`` compares all history.

    ``canary``: its facts are shadows of another dataset's, and one row a day is taken out of them
    (``core.audit.canary``).
    """

    engine: Literal["postgresql"]
    secret: str
    timezone: str
    every: int
    settle: int
    complete_within: int
    margin: int
    lookback: int
    tables: tuple[SourceTable, ...]
    sweep: int = 604_800
    canary: bool = False
    kind: Literal["database"] = "database"


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that a feed has points of, such as a symbol.

    Expected from ``valid_from`` on and before ``valid_until`` (ISO, empty: open). ``earlier`` are times before that in
    which it was expected too: no contract states them, its history does (``core.evolution.promised``).
    """

    name: str
    valid_from: str = ""
    valid_until: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    earlier: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of points: a kind that ``ingestion.providers`` knows, and its settings."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """The number of observed points of each window that are compared with the provider's history (0: none).

    ``tolerance`` is the share of the provider's value by which the stored one may differ, a decimal as text.
    """

    points: int = 0
    tolerance: str = "0"


@dataclass(frozen=True, slots=True)
class Feed:
    """Points on a grid of entities and instants: one line per entity every ``every`` seconds of ``calendar``.

    ``canary``: one point a day is left out on purpose (``core.audit.canary``), for the auditor to heal. Without
    ``stream`` its records go straight to their delivery, and none can be read again.
    """

    provider: Provider
    history: Provider
    secret: str
    every: int
    calendar: str
    entity_column: str
    time_column: str
    entities: tuple[Entity, ...]
    settle: int
    complete_within: int
    calls_per_minute: int
    table: SourceTable
    entities_per_message: int = 1
    sample: Sample = Sample()
    canary: bool = False
    stream: bool = True
    kind: Literal["feed"] = "feed"

    @property
    def tables(self) -> tuple[SourceTable, ...]:
        """Its one table, as a database has several."""
        return (self.table,)


Source = Database | Feed


@dataclass(frozen=True, slots=True)
class Contract:
    """The promises of one dataset: its source, and the tables that it becomes. ``hash`` is of the resolved form.

    ``beside`` is a contract of the same dataset whose tables are kept too, where they are of other generations.
    """

    dataset: str
    source: Source | None
    tables: tuple[Table, ...]
    hash: str = ""
    quarantine_share: float = 0.5
    quarantine_minimum: int = 100
    beside: Beside | None = None

    @property
    def needed_source(self) -> Source:
        """The source of a dataset that has one. Raises ``KeyError``."""
        if self.source is None:
            raise KeyError(f"dataset {self.dataset} has no source")
        return self.source

    def source_table(self, name: str) -> SourceTable:
        """Raises ``KeyError``."""
        for table in self.source.tables if self.source else ():
            if table.name == name:
                return table
        raise KeyError(f"dataset {self.dataset} has no source table {name!r}")


@dataclass(frozen=True, slots=True)
class Lookup:
    """A small table that ships with the contract; every value is text."""

    name: str
    columns: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class TradingCalendar:
    """The times in which points are expected: sorted segments ``[open, close)`` within ``[covers_from, covers_to)``.

    In epoch seconds. ``version`` names the library and release that the segments came from. ``always`` has one segment.
    ``cadences`` are those of a feed's earlier contracts, in order of time, as (until, seconds): slots that begin before
    ``until`` are multiples of ``seconds``, all later ones of the feed's ``every``.
    """

    name: str
    version: str
    covers_from: int
    covers_to: int
    segments: tuple[tuple[int, int], ...]
    cadences: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """Another contract of a dataset by which every ingest object is processed too, with what it refers to.

    Only into those of its tables that are of other generations than the dataset's own. ``until`` (ISO) is the end of
    the grace period of what readers saw before; empty: it is what they will see.
    """

    contract: Contract
    lookups: tuple[Lookup, ...] = ()
    calendars: tuple[TradingCalendar, ...] = ()
    until: str = ""

    def is_live(self, now: int) -> bool:
        """Whether it is written at ``now`` (epoch seconds): it is being built, or its grace period is not over."""
        return not self.until or now < epoch(self.until)

    @property
    def contracts(self) -> Contracts:
        """What its tables are made by."""
        return Contracts((self.contract,), self.lookups, self.calendars)


@dataclass(frozen=True, slots=True)
class Contracts:
    """The resolved form of a folder of contracts."""

    contracts: tuple[Contract, ...]
    lookups: tuple[Lookup, ...] = ()
    calendars: tuple[TradingCalendar, ...] = ()

    def __iter__(self) -> Iterator[Contract]:
        return iter(self.contracts)

    def dataset(self, name: str) -> Contract:
        """The contract of a dataset. Raises ``KeyError``."""
        for contract in self.contracts:
            if contract.dataset == name:
                return contract
        raise KeyError(f"no contract for dataset {name!r}")

    def feed(self, name: str) -> Feed:
        """The source of a dataset that is a feed. Raises ``KeyError``."""
        source = self.dataset(name).source
        if not isinstance(source, Feed):
            raise KeyError(f"dataset {name!r} is no feed")
        return source

    def feeds(self) -> tuple[Feed, ...]:
        """The sources of all datasets that are feeds."""
        return tuple(contract.source for contract in self.contracts if isinstance(contract.source, Feed))

    def table(self, name: str) -> Table:
        """The warehouse table of that name, whichever dataset promises it. Raises ``KeyError``."""
        for table in self.tables():
            if table.name == name:
                return table
        raise KeyError(f"no contract promises a table {name!r}")

    def tables(self) -> Iterator[Table]:
        """Every warehouse table once; a table that several contracts share belongs to the first."""
        names: set[str] = set()
        for contract in self.contracts:
            for table in contract.tables:
                if table.name not in names:
                    names.add(table.name)
                    yield table

    def lookup(self, name: str) -> Lookup:
        """Raises ``KeyError``."""
        for lookup in self.lookups:
            if lookup.name == name:
                return lookup
        raise KeyError(f"no lookup {name!r}")

    def calendar(self, name: str) -> TradingCalendar:
        """Raises ``KeyError``."""
        for calendar in self.calendars:
            if calendar.name == name:
                return calendar
        raise KeyError(f"no calendar {name!r}")
