"""Merges against a dictionary: batches in any order, layouts that change, and partitions that lose what they had."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.chaos.run import Options, Result
from tests.support.merge_model import TABLES, merges_as_a_dictionary
from tests.support.partition_histories import losses

from core.contract.model import Table

RUNS_OF_IT = 3_000


def merges(options: Options) -> Result:
    """``--runs`` is the number of arrivals that are merged; half of them with crashes and losses in between."""
    count = options.amount(RUNS_OF_IT)
    faults: list[str] = []
    differing = 0
    for number in range(count // 2):
        found = losses(options.seed + number)
        differing += bool(found)
        faults += found
        options.progress(f"{number + 1} of {count} merges")
    each = max(1, (count - count // 2) // len(TABLES))
    for table in TABLES:
        quiet = settings(max_examples=each, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        check = quiet(seed(options.seed)(_arrivals(table)))
        try:
            check()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a difference
            differing += 1
            faults.append(f"{table.name}: {type(error).__name__}: {str(error)[:500]} (seed {options.seed})")
        options.progress(f"merges of {table.name} are done")
    return Result({"runs": count // 2 + each * len(TABLES), "differing": differing}, faults)


def _arrivals(table: Table) -> Callable[[], None]:
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        merges_as_a_dictionary(table, data)

    return check


RUNS: dict[str, Callable[[Options], Result]] = {"merges": merges}
