"""Partitions whose rows were made by an earlier contract, looked for table by table, newest first.

A footer says by which columns, rules, lookup files and layout the oldest rows of its object were made. After a change
of any of these each scheduled audit looks at so many of the table's partitions and names those made otherwise; they are
made again within the budget, and the next audit goes on where all that are newer are as the contract says. A table of
which all are is not listed again until it changes.

A partition that is still outdated after a run had it made again holds nobody back: the table is *stuck*, and the next
runs go on behind it, to the table's end and then from that partition on again. Tables that are stuck come after those
that are not, and share what is left of the run. What is outdated afterwards was rolled back, or was made by somebody
who had begun before the deployment: it is named where an audit reads it anyway. Footers of earlier releases do not say:
of them the stored columns are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
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
_THEN = "\n"  # of a table that is stuck: the first partition that is outdated, then where the next look begins


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a table is through, newest first: all before ``until`` are; empty: all are (``WHOLE``: an empty path).

    Where it is stuck, ``then`` is where the next run goes on; that of a round that ended is ``until`` again.
    """

    until: str = ""
    then: str = ""

    @property
    def text(self) -> str:
        """What is remembered; an earlier release looks at all of the table, where it is stuck."""
        return f"{self.until}{_THEN}{self.then}" if self.then else self.until

    @property
    def goes_on(self) -> str:
        """The path at which the next look begins."""
        return (self.then or self.until).removeprefix(WHOLE)

    @property
    def path(self) -> str:
        """The first path that is not through."""
        return self.until.removeprefix(WHOLE)

    @property
    def is_behind(self) -> bool:
        """Whether the next look begins behind a partition that is outdated still."""
        return self.then not in ("", self.until)

    @classmethod
    def of(cls, text: str) -> Reached:
        """What a text says."""
        until, _, then = text.partition(_THEN)
        return cls(until, then)


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
            still = {
                finding.partition
                for finding in left
                if finding.table == table or finding.problem.startswith(f"{table}: ")
            }
            first = next((path or WHOLE for name, path in self.places if name == table and path in still), "")
            promise, text = self.forms[table]
            settled[table] = (promise, self._reached(Reached.of(text), table, first).text)
        return settled

    def forms_after(
        self, before: Mapping[str, tuple[str, str]], findings: Iterable[Finding], contract: Contract
    ) -> dict[str, tuple[str, str]]:
        """How far each table of the contract is through after this run; of one that was taken out nothing is left."""
        names = {table.name for table in made_tables(contract)}
        forms = {**before, **self.settled(findings)}
        return {name: form for name, form in forms.items() if name in names}

    def _reached(self, before: Reached, table: str, first: str) -> Reached:
        """How far a table is through, whose ``first`` place of the run is outdated still; empty: none is."""
        then = self.then.get(table, "")
        if before.is_behind:
            return Reached(before.until, then or before.until)
        return Reached(first, then or first) if first else Reached(then)

    def still_open(self, settled: Mapping[str, tuple[str, str]], before: Iterable[str]) -> frozenset[str]:
        """The cause of ``before`` that no run has seen over: of a table that is stuck this one saw a part."""
        is_stuck = any(Reached.of(text).then for _, text in settled.values())
        return frozenset({"outdated_partition"}.intersection(before) if is_stuck else ())

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
    known = read_state(services.records, contract.dataset).forms
    places: list[tuple[str, str]] = []
    stuck: list[list[tuple[str, str]]] = []
    progress: dict[str, tuple[str, str]] = {}
    then: dict[str, str] = {}
    left = MOST
    waiting = _not_through(contract, known, progress)
    for number, (table, reached) in enumerate(waiting):
        most = left // (len(waiting) - number) if reached.then else left
        if most <= 0:
            progress[table.name] = (promise_of(table), reached.text or WHOLE)
            continue
        look = _look(services, table, reached, most=most)
        left -= look.count
        of_table = [(table.name, path) for path in look.outdated]
        if reached.then:
            stuck.append(of_table)
        else:
            places += of_table
        progress[table.name] = (promise_of(table), look.reached.text)
        then[table.name] = look.unseen
    places += [place for turn in zip_longest(*stuck) for place in turn if place]
    return Outdated(tuple(places), progress, then).cut(services.limits.budget.partitions)


def _not_through(
    contract: Contract, known: Mapping[str, tuple[str, str]], progress: dict[str, tuple[str, str]]
) -> list[tuple[Table, Reached]]:
    """The tables that are not through and how far each is, those that are stuck last.

    Those with which an earlier release was through, which kept the form alone, are noted in the ``progress``.
    """
    waiting = []
    for table in made_tables(contract):
        stood, text = known.get(table.name, ("", ""))
        is_same = stood == promise_of(table)
        if is_same and not text:
            continue
        if stood == form_of(table) and not text:
            progress[table.name] = (promise_of(table), "")
            continue
        waiting.append((table, Reached.of(text if is_same else "")))
    return sorted(waiting, key=lambda each: bool(each[1].then))


@dataclass(frozen=True, slots=True)
class _Look:
    """The ``outdated`` of so many paths that were looked at; ``unseen`` is the first behind them, or empty."""

    outdated: tuple[str, ...]
    count: int
    unseen: str
    reached: Reached


def _look(services: Services, table: Table, reached: Reached, *, most: int) -> _Look:
    """Look at the next paths of a table, newest first."""
    paths = paths_newest_first(services.records, table)
    if reached.until and reached.path in paths:
        paths = paths[paths.index(reached.path) :]
    start = paths.index(reached.goes_on) if reached.is_behind and reached.goes_on in paths else 0
    looked = paths[start : start + most]
    problems = zip(looked, _problems(services, table, looked), strict=True)
    outdated = tuple(path for path, problem in problems if problem)
    unseen = paths[start + len(looked) :]
    following = [*outdated, *unseen]
    first = (following[0] or WHOLE) if following else ""
    after = Reached(reached.until, first or reached.until) if start else Reached(first)
    return _Look(outdated, len(looked), unseen[0] if unseen else "", after)


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
