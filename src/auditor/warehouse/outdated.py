"""Partitions whose rows were made by an earlier contract, looked for table by table, newest first.

A footer says by which columns, rules, lookup files and layout the oldest rows of its object were made. After a change
of any of these each scheduled audit looks at so many of the table's partitions and names those made otherwise; they are
made again within the budget, and the next audit goes on where all that are newer are as the contract says. A table of
which all are is not listed again until it changes. What is outdated afterwards was rolled back, or was made by somebody
who had begun before the deployment: it is named where an audit reads it anyway. Footers of earlier releases do not say:
of them the stored columns are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from auditor.services import Services
from auditor.state import read_state
from auditor.warehouse.partitions import target_of
from core.audit.findings import Finding, OutdatedPartition
from core.contract.codec import content_hash
from core.contract.model import TIME_UNITS, Contract, Table
from core.errors import PipelineBug
from core.ports import ObjectReader
from core.warehouse.current_state import CURRENT, current_table, inputs_of
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import POINTER_NAME, partition_of, pointer_key
from core.warehouse.row_layout import RowLayout, form_of, why_outdated

OutdatedPlace = tuple[str, str, str]  # table, path, and why its rows are not as the contract would make them
Part = TypeVar("Part")  # a window or a slice
WHOLE = "."  # as the path of a table that has one partition, where an empty one says that all are through
MOST = 500  # partitions that one run looks at


@dataclass(frozen=True, slots=True)
class Outdated:
    """The outdated partitions that a run takes up, and how far each table's are through (``DatasetState.forms``).

    ``then`` is how far each table's are through once all of the places are made again.
    """

    places: tuple[tuple[str, str], ...] = ()
    forms: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    then: Mapping[str, str] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """JSON-ready, empty where there is nothing."""
        forms = {table: list(form) for table, form in self.forms.items()}
        data = {"places": [list(place) for place in self.places], "forms": forms, "then": dict(self.then)}
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
        return self.cut(len(places)), list(parts)

    def cut(self, count: int) -> Outdated:
        """The first so many of the places; the next run goes on with the others."""
        left = {table: path or WHOLE for table, path in reversed(self.places[count:])}
        return replace(self, places=self.places[:count], then={**self.then, **left})

    def settled(self, findings: Iterable[Finding]) -> dict[str, tuple[str, str]]:
        """How far each table's are through when the run ends, by the findings of its last scan."""
        left = [finding for finding in findings if isinstance(finding, OutdatedPartition)]
        settled = dict(self.forms)
        for table in dict.fromkeys(table for table, _ in self.places):
            of_table = [
                finding for finding in left if finding.table == table or finding.problem.startswith(f"{table}: ")
            ]
            paths = [
                path for name, path in self.places if name == table and path in {each.partition for each in of_table}
            ]
            settled[table] = (self.forms[table][0], (paths[0] or WHOLE) if paths else self.then.get(table, ""))
        return settled

    @classmethod
    def from_data(cls, order: Mapping[str, Any]) -> Outdated:
        """What of an order ``to_data`` gave."""
        data = order.get("outdated", {})
        places = tuple((table, path) for table, path in data.get("places", ()))
        forms = {table: (form, until) for table, (form, until) in data.get("forms", {}).items()}
        return cls(places, forms, data.get("then", {}))


def choose_outdated(services: Services, contract: Contract) -> Outdated:
    """The newest outdated partitions of the tables that are not through, as many as one run makes again.

    Raises ``TransientFailure`` where the store does not answer.
    """
    places: list[tuple[str, str]] = []
    left = MOST
    progress: dict[str, tuple[str, str]] = {}
    then: dict[str, str] = {}
    known = read_state(services.records, contract.dataset).forms
    for table in made_tables(contract):
        promise = promise_of(table)
        stood, until = known.get(table.name, ("", ""))
        if stood == promise and not until:
            continue
        if left <= 0:
            progress[table.name] = (promise, (until if stood == promise else "") or WHOLE)
            continue
        if stood == form_of(table) and not until:  # an earlier release was through with it, and kept the form alone
            progress[table.name] = (promise, "")
            continue
        paths = paths_newest_first(services.records, table)
        if stood == promise and until.removeprefix(WHOLE) in paths:
            paths = paths[paths.index(until.removeprefix(WHOLE)) :]
        looked = paths[:left]
        left -= len(looked)
        outdated = [path for path, problem in zip(looked, _problems(services, table, looked), strict=True) if problem]
        places += [(table.name, path) for path in outdated]
        unseen = paths[len(looked) :]
        following = [*outdated, *unseen]
        progress[table.name] = (promise, following[0] or WHOLE if following else "")
        then[table.name] = unseen[0] if unseen else ""
    return Outdated(tuple(places), progress, then).cut(services.limits.budget.partitions)


def find_outdated(
    services: Services, contract: Contract, chosen: Outdated, seen: Sequence[OutdatedPlace] = ()
) -> tuple[OutdatedPartition, ...]:
    """Those of the chosen partitions that are outdated now, and those ``seen`` by the way of tables that are through.

    The current state of a source table is named by the first dimension that is computed from it, whose repair it is.
    Raises ``TransientFailure`` as above.
    """
    findings = []
    for table in made_tables(contract):
        paths = [path for name, path in chosen.places if name == table.name]
        problems = dict(zip(paths, _problems(services, table, paths), strict=True))
        if table.name not in chosen.forms:
            problems |= {path: problem for name, path, problem in seen if name == table.name}
        name, of = table.name, ""
        if name.startswith(f"{CURRENT}/"):
            name = next(each.name for each in contract.tables if table.source in inputs_of(each))
            of = f"{table.name}: "
        for path, problem in problems.items():
            if problem:
                findings.append(OutdatedPartition(contract.dataset, name, path, f"{of}{problem}"))
    return tuple(findings)


def made_tables(contract: Contract) -> list[Table]:
    """The tables whose rows are made from what was fetched: current states, what is computed of them, facts, rollups.

    Those made from the contract alone follow it whenever anything is processed.
    """
    dimensions = [table for table in contract.tables if inputs_of(table)]
    sources = dict.fromkeys(name for table in dimensions for name in inputs_of(table))
    states = [current_table(contract, contract.source_table(name)) for name in sources]
    return [*states, *dimensions, *(table for table in contract.tables if table.kind in ("fact", "rollup"))]


def promise_of(table: Table) -> str:
    """A hash of all that a footer says of how rows were made, as the contract wants it."""
    return content_hash(RowLayout.of(table).to_data())[:16]


def paths_newest_first(records: ObjectReader, table: Table) -> list[str]:
    """The paths of a table's partitions, those of the newest time first."""
    folder = pointer_key(table.folder).removesuffix(POINTER_NAME)
    paths = [
        info.key.removeprefix(folder).removesuffix(POINTER_NAME).rstrip("/")
        for info in records.list(folder)
        if info.key.endswith(f"/{POINTER_NAME}")
    ]
    places = [place for place, part in enumerate(table.partition_by) if part.transform in TIME_UNITS]

    def age(path: str) -> tuple[list[str], str]:
        folders = path.split("/")
        return [folders[place] for place in places if place < len(folders)], path

    return sorted(paths, key=age, reverse=True)


def _problems(services: Services, table: Table, paths: Sequence[str]) -> list[str]:
    with ThreadPoolExecutor(services.limits.workers) as pool:
        return list(pool.map(partial(_problem, services, table), paths))


def _problem(services: Services, table: Table, path: str) -> str:
    """Why the partition's rows are outdated; empty where they are not, or where they are broken, which others find."""
    target = target_of(services.partitions, partition_of(table.folder, path))
    stored = services.partitions.read_object(target) if target else None
    if stored is None:
        return ""
    try:
        opened = open_object(stored.key, stored.body)
    except PipelineBug:
        return ""
    return "" if opened.footer.hold else why_outdated(opened.footer.layout, opened.schema, table)
