"""Manifests: a rebuild of a table as jobs that may run side by side, none of which meets another on a partition.

Partitions that are made of the same ingest objects are in one job, which reads each object once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from core.audit.repair_jobs import Restate
from core.contract.model import Table
from core.errors import InvalidData
from processing.restating.arrivals import read_arrivals
from processing.restating.rebuild import paths_of_pointers
from processing.services import Services

MOST_PARTITIONS = 16  # of a job, that a function makes within its time
ALIKE = 1.25  # times as many objects as the largest of its partitions needs, at most, are read by a job


def plan_rebuild(services: Services, table: Table, *, allow_fewer: bool = False) -> list[Restate]:
    """The jobs that rebuild a fact from its ingest objects, or compute a rollup again.

    Raises ``InvalidData`` for other tables: a dimension is one partition. And where no partition is known, but objects
    are there that may have rows of it.
    """
    if table.kind == "rollup":
        paths = list(paths_of_pointers(services, table))
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
