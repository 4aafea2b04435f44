"""A state machine in memory for runs at scale: it carries out the jobs of a folder, but for those that it loses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws.executions import Execution
from core.ports import ObjectReader


class MemoryMachine:
    """``aws.executions.StateMachine``; ``workers`` are the functions by the name that a run gives them."""

    def __init__(
        self,
        records: ObjectReader,
        *,
        loses: Callable[[str], bool] = lambda _job: False,
        at_once: int = 4,
        **workers: Callable[[str], object],
    ) -> None:
        self._records, self._workers, self._at_once = records, workers, at_once
        self.loses = loses
        self.executions: dict[str, Execution] = {}
        self.carried_out: list[str] = []

    def find(self, name: str) -> Execution | None:
        return self.executions.get(name)

    def describe(self, execution: str) -> Execution:
        return self.executions[execution]

    def start(self, name: str, data: Mapping[str, Any]) -> str:
        assert name not in self.executions
        worker = self._workers[data["worker"]]

        def carry_out(job: str) -> None:
            if not self.loses(job):
                self.carried_out.append(job)
                worker(job)

        jobs = [info.key for info in self._records.list(data["jobs"])]
        with ThreadPoolExecutor(self._at_once) as pool:
            list(pool.map(carry_out, jobs))
        self.executions[name] = Execution(name, "SUCCEEDED", {})
        return name
