"""Harm done to a loaded database pipeline behind everybody's back: one kind a method, each with what names it."""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.support.database_simulation import DatabaseSimulation

from core.contract.model import Column, Table, Take
from core.landing.ingest_objects import ObjectFacts, decode_facts, table_prefix
from core.landing.zone import landing_of
from core.warehouse.arrow_types import stored_schema
from core.warehouse.current_state import current_table
from core.warehouse.pointer import object_name, partition_of, pointer_key
from processing.partitions.commit import CommitContext, read_partition, restate

EVENT_LOST = "event lost"
OBJECT_IN_DOUBT = ("unprocessed_object", "lost_object", "missing_object", "wrong_parameter")
FACTS = {"fact_sales_order": "sales_order", "fact_purchase_order": "purchase_order", "fact_payment": "payment"}
SILENT = (  # table, column, and another value of it
    ("sales_order", "units_sold", "units_sold + 1"),
    ("purchase_order", "item_unit_price", "item_unit_price + 0.01"),
    ("payment", "paid", "not paid"),
    ("staff", "email_address", "email_address || 'x'"),
    ("design", "file_name", "upper(file_name) || 'x'"),
)
Named = Callable[[Any], bool]  # whether a finding names what was harmed


@dataclass(frozen=True)
class Mutation:
    """What was done, and by which findings it may be named.

    ``itself`` tells those that name the very row, where the object that its version lies in may be named instead.
    """

    what: str
    named: Named
    itself: Named | None = None


class Vandal:
    """Does harm. What cannot be harmed any more (an object that is gone already) is not counted."""

    def __init__(self, simulation: DatabaseSimulation, seed: int) -> None:
        self.simulation = simulation
        self.draw = random.Random(seed)
        self._touched: set[str] = set()
        self._deleted: dict[str, ObjectFacts] = {}  # ingest objects that are gone
        self._undone: list[str] = []  # kinds whose turn is to come, before any comes again
        self.done: set[str] = set()  # kinds that did harm
        self._orphaned = False  # and nobody has mended it
        self._no_designs = itertools.count(1_000_000)  # each once: the one of before was adopted, and is there
        self.kinds: dict[str, Callable[[], Mutation | None]] = {
            "row deleted at the source": self.delete_at_source,
            "row written at the source with an old time": self.write_late,
            "row set back at the source": self.set_back,
            "row changed at the source without a new time": self.change_silently,
            "row changed at the source with a time of the future": self.set_ahead,
            "row moved at the source without a new time": self.move_silently,
            "row orphaned at the source": self.orphan,
            "rows gone from Parquet": self.drop_rows,
            "rows altered in Parquet": self.alter_rows,
            "rows dropped by a commit": self.commit_fewer,
            "value altered by a commit": self.commit_other_value,
            "current rows dropped by a commit": self.commit_fewer_current,
            "partition's object deleted": self.delete_partition_object,
            "pointer deleted": self.delete_pointer,
            "object that nothing points to": self.leave_object,
            "ingest object deleted": self.delete_object,
            "ingest object and receipt deleted": self.delete_object_and_receipt,
            "receipt deleted": self.delete_receipt,
            "parameter deleted": self.delete_parameter,
            "parameter altered": self.alter_parameter,
        }

    def batch(self, count: int) -> list[Mutation]:
        """So many mutations, no two of one place."""
        self._touched.clear()
        mutations: list[Mutation] = []
        # First, for a pass would undo other harm.
        if (EVENT_LOST not in self.done or self.draw.random() < 0.5) and (lost := self.lose_event()):
            mutations.append(lost)
            self.done.add(EVENT_LOST)
        idle: list[str] = []  # kinds that found nothing to harm: their turn comes in the next batch
        while len(mutations) < count:
            kind = self._next_kind()
            if mutation := self.kinds[kind]():
                mutations.append(mutation)
                self.done.add(kind)
            else:
                idle.append(kind)
        self._undone += idle
        return mutations

    def _next_kind(self) -> str:
        if not self._undone:
            self._undone = self.draw.sample(list(self.kinds), len(self.kinds))
        return self._undone.pop()

    def _once(self, place: str) -> bool:
        """Whether nothing in this batch was done to that place yet."""
        if place in self._touched:
            return False
        self._touched.add(place)
        return True

    # ------------------------------------------------------------ the source

    def _row(self, table: str, *, older_than: str = "") -> int | None:
        """A row, one that was last changed so long ago."""
        old = f"where last_updated < timezone('UTC', now()) - interval '{older_than}'" if older_than else ""
        rows = self.simulation.run(f"select {table}_id from {table} {old} order by 1")
        if not rows:
            return None
        number = int(self.draw.choice(rows)[0])
        return number if self._once(f"{table}/{number}") else None

    def delete_at_source(self) -> Mutation | None:
        number = self._row("payment")
        if number is None:
            return None
        self.simulation.run("delete from payment where payment_id = %s", number)
        return Mutation(f"payment {number} deleted", names_row("payment", number, "deleted_row"))

    def write_late(self) -> Mutation | None:
        number = self._row("purchase_order")
        if number is None:
            return None
        self.simulation.run(
            "update purchase_order set item_quantity = item_quantity + 1,"
            " last_updated = last_updated + interval '1 second' where purchase_order_id = %s",
            number,
        )
        kinds = ("stale_row", "missing_row", "changed_row")
        return self._of_row(f"purchase order {number} changed with an old time", "purchase_order", number, *kinds)

    def set_back(self) -> Mutation | None:
        table = self.draw.choice(["sales_order", "staff", "design"])
        number = self._row(table)
        if number is None:
            return None
        days = self.draw.randint(1, 40)
        self.simulation.run(
            f"update {table} set last_updated = last_updated - interval '{days} days' where {table}_id = %s", number
        )
        kinds = ("stale_row", "missing_row", "changed_row")
        return self._of_row(f"{table} {number} set back by {days} days", table, number, *kinds)

    def set_ahead(self) -> Mutation | None:
        """A clock that is wrong, or shows another zone's time."""
        table, column, value = self.draw.choice(SILENT)
        number = self._row(table)
        if number is None:
            return None
        ahead = self.draw.choice(["3 hours", "2 days", "20 years"])
        time = f"last_updated = timezone('UTC', now()) + interval '{ahead}'"
        self.simulation.run(f"update {table} set {column} = {value}, {time} where {table}_id = %s", number)
        named = names_row(table, number, "stale_row", "missing_row", "changed_row")
        return Mutation(f"{table} {number} changed with a time of {ahead} ahead", named)

    def orphan(self) -> Mutation | None:
        """A reference to a row that is not there, past the foreign key, until ``adopt`` brings it.

        Of an old row: of one that has just changed the parent might still be on its way, and nothing is told.
        """
        number = self._row("sales_order", older_than="1 hour")
        if number is None:
            return None
        design = next(self._no_designs)
        self.simulation.run(
            "set local session_replication_role = replica;"
            f" update sales_order set design_id = {design} where sales_order_id = {number}"
        )
        self._orphaned = True
        return Mutation(f"sales order {number} refers to design {design}, which is not there", names_orphan(design))

    def adopt(self) -> None:
        """Bring the rows that orphans refer to."""
        if self._orphaned:
            self.simulation.changes.adopt()
            self._orphaned = False

    def change_silently(self) -> Mutation | None:
        """A bulk update past whatever sets the time of change."""
        table, column, value = self.draw.choice(SILENT)
        number = self._row(table)
        if number is None:
            return None
        self.simulation.run(f"update {table} set {column} = {value} where {table}_id = %s", number)
        kinds = ("changed_row", "stale_row", "missing_row")
        return self._of_row(f"{table} {number}: {column} changed without a new time", table, number, *kinds)

    def move_silently(self) -> Mutation | None:
        """A row of another month under the same time of change."""
        number = self._row("sales_order")
        if number is None:
            return None
        self.simulation.run(
            "update sales_order set created_at = created_at - interval '31 days' where sales_order_id = %s", number
        )
        kinds = ("moved_row", "missing_row", "changed_row")
        return self._of_row(f"sales_order {number} moved without a new time", "sales_order", number, *kinds)

    # ------------------------------------------------------------ the warehouse

    def _partition(self) -> tuple[Table, str] | None:
        table = self.draw.choice([*FACTS, "dim_staff", "dim_design", "dim_location"])
        promised = self.simulation.contracts.table(table)
        path = self.draw.choice(self.simulation.lake.paths(table)) if promised.kind == "fact" else ""
        return (promised, path) if self._once(f"{table}/{path}") else None

    def _tamper(self, change: Callable[[pa.Table], pa.Table], what: str) -> Mutation | None:
        """Another Parquet object under the old name, with the old footer."""
        chosen = self._partition()
        if chosen is None:
            return None
        table, path = chosen
        snapshot = self.simulation.lake.snapshot(table.name, path)
        objects = self.simulation.lake.partitions.objects
        file = pq.ParquetFile(io.BytesIO(objects[snapshot.key]))
        rows = change(snapshot.table).replace_schema_metadata(file.metadata.metadata)
        out = io.BytesIO()
        pq.write_table(rows, out)
        objects[snapshot.key] = out.getvalue()
        return Mutation(f"{table.name}/{path}: {what}", names_partition(table.name, path))

    def drop_rows(self) -> Mutation | None:
        return self._tamper(lambda rows: rows.slice(0, rows.num_rows // 2), "rows gone")

    def alter_rows(self) -> Mutation | None:
        def altered(rows: pa.Table) -> pa.Table:
            position = next(at for at, field in enumerate(rows.schema) if pa.types.is_string(field.type))
            name = rows.schema.names[position]
            return rows.set_column(position, rows.schema.field(name), pa.array(["x"] * rows.num_rows))

        return self._tamper(altered, "values altered")

    def commit_fewer(self) -> Mutation | None:
        """Somebody with the keys commits a partition without one current row, in good order."""
        name = self.draw.choice(list(FACTS))
        path = self.draw.choice(self.simulation.lake.paths(name))
        if not self._once(f"{name}/{path}"):
            return None
        rows = self.simulation.lake.snapshot(name, path).table
        current = [at for at, flag in enumerate(rows.column("is_latest").to_pylist()) if flag]
        if not current:
            return None
        position = self.draw.choice(current)
        key = rows.column(f"{FACTS[name]}_id")[position].as_py()
        return self.drop_row(name, path, key) if self._once(f"{FACTS[name]}/{key}") else None

    def drop_row(self, name: str, path: str, key: int) -> Mutation:
        """Commit the partition without the current version of one row."""
        rows = self.simulation.lake.snapshot(name, path).table
        keys, latest = rows.column(f"{FACTS[name]}_id").to_pylist(), rows.column("is_latest").to_pylist()
        (position,) = [at for at, flag in enumerate(latest) if flag and keys[at] == key]
        left = pa.concat_tables([rows.slice(0, position), rows.slice(position + 1)])
        self._commit(self.simulation.contracts.table(name), path, left)
        version = rows.column("last_updated")[position].as_py()
        what = f"{name}/{path}: row {key} dropped by a commit"
        return self._of_row(what, FACTS[name], key, "missing_row", "stale_row", version=version)

    def commit_other_value(self) -> Mutation | None:
        """Somebody with the keys commits a partition in which one value is another, in good order."""
        name = self.draw.choice(list(FACTS))
        path = self.draw.choice(self.simulation.lake.paths(name))
        if not self._once(f"{name}/{path}"):
            return None
        rows = self.simulation.lake.snapshot(name, path).table
        position = self.draw.randrange(rows.num_rows)
        key = rows.column(f"{FACTS[name]}_id")[position].as_py()
        return self.alter_value(name, path, position) if self._once(f"{FACTS[name]}/{key}") else None

    def alter_value(self, name: str, path: str, position: int) -> Mutation | None:
        """Commit the partition with another value in some column of one row."""
        table, rows = self.simulation.contracts.table(name), self.simulation.lake.snapshot(name, path).table
        plain = [column.name for column in table.columns if isinstance(column.rule, Take) and _is_free(table, column)]
        told = [column for column in plain if rows.column(column)[position].as_py() is not None]
        column = self.draw.choice(told)
        values = rows.column(column).to_pylist()
        values[position] = _another(values[position])
        at, field = rows.schema.get_field_index(column), rows.schema.field(column)
        version = rows.column("last_updated")[position].as_py()
        key = rows.column(f"{FACTS[name]}_id")[position].as_py()
        self._commit(table, path, rows.set_column(at, field, pa.array(values, field.type)))
        as_part, as_row = names_partition(name, path), self._names_row_or_carrier(FACTS[name], key, version=version)
        what = f"{name}/{path}: {column} of row {key} altered by a commit"
        return Mutation(what, lambda finding: as_part(finding) or as_row(finding), as_part)

    def commit_fewer_current(self) -> Mutation | None:
        source = self.draw.choice(["staff", "design", "address", "transaction"])
        if not self._once(f"_current/{source}"):
            return None
        table = current_table(self.simulation.contract, self.simulation.contract.source_table(source))
        snapshot = read_partition(self.simulation.lake.partitions, table, "")
        assert snapshot is not None
        position = self.draw.randrange(snapshot.table.num_rows)
        if snapshot.table.column("deleted_at")[position].as_py() is not None:
            return None
        key = snapshot.table.column(f"{source}_id")[position].as_py()
        if not self._once(f"{source}/{key}"):
            return None
        version = snapshot.table.column("last_updated")[position].as_py()
        left = pa.concat_tables([snapshot.table.slice(0, position), snapshot.table.slice(position + 1)])
        self._commit(table, "", left)
        what = f"_current/{source}: row {key} dropped by a commit"
        return self._of_row(what, source, key, "missing_row", version=version)

    def _commit(self, table: Table, path: str, rows: pa.Table) -> None:
        rows_after = rows.select(stored_schema(table).names)
        restate(self.simulation.lake.partitions, table, path, lambda: (rows_after, ()), context=CommitContext("vandal"))

    def delete_partition_object(self) -> Mutation | None:
        chosen = self._partition()
        if chosen is None:
            return None
        table, path = chosen
        self.simulation.lake.partitions.delete([self.simulation.lake.snapshot(table.name, path).key])
        return Mutation(f"{table.name}/{path}: object deleted", names_partition(table.name, path))

    def delete_pointer(self) -> Mutation | None:
        chosen = self._partition()
        if chosen is None or chosen[0].kind != "fact":
            return None
        table, path = chosen
        self.simulation.lake.partitions.delete([pointer_key(f"{table.name}/{path}")])
        return Mutation(f"{table.name}/{path}: pointer deleted", names_partition(table.name, path))

    def leave_object(self) -> Mutation | None:
        """What a beaten writer left half a day ago."""
        chosen = self._partition()
        if chosen is None:
            return None
        table, path = chosen
        partitions = self.simulation.lake.partitions
        number = self.simulation.lake.snapshot(table.name, path).version
        name = object_name(number, f"{self.draw.getrandbits(128):032x}")
        key = partitions.write_object(partition_of(table.name, path), name, b"left behind")
        partitions.modified[key] -= timedelta(hours=13)
        named = names_partition(table.name, path, "unreferenced_object")
        return Mutation(f"{key} left behind", named)

    # ------------------------------------------------------------ the landing zone

    def _of_row(self, what: str, table: str, number: int, *kinds: str, version: datetime | None = None) -> Mutation:
        named = self._names_row_or_carrier(table, number, *kinds, version=version)
        return Mutation(what, named, names_row(table, number, *kinds))

    def _names_row_or_carrier(self, table: str, number: int, *kinds: str, version: datetime | None = None) -> Named:
        """Naming of a row by itself, or by the object of the table whose interval its version lies in.

        While that object is in doubt, the version is not below the watermark: the audit looks at no such row, names the
        object, and what brings the object back brings the row. ``version`` None: the one that the source has now.
        """
        if version is None:
            (version,) = self.simulation.run(f"select last_updated from {table} where {table}_id = %s", number)[0]
        at = version.replace(tzinfo=UTC)
        by_row = names_row(table, number, *kinds)

        def named(finding: Any) -> bool:
            if by_row(finding):
                return True
            in_doubt = (
                key for key, facts in self._facts(table).items() if facts.interval_from <= at <= facts.interval_to
            )
            return any(names_object(key, *OBJECT_IN_DOUBT)(finding) for key in in_doubt)

        return named

    def _facts(self, table: str) -> dict[str, ObjectFacts]:
        """The facts of the table's objects, those that are gone too."""
        prefix = table_prefix(self.simulation.dataset, table)
        stats = [self.simulation.lake.ingest.stat(key) for key in self.simulation.ingest_keys(prefix)]
        facts = {stat.key: decode_facts(stat.metadata, key=stat.key) for stat in stats if stat}
        return {key: of for key, of in {**self._deleted, **facts}.items() if key.startswith(prefix)}

    def _delete(self, key: str) -> None:
        stat = self.simulation.lake.ingest.stat(key)
        assert stat is not None
        self._deleted[key] = decode_facts(stat.metadata, key=key)
        self.simulation.deleted_objects.delete(key)

    def _object(self) -> str | None:
        key = str(self.draw.choice([key for key in self.simulation.ingest_keys() if "/payment_type/" not in key]))
        return key if self._once(key) else None

    def delete_object(self) -> Mutation | None:
        key = self._object()
        if key is None:
            return None
        self._delete(key)
        return Mutation(f"{key} deleted", names_object(key, "lost_object"))

    def delete_object_and_receipt(self) -> Mutation | None:
        key = self._object()
        if key is None:
            return None
        self._delete(key)
        self.forget_receipt(key)
        return Mutation(f"{key} and its receipt deleted", names_object(key, "missing_object", "wrong_parameter"))

    def delete_receipt(self) -> Mutation | None:
        key = self._object()
        if key is None:
            return None
        self.forget_receipt(key)
        return Mutation(f"receipt of {key} deleted", names_object(key, "unprocessed_object"))

    def forget_receipt(self, key: str) -> None:
        landing = landing_of(key)
        assert landing is not None
        self.simulation.lake.records.delete([landing.receipt_key])

    def lose_event(self) -> Mutation | None:
        """New rows, whose object nobody tells processing of."""
        if not self._once("event"):
            return None
        known = set(self.simulation.ingest_keys())
        self.simulation.changes.settle_payments(2)
        self.simulation.changes.rename_department()
        self.simulation.extract(process=False)
        fresh = sorted(set(self.simulation.ingest_keys()) - known)
        lost = self.draw.choice(fresh)
        self._once(lost)
        self.simulation.loses_event = lambda key: key == lost
        self.simulation.deliver()
        self.simulation.loses_event = lambda _key: False
        return Mutation(f"event of {lost} lost", names_object(lost, "unprocessed_object"))

    # ------------------------------------------------------------ parameters

    def _parameter(self) -> str | None:
        table = self.draw.choice(self.simulation.tables)
        what = self.draw.choice(["timestamp", "sequential_id", "latest_object"])
        return getattr(self.simulation.names, what)(table) if self._once(f"parameters/{table}") else None

    def delete_parameter(self) -> Mutation | None:
        name = self._parameter()
        if name is None:
            return None
        del self.simulation.lake.parameters.values[name]
        return Mutation(f"{name} deleted", names_parameter(name))

    def alter_parameter(self) -> Mutation | None:
        name = self._parameter()
        if name is None:
            return None
        times = ["2020-01-01T00:00:00.000000Z", "2030-01-01T00:00:00.000000Z", "rubbish"]
        values = times if name.endswith("timestamp") else ["0", "7000", "rubbish"]
        stored = self.simulation.lake.parameters.values
        stored[name] = self.draw.choice([value for value in values if value != stored[name]])
        return Mutation(f"{name} altered", names_parameter(name))


def _is_free(table: Table, column: Column) -> bool:
    """Whether another value of the column breaks nothing that an audit looks at without the line."""
    used = {*table.key, *table.version, *table.history_of, table.deleted, table.checked}
    used |= {part.column for part in table.partition_by}
    kinds = ("int", "bigint", "decimal", "string", "boolean")
    is_ruled = bool(column.references or column.check or column.one_of)
    return column.name not in used and not is_ruled and column.type.name in kinds


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + "x" if isinstance(value, str) else value + 1 if value < 9 else value - 1


# ---------------------------------------------------------------- what names a harm


def names_row(table: str, key: int, *kinds: str) -> Named:
    def named(finding: Any) -> bool:
        if finding.kind == "broken_object":  # the whole partition is made again: its rows are not looked at one by one
            return False
        return finding.kind in kinds and finding.table == table and (key,) in finding.keys

    return named


def names_orphan(design: int) -> Named:
    def named(finding: Any) -> bool:
        place = (finding.kind, getattr(finding, "table", ""), getattr(finding, "column", ""))
        return place == ("orphan_key", "fact_sales_order", "design_id") and str(design) in finding.keys

    return named


def names_partition(table: str, path: str, *kinds: str) -> Named:
    kinds = kinds or ("broken_object", "stale_derived")
    return lambda finding: finding.kind in kinds and (finding.table, finding.partition) == (table, path)


def names_object(key: str, *kinds: str) -> Named:
    landing = landing_of(key)
    assert landing is not None

    def named(finding: Any) -> bool:
        if finding.kind not in kinds:
            return False
        if finding.kind == "missing_object":
            return bool(finding.table == landing.table and finding.number == landing.number)
        if finding.kind == "wrong_parameter":
            return bool(finding.name.endswith(f"/{landing.table}/sequential_id"))
        return bool(finding.key == key)

    return named


def names_parameter(name: str) -> Named:
    return lambda finding: finding.kind == "wrong_parameter" and finding.name == name
