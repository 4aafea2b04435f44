"""Partitions whose rows were made by columns of an earlier contract, looked for table by table, newest first.

A footer says by which form of the columns the oldest rows of its object were made. After a change of a table's columns
each scheduled audit looks at so many of its partitions and names those of another form; they are made again within the
budget, and the next audit goes on where all that are newer are of the form. A table of which all are is not listed
again until its columns change. Footers of earlier releases do not say: of them the stored columns are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from auditor.services import Services
from auditor.state import read_state
from auditor.warehouse.partitions import target_of
from core.audit.findings import OutdatedPartition
from core.contract.model import TIME_UNITS, Contract, Table
from core.errors import PipelineBug
from core.warehouse.arrow_types import stored_schema
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import POINTER_NAME, partition_of, pointer_key
from core.warehouse.row_layout import form_of

Part = TypeVar("Part")  # a window or a slice
MOST = 500  # partitions that one run looks at
KINDS = ("fact", "rollup")  # a dimension is computed again whenever its contract or its inputs are others


@dataclass(frozen=True, slots=True)
class Outdated:
    """The outdated partitions that a run takes up, and how far each table's are through (``DatasetState.forms``)."""

    places: tuple[tuple[str, str], ...] = ()
    forms: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """JSON-ready, empty where there is nothing."""
        data = {"places": [list(place) for place in self.places], "forms": {k: list(v) for k, v in self.forms.items()}}
        return {"outdated": data} if self.places or self.forms else {}

    def within(
        self, parts_of: Callable[[str, str], Iterable[Part]], *, most: int, size: Callable[[Part], int] = lambda _: 1
    ) -> tuple[Outdated, list[Part]]:
        """As many of the places as parts of ``most`` size in all belong to, one at least, and these parts.

        Parts are what has to be audited after its partition was made again, so that it is certified by the same run.
        """
        places: list[tuple[str, str]] = []
        parts: dict[Part, None] = {}
        left = most
        for place in self.places:
            more = [part for part in parts_of(*place) if part not in parts]
            left -= sum(map(size, more))
            if places and more and left < 0:
                break
            places.append(place)
            parts |= dict.fromkeys(more)
        return replace(self, places=tuple(places)), list(parts)

    @classmethod
    def from_data(cls, order: Mapping[str, Any]) -> Outdated:
        """What of an order ``to_data`` gave."""
        data = order.get("outdated", {})
        places = tuple((table, path) for table, path in data.get("places", ()))
        return cls(places, {table: (form, until) for table, (form, until) in data.get("forms", {}).items()})


def choose_outdated(services: Services, contract: Contract) -> Outdated:
    """The newest outdated partitions of the tables that are not through, as many as one run makes again.

    Raises ``TransientFailure`` where the store does not answer.
    """
    places: list[tuple[str, str]] = []
    left = MOST
    progress: dict[str, tuple[str, str]] = {}
    known = read_state(services.records, contract.dataset).forms
    for table in contract.tables:
        form = form_of(table)
        stood, until = known.get(table.name, ("", ""))
        if table.kind not in KINDS or left <= 0 or (stood == form and not until):
            continue
        paths = newest_first(services, table)
        if stood == form and until in paths:
            paths = paths[paths.index(until) :]
        looked = paths[:left]
        left -= len(looked)
        results = list(_looked_at(services, [(table, path) for path in looked]))
        places += [(table.name, finding.partition) for finding in results if finding]
        first = next((path for path, finding in zip(looked, results, strict=True) if finding), None)
        goes_on = first if first is not None else paths[len(looked)] if len(paths) > len(looked) else ""
        progress[table.name] = (form, goes_on)
    return Outdated(tuple(places[: services.limits.budget.partitions]), progress)


def find_outdated(services: Services, contract: Contract, chosen: Outdated) -> tuple[OutdatedPartition, ...]:
    """Those of the chosen partitions that are outdated now. Raises ``TransientFailure`` as above."""
    tables = {table.name: table for table in contract.tables}
    again = [(tables[name], path) for name, path in chosen.places if name in tables]
    return tuple(finding for finding in _looked_at(services, again) if finding)


def newest_first(services: Services, table: Table) -> list[str]:
    """The paths of a table's partitions, those of the newest time first."""
    folder = pointer_key(table.name).removesuffix(POINTER_NAME)
    paths = [
        info.key.removeprefix(folder).removesuffix(POINTER_NAME).rstrip("/")
        for info in services.records.list(folder)
        if info.key.endswith(f"/{POINTER_NAME}")
    ]
    places = [place for place, part in enumerate(table.partition_by) if part.transform in TIME_UNITS]

    def age(path: str) -> tuple[list[str], str]:
        folders = path.split("/")
        return [folders[place] for place in places if place < len(folders)], path

    return sorted(paths, key=age, reverse=True)


def _looked_at(services: Services, places: Sequence[tuple[Table, str]]) -> Iterator[OutdatedPartition | None]:
    def look(place: tuple[Table, str]) -> OutdatedPartition | None:
        table, path = place
        problem = _problem(services, table, path)
        return OutdatedPartition(table.dataset, table.name, path, problem) if problem else None

    with ThreadPoolExecutor(services.limits.workers) as pool:
        yield from pool.map(look, places)


def _problem(services: Services, table: Table, path: str) -> str:
    """Why the partition's rows are outdated; empty where they are not, or where they are broken, which others find."""
    target = target_of(services.partitions, partition_of(table.name, path))
    stored = services.partitions.read_object(target) if target else None
    if stored is None:
        return ""
    try:
        opened = open_object(stored.key, stored.body)
    except PipelineBug:
        return ""
    form = opened.footer.layout.form if opened.footer.layout else ""
    if opened.footer.hold or form == form_of(table):
        return ""
    wanted = {field.name: field.type for field in stored_schema(table)}
    present = {field.name: field.type for field in opened.schema}
    new = sorted(wanted.keys() - present.keys())
    other = sorted(name for name in wanted.keys() & present.keys() if wanted[name] != present[name])
    if new:
        return f"its rows have no {', '.join(new)}"
    if other:
        return f"its rows have {', '.join(other)} in another type"
    return "its rows were made by columns of an earlier contract" if form else ""
