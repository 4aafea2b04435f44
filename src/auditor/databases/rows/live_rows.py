"""The live rows of a partition or a slice: told from all rows that are kept, hashed, and summed up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.databases.rows.sums import Summary, hashes_of, lists_of, sums_of_rows
from auditor.databases.rows.targets import Target
from auditor.warehouse.parents import References
from auditor.warehouse.rule_breaks import accepted_orphans, broken_rules, orphans
from core.audit.fingerprint import Hashes, key_hashes, microseconds
from core.contract.model import HASH
from core.warehouse.order import Ints, as_array


@dataclass(frozen=True, slots=True)
class LiveRows:
    """``live`` are the current rows, ``gone`` those that are known to be deleted.

    ``hashes`` of the key and ``versions`` (microseconds) are the live rows'; ``places`` tells for each of them the
    partition that it lies in, by its number.
    """

    live: pa.Table
    gone: pa.Table
    hashes: Hashes
    versions: Ints
    places: Ints

    @property
    def content(self) -> tuple[Ints, Hashes] | None:
        """The list and the hash of each live row's content; None where the table keeps none."""
        return (lists_of(self.live), hashes_of(self.live)) if HASH in self.live.column_names else None


def live_rows(target: Target, partitions: Sequence[pa.Table]) -> LiveRows:
    """The rows of one or more partitions."""
    rows = pa.concat_tables(partitions)  # in pieces: only single columns are made whole, in turn
    places = np.repeat(np.arange(len(partitions)), [part.num_rows for part in partitions])
    live, gone, places = _split(target, rows, places)
    hashes = key_hashes([live.column(name) for name in target.keys])
    return LiveRows(live, gone, hashes, _versions(target, live), places)


def count_gone(target: Target, rows: LiveRows) -> int:
    """Count the keys that are known to be deleted. One that came back, or lies in another partition, is not gone."""
    if not rows.gone.num_rows:
        return 0
    dead = key_hashes([rows.gone.column(name) for name in target.keys])
    return len(np.setdiff1d(dead, rows.hashes))


def summarise(target: Target, rows: pa.Table, buckets: int, references: References) -> Summary:
    """The summary of a partition's rows."""
    held = live_rows(target, [rows])
    return Summary(
        rows=rows.num_rows,
        gone=count_gone(target, held),
        repaired=rows_checked(target, held.live),
        accepted=accepted_orphans(target.table, held.live, references),
        in_order=not (_has_orphans(target, held.live, references) or _breaks_rules(target, held.live)),
        parents=references.digest,
        sums=sums_of_rows(held.hashes, held.versions, held.content, buckets),
    )


def rows_checked(target: Target, live: pa.Table) -> int:
    """Count the live rows that were fetched again."""
    return len(live) - live.column(target.checked).null_count if target.checked else 0


def _has_orphans(target: Target, live: pa.Table, references: References) -> bool:
    known = ((column, references.known.get(column.name)) for column in target.table.columns)
    return any(
        column.missing == "alarm"
        and parents is not None
        and orphans(target.table, column, live.column(column.name), parents) is not None
        for column, parents in known
    )


def _breaks_rules(target: Target, live: pa.Table) -> bool:
    return target.table.kind == "fact" and next(broken_rules(target.table, "", live), None) is not None


def _versions(target: Target, rows: pa.Table) -> Ints:
    """When the rows were written; of a table without times of change all are of one version, as at the source."""
    if target.source.by_keys:
        return np.zeros(rows.num_rows, np.int64)
    return microseconds(rows.column(target.version))


def _split(target: Target, rows: pa.Table, places: Ints) -> tuple[pa.Table, pa.Table, Ints]:
    """The current rows, the newest rows of what is known to be deleted, and the places of the current ones."""
    none = rows.slice(0, 0)
    deleted = pc.is_valid(rows.column(target.deleted)) if target.deleted else None
    if target.latest:
        if pc.all(rows.column(target.latest)).as_py():
            return rows, none, places
        latest = as_array(rows.column(target.latest))
        live, places = rows.filter(latest), places[np.asarray(latest)]
        if deleted is None:
            return live, none, places
        return live, rows.filter(pc.and_(deleted, pc.invert(latest))), places
    if deleted is None or not pc.any(deleted).as_py():
        return rows, none, places
    return rows.filter(pc.invert(deleted)), rows.filter(deleted), places[~np.asarray(as_array(deleted))]
