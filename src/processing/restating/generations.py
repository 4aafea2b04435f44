"""New generations of tables: built from the ingest objects beside the old ones, and compared with them.

While they are built every commit goes to both (``processing.ingest``). A build that was killed is begun again and makes
no version of what is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.contract.model import Table
from core.errors import InvalidData
from core.evolution.generations import NewGeneration
from core.warehouse.arrow_types import arrow_type
from core.warehouse.keys import surrogate_ids
from processing.partitions.commit import read_partition
from processing.plan import plan_source
from processing.restating.rebuild import paths_of_pointers, rebuild_table
from processing.services import Services

TRIES = 3  # of a comparison: a commit goes to one generation first, and then to the other
_NONE = (0, np.zeros(0, np.int64), ())  # the keys of a table that readers do not see yet
_ORDER = ("fact", "dimension", "calendar", "rollup")  # what is derived comes after what it is made of


@dataclass(frozen=True, slots=True)
class BuiltGeneration:
    """A generation that was built, compared with the one that readers see.

    ``keys`` are distinct keys of the new generation in each; None where they cannot be told in the old one, for its
    rows lack a column of the key or have it in another type. ``lost`` is the number of those that only the old one has.
    ``refusals`` are ingest objects that halted or of which lines were rejected, with the reasons. ``held`` are the old
    one's partitions that somebody holds, by whom and why: the new one is made of all that came, and holds none.
    """

    dataset: str
    table: str
    folder: str
    rows_before: int
    rows: int
    keys_before: int | None
    keys: int | None
    lost: int
    refusals: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

    @property
    def is_smaller(self) -> bool:
        """Whether readers would miss something that they see now."""
        return self.lost > 0 or (self.keys is None and self.rows < self.rows_before)


def build_generations(
    services: Services, building: Sequence[NewGeneration], *, progress: Callable[[str], None] = lambda _done: None
) -> Iterator[BuiltGeneration]:
    """Build generations one after the other, each compared once it is there. Advances as it is iterated.

    ``services`` go by the contracts that are deployed, with the wanted ones beside them. Raises ``InvalidData`` where
    there are none. ``progress`` is called with the key of every ingest object that was read.
    """
    for new in sorted(
        building, key=lambda each: _ORDER.index(_beside(services, each).contracts.table(each.table).kind)
    ):
        by = _beside(services, new)
        table = by.contracts.table(new.table)
        refusals: list[str] = []
        kept = _current_states(services, new.dataset)
        for _ in rebuild_table(by, table.name, allow_fewer=True, progress=progress, kept=kept, refusals=refusals):
            pass
        yield _compared(services, by, new, tuple(refusals))


def _beside(services: Services, new: NewGeneration) -> Services:
    by = services.beside(new.dataset)
    if by is None or by.contracts.table(new.table).folder != new.folder:
        raise InvalidData(
            "build a generation", new.folder, "is not beside what is deployed", "Deploy again: make deploy"
        )
    return by


def _current_states(services: Services, dataset: str) -> set[str]:
    """The folders of the current states that the deployed contract keeps: they are not the new one's to change."""
    contract = services.contracts.dataset(dataset)
    plans = [plan_source(contract, source.name) for source in contract.source.tables] if contract.source else []
    return {plan.current.folder for plan in plans if plan.current is not None}


# ---------------------------------------------------------------- comparison


def _compared(services: Services, by: Services, new: NewGeneration, refusals: tuple[str, ...]) -> BuiltGeneration:
    table = by.contracts.table(new.table)
    for _ in range(TRIES):
        before_rows, before, held = _keys(services, services.contracts.table(new.table), table) if new.beside else _NONE
        rows, keys, _ = _keys(by, table, table)
        lost = len(np.setdiff1d(before, keys)) if before is not None and keys is not None else 0
        if not lost:
            break
    return BuiltGeneration(
        new.dataset,
        new.table,
        new.folder,
        before_rows,
        rows,
        None if before is None else len(before),
        None if before is None or keys is None else len(keys),
        lost,
        refusals,
        held,
    )


def _keys(services: Services, table: Table, wanted: Table) -> tuple[int, npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """The number of a table's rows, hashes of their distinct keys by the ``wanted`` table's key, and who holds what."""
    kinds = {column.name: column.type for column in table.columns}
    comparable = all(kinds.get(name) == wanted.column(name).type for name in wanted.key)
    count, hashes, held = 0, [], []
    for path in paths_of_pointers(services, table):
        snapshot = read_partition(services.partitions, table, path)
        if snapshot is None:
            continue
        count += snapshot.table.num_rows
        held += [f"{table.name} {path}".strip() + f": {snapshot.footer.hold}"] if snapshot.footer.hold else []
        if comparable:
            values = _in_path(table, path)
            columns = [
                pa.chunked_array([pa.repeat(values[name], snapshot.table.num_rows)])
                if name in values
                else snapshot.table.column(name)
                for name in wanted.key
            ]
            hashes.append(np.unique(np.asarray(surrogate_ids(columns))))
    if not comparable:
        return count, None, tuple(held)
    return count, np.unique(np.concatenate(hashes)) if hashes else np.zeros(0, np.int64), tuple(held)


def _in_path(table: Table, path: str) -> dict[str, pa.Scalar]:
    """The columns whose values are the path's, in their types."""
    folders = dict(folder.partition("=")[::2] for folder in path.split("/")) if path else {}
    return {
        part.column: pa.scalar(folders[part.name]).cast(arrow_type(table.column(part.column).type))
        for part in table.partition_by
        if part.transform == "value"
    }
