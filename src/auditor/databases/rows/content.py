"""Rows compared by content: the hashes that the source computed as it wrote their lines, against those of now. Pure.

Each row is compared under its own list of columns (``core.landing.content``). A bucket of rows of one list is compared
by the sum of their hashes; where rows of several lists lie in one, no sum of the source is theirs, and the rows
themselves are compared. What was never hashed, or by a list that the source cannot compute any more, proves nothing
and accuses nobody: such rows are counted, and fetched again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from auditor.databases.rows.holdings import Holding
from auditor.databases.rows.refused import Refused
from auditor.databases.rows.sums import BucketSums, hashes_of, lists_of
from core.audit.source_check import Buckets, ListInUse, content_column
from core.contract.model import HASH
from core.warehouse.order import Bools, Ints, as_array


def doubtful(sums: BucketSums, theirs: Buckets, lists: Sequence[ListInUse]) -> tuple[int, ...]:
    """The buckets whose rows have to be compared one by one; ``lists`` are those of the source's sums, in order."""
    places = {known.number: place for place, known in enumerate(lists)}
    of_bucket, buckets = sums.content_by_bucket, []
    for bucket, their in theirs.items():
        ours = of_bucket.get(bucket, {})
        if not ours or not places.keys() >= ours.keys():
            continue
        if len(ours) > 1 or any(total != their.content[places[number]] for number, total in ours.items()):
            buckets.append(bucket)
    return tuple(sorted(buckets))


@dataclass(frozen=True, slots=True)
class ContentDifference:
    """Places of rows that the source has in another content, and of those that were hashed by another server.

    A hash of another server's version that differs says nothing: such a row is fetched again, and is no finding.
    """

    changed: Ints
    foreign: Ints


def compare_content(
    rows: pa.Table, pairs: pa.Table, met: Ints, right: Bools, lists: Sequence[ListInUse]
) -> ContentDifference:
    """Compare rows with the source's ``pairs``: row ``i`` with pair ``met[i]``, where it has the ``right`` version."""
    if HASH not in rows.column_names:
        return ContentDifference(np.zeros(0, np.int64), np.zeros(0, np.int64))
    own, hashes = lists_of(rows), hashes_of(rows)
    differs, foreign = np.zeros(len(own), bool), np.zeros(len(own), bool)
    for known in lists:
        column = as_array(pairs.column(content_column(known.number))).take(pa.array(met))
        theirs, is_known = np.asarray(column.fill_null(0)).view(np.uint64), np.asarray(column.is_valid())
        other = right & (own == known.number) & is_known & (theirs != hashes)
        (differs if known.ours else foreign)[other] = True
    return ContentDifference(np.flatnonzero(differs), np.flatnonzero(foreign))


def are_refused(pairs: pa.Table, lists: Sequence[ListInUse], refused: Refused | None) -> Bools:
    """Which of the source's rows are, as they are now, among those that processing refused."""
    matches = np.zeros(pairs.num_rows, bool)
    if refused is None or not refused.rows:
        return matches
    for known in lists:
        column = as_array(pairs.column(content_column(known.number)))
        theirs = np.asarray(column.fill_null(0)).view(np.uint64)
        matches |= np.asarray(column.is_valid()) & np.isin(theirs, refused.hashes(known.number))
    return matches


def unproven(holding: Holding, computable: Collection[int], *, until: int) -> Ints:
    """The places of the rows older than ``until`` that no list of the source can prove; none where it has no lists."""
    if not computable or holding.lists <= {*computable}:
        return np.zeros(0, np.int64)
    lists = lists_of(holding.live)
    return np.flatnonzero((holding.versions < until) & ~np.isin(lists, sorted(computable)))
