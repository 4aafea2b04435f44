"""Manifests: a rebuild or a replay as jobs that may run side by side, none of which meets another on a partition.

Partitions that are made of the same ingest objects are in one job, which reads each object once. Objects that have rows
of the same partition are in one job, which commits them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.audit.repair_jobs import Reprocess, Restate
from core.contract.model import Table
from core.errors import InvalidData
from core.landing.zone import landing_of
from core.ports import ObjectInfo
from core.warehouse.current_state import inputs_of
from processing.restating.arrivals import places_of, read_arrivals
from processing.restating.rebuild import paths_of_pointers, paths_of_rollup
from processing.services import Services

MOST_PARTITIONS = 16  # of a job, that a function makes within its time
ALIKE = 1.25  # times as many objects as the largest of its partitions needs, at most, are read by a job


def plan_rebuild(services: Services, table: Table, *, allow_fewer: bool = False) -> list[Restate]:
    """The jobs that rebuild a fact from its ingest objects, or compute a rollup again.

    Raises ``InvalidData`` for other tables: a dimension is one partition. And where no partition is known, but objects
    are there that may have rows of it.
    """
    if table.kind == "rollup":
        paths = paths_of_rollup(services, table)
        parts = [paths[start : start + MOST_PARTITIONS] for start in range(0, len(paths), MOST_PARTITIONS)]
        return [Restate(table.dataset, table.name, tuple(part)) for part in parts]
    if table.kind != "fact":
        remedy = f"Rebuild it here: starmend rebuild {table.name}"
        raise InvalidData("plan a rebuild", table.name, f"a {table.kind} is one partition", remedy)
    arrivals = read_arrivals(services, table)
    nothing: frozenset[str] = frozenset()
    there = dict.fromkeys(paths_of_pointers(services, table), nothing)  # also what no receipt speaks of
    if arrivals.doubtful and not there and not arrivals.by_path:
        problem = f"{len(arrivals.doubtful)} ingest objects may have rows of it, and of no partition is it known"
        raise InvalidData("plan a rebuild", table.name, problem, f"Rebuild it here: starmend rebuild {table.name}")
    groups = grouped({**there, **arrivals.by_path}, known=len(arrivals.doubtful))
    return [
        Restate(table.dataset, table.name, tuple(group), arrivals.inputs_of(group), allow_fewer) for group in groups
    ]


def plan_shuffle(services: Services, table: Table, *, allow_fewer: bool = False) -> list[Restate]:
    """The jobs of a rebuild that reads each ingest object once, whatever it has rows of (``processing.spark``).

    Partitions are dealt out, so that those of one entity or time are not one job's alone. A partition that nobody knows
    yet falls to one of the jobs when rows of it appear; there is one at least.
    """
    if table.kind != "fact":
        return plan_rebuild(services, table) if table.kind == "rollup" else [Restate(table.dataset, table.name, ("",))]
    paths = sorted({*paths_of_pointers(services, table), *read_arrivals(services, table).by_path})
    jobs = max(1, -(-len(paths) // MOST_PARTITIONS))
    return [Restate(table.dataset, table.name, tuple(paths[n::jobs]), None, allow_fewer) for n in range(jobs)]


# ---------------------------------------------------------------- replays

OBJECT_SECONDS, BYTES_A_SECOND = 0.03, 2_000_000  # of a function: measured, as docs/scale.md has them
MOST_SECONDS = 200.0  # of the restate function's five minutes
WORTH_SECONDS = 20.0  # a job's, at least, where objects allow it: starting one takes half a second
Place = tuple[str, str]


def plan_replay(services: Services, objects: Sequence[ObjectInfo]) -> list[Reprocess]:
    """The jobs that process ingest objects again; in no order of time between jobs, which no promise needs.

    Raises ``InvalidData`` where more objects have rows of the same partition than a function takes in its time.
    """
    seconds = {info.key: OBJECT_SECONDS + info.size / BYTES_A_SECOND for info in objects}
    jobs: list[Reprocess] = []
    for dataset, keys in _by_dataset(seconds).items():
        waiting: list[str] = []
        for together in _meeting(_places(services, dataset, keys)):
            needed = sum(seconds[key] for key in together)
            if needed > MOST_SECONDS:
                problem = f"{len(together)} objects have rows of the same partitions: {needed:.0f} s of one function"
                remedy = (
                    "Rebuild the table, which reads by partition: starmend rebuild TABLE --at-scale; or replay fewer"
                )
                raise InvalidData("plan a replay", f"{together[0]} and others", problem, remedy)
            if waiting and needed + sum(seconds[key] for key in waiting) > WORTH_SECONDS:
                jobs.append(Reprocess(dataset, tuple(waiting)))
                waiting = []
            waiting += together
        if waiting:
            jobs.append(Reprocess(dataset, tuple(waiting)))
    return jobs


def _by_dataset(keys: Iterable[str]) -> dict[str, list[str]]:
    by_dataset: dict[str, list[str]] = {}
    for key in keys:
        if landing := landing_of(key):
            by_dataset.setdefault(landing.dataset, []).append(key)
    return by_dataset


def _places(services: Services, dataset: str, keys: Sequence[str]) -> dict[str, set[Place]]:
    """What processing an object again writes to: its partitions, and the dimensions that its table is joined into.

    Of an object whose receipt does not say, all that its table's objects write to.
    """
    contract = services.contracts.dataset(dataset)
    tables = {key: landing.table for key in keys if (landing := landing_of(key))}
    known = {table: places_of(services, dataset, table) for table in sorted(set(tables.values()))}
    doubtful = {table for key, table in tables.items() if known[table].get(key) is None}
    joined: dict[str, set[Place]] = {}
    for table in contract.tables:
        for source in inputs_of(table):
            joined.setdefault(source, set()).add((table.folder, ""))
    places: dict[str, set[Place]] = {}
    for key, source in tables.items():
        all_of_it = {("", source)} if source in doubtful else set[Place]()
        places[key] = {*(known[source].get(key) or ()), *joined.get(source, ()), *all_of_it}
    return places


def _meeting(places: Mapping[str, set[Place]]) -> list[list[str]]:
    """Objects in groups, no two of which write to the same place; in order of each group's first key."""
    above: dict[Place, Place] = {}

    def top(place: Place) -> Place:
        while (higher := above.setdefault(place, place)) != place:
            above[place] = above[higher]
            place = higher
        return place

    for those in places.values():
        first, *others = those or [("", "")]
        for other in others:
            above[top(other)] = top(first)
    groups: dict[Place, list[str]] = {}
    for key in sorted(places):
        groups.setdefault(top(next(iter(places[key]), ("", key))), []).append(key)
    return list(groups.values())


# ---------------------------------------------------------------- rebuilds


def grouped(by_path: Mapping[str, frozenset[str]], *, known: int = 0) -> Iterator[Sequence[str]]:
    """Partitions in groups that share their objects; ``known`` objects are read for each in any case."""
    group: list[str] = []
    objects: frozenset[str] = frozenset()
    largest = 0
    for path in sorted(by_path, key=lambda path: (min(by_path[path], default=""), path)):
        own = by_path[path]
        together = len(objects | own) + known
        if group and (len(group) == MOST_PARTITIONS or together > ALIKE * (max(largest, len(own)) + known)):
            yield group
            group, objects, largest = [], frozenset(), 0
        group.append(path)
        objects |= own
        largest = max(largest, len(own))
    if group:
        yield group
