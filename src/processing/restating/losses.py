"""Losses of a rebuild: keys and newer rows that a partition holds and its ingest objects no longer give.

They are told from what is there, whatever is wrong with it: of a partition whose pointer or object is lost, from the
last object that is sound; of rows that another contract laid, from the columns that both keys have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InvalidData, PipelineBug
from core.ports import PartitionStore
from core.warehouse.order import as_array, locate, sort_rows
from core.warehouse.partition_objects import Opened
from core.warehouse.pointer import version_of
from processing.lines.parsed import shortened
from processing.partitions.layout import Layout
from processing.partitions.precedence import arrays_of, columns_of, compare_rows
from processing.partitions.state import Current, last_sound, read_state

NAMED = 5  # keys that an error names
_CANNOT_CAST = (pa.ArrowInvalid, pa.ArrowNotImplementedError)


@dataclass(frozen=True, slots=True)
class Losses:
    """``gone`` are the keys that would go, ``older`` those whose row would be an older one. Columns are key columns.

    ``may_be_more`` says why there may be others: the object that was current is not there to be compared with.
    """

    gone: pa.Table
    older: pa.Table
    may_be_more: str = ""

    def __bool__(self) -> bool:
        return bool(self.gone.num_rows or self.older.num_rows)

    def __str__(self) -> str:
        parts = [(self.gone, "would go"), (self.older, "would be older than they are")]
        return "; ".join(f"{rows.num_rows} {verb}: {_named(rows)}" for rows, verb in parts if rows.num_rows)


def find_losses(store: PartitionStore, partition: str, rows: pa.Table, layout: Layout, *, by_content: bool) -> Losses:
    """What of a partition is not among the ``rows`` (unique, in key order) that are to replace it.

    Rows of the same key are compared by version, and ``by_content`` too where some ingest object gives less than it
    may have given: else another content of the same version is what the contract now makes of it. Raises
    ``InvalidData`` where keys of another contract have nothing in common with these.
    """
    nothing = rows.select(layout.key).slice(0, 0)
    opened, may_be_more = _last_known(store, partition)
    if opened is None:
        return Losses(nothing, nothing, may_be_more)
    gone = _gone(opened, partition, rows, layout)
    older = _older(opened, rows, layout if by_content else _versions_alone(layout))
    return Losses(gone, nothing if older is None else older, may_be_more)


def _last_known(store: PartitionStore, partition: str) -> tuple[Opened | None, str]:
    """The object that tells what a partition held, and why another may have held more; empty where none can have."""
    state = read_state(store, partition)
    if isinstance(state, Current) and state.is_sound:
        return state.opened, ""
    objects = store.list_objects(partition)
    sound = last_sound(store, partition, objects)
    current = [state.pointer.target] if isinstance(state, Current) else []
    lacking = [key for key in {*objects, *current} if sound is None or _may_hold_more(key, sound.key)]
    return sound, f"what {max(lacking, key=version_of)} held is not known" if lacking else ""


def _may_hold_more(key: str, sound: str) -> bool:
    """Whether an object may hold what a sound one lacks: a later one, or one of a writer that raced it."""
    return key != sound and version_of(key) >= version_of(sound)


def _gone(opened: Opened, partition: str, rows: pa.Table, layout: Layout) -> pa.Table:
    written = opened.footer.layout.key if opened.footer.layout else layout.key
    shared = [name for name in written if name in opened.schema.names and name in rows.column_names]
    own = pa.schema([opened.schema.field(name) for name in shared])
    if not shared:
        if layout.key or written:
            problem = f"its key was ({', '.join(written)}), the contract's is ({', '.join(layout.key)})"
            raise InvalidData("rebuild", partition, f"its keys cannot be compared: {problem}", "Allow fewer rows")
        lost = max(opened.footer.rows - rows.num_rows, 0)
        return pa.table({"row": pa.array(range(lost), pa.int64())})
    stored = opened.read(own)
    pairs = [_alike(as_array(stored[name]), as_array(rows[name])) for name in shared]
    known, given = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    order, begins = sort_rows(given)
    distinct = [column.take(pa.array(order[begins])) for column in given]
    _, present = locate(distinct, known)
    return stored.filter(pa.array(~present))


def _alike(stored: pa.Array, given: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Two columns of keys in one type: the contract's where what is stored fits it, else as text."""
    if stored.type == given.type:
        return stored, given
    try:
        return stored.cast(given.type), given
    except _CANNOT_CAST:
        return stored.cast(pa.string()), given.cast(pa.string())


def _versions_alone(layout: Layout) -> Layout:
    decisive = {*layout.key, *(column.name for column in layout.version)}
    return replace(layout, schema=pa.schema([field for field in layout.schema if field.name in decisive]))


def _older(opened: Opened, rows: pa.Table, layout: Layout) -> pa.Table | None:
    """The keys of which a newer row is stored; None where that cannot be told.

    So it is where the stored rows were chosen by another layout, and where a version is ranked: whether a point was
    late depends on when its ingest object was made, and that may have been brought back since.
    """
    if not layout.key or opened.footer.layout not in (None, layout.recorded) or any(c.rank for c in layout.version):
        return None
    try:
        stored = opened.read(layout.schema, layout.given)
    except PipelineBug:  # other types: the keys alone can be compared
        return None
    places, present = locate(arrays_of(rows, layout.key), arrays_of(stored, layout.key))
    met = np.flatnonzero(present)
    sign = compare_rows(columns_of(rows), places[met], columns_of(stored), met, layout)
    return stored.select(layout.key).take(pa.array(met[sign < 0]))


def _named(rows: pa.Table) -> str:
    texts = [pc.fill_null(as_array(column).cast(pa.string()), "null") for column in rows.slice(0, NAMED).columns]
    keys = [shortened(" ".join(values)) for values in zip(*(text.to_pylist() for text in texts), strict=True)]
    return ", ".join(keys) + (", …" if rows.num_rows > NAMED else "")


def refuse_losses(losses: Losses, partition: str, refused: Sequence[str]) -> None:
    """Raises ``InvalidData`` where a rebuild would lose anything; ``refused`` says which ingest objects give less."""
    if not losses:
        return
    raise InvalidData(
        "rebuild",
        partition,
        f"of the keys that the warehouse has, {losses}{because_of(refused)}",
        "Bring missing ingest objects back, mend what refuses their lines, or allow fewer rows (--allow-fewer)",
    )


def refuse_unknown(losses: Losses, partition: str, gave_more: Iterable[str]) -> None:
    """Raises ``InvalidData`` where nobody can say whether keys would go: ingest objects give less than they gave."""
    given = list(gave_more)
    if given:
        raise InvalidData(
            "rebuild",
            partition,
            f"nobody can say which of its keys would go: {losses.may_be_more}{because_of(given)}",
            "Bring missing ingest objects back, mend what refuses their lines, or allow fewer rows (--allow-fewer)",
        )


def because_of(refused: Sequence[str]) -> str:
    """The end of a sentence: which of the ingest objects give less than they may have given, and why."""
    return f"; of the ingest objects {'; '.join(refused[:NAMED])}" if refused else ""
