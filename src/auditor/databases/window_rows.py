"""Finding of the rows of ``completeness`` from some day on, without a listing of those before it."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.databases.rows.targets import slices_between, targets_of
from auditor.evidence.completeness import COMPLETENESS, completeness_keys
from core.contract.model import Contract, Database
from core.ports import ObjectReader
from core.time import iso


def row_keys_since(records: ObjectReader, contract: Contract, at: int) -> list[str]:
    """The keys of a dataset's rows that lie by the day of ``at`` (epoch seconds) or a later one, in order.

    Before them come those of a database's windows that lie across it and of the ones before these, whether there are
    such rows or not. What is listed grows with the time since then, not with the age of the lake.
    """
    folder = f"{COMPLETENESS}dataset={contract.dataset}/"
    since = f"{folder}day={iso(at)[:10]}"
    recent = [info.key for info in records.list(folder, after=since)]
    return [*(key for key in _begun_before(contract, at) if key < since), *recent]


def _begun_before(contract: Contract, at: int) -> Iterator[str]:
    """The keys of the rows of a database's windows that lie across an instant, and of those before them.

    A partition of a year is one window, whose row lies by the day on which the year began.
    """
    if not isinstance(contract.source, Database):
        return
    for target in targets_of(contract):
        for across in slices_between(target, at, at + 1):
            for part in (*slices_between(target, across.start - 1, across.start), across):
                if not part.whole:
                    yield from reversed(completeness_keys(contract.dataset, part.start, subject=part.table))
