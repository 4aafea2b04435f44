"""Step Functions: the auditor's state machine, driven as ``terraform/modules/auditor/definition.tf`` says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.weather import Weather
from tests.simulation.world import Killed, Signal, World

STEP_SECONDS, WAIT_SECONDS, RETRY_SECONDS = 900.0, 90.0, 5.0
AT_ONCE = 5
TRANSIENT = ("OutOfReach", "TransientFailure")
OF_JOBS = (*TRANSIENT, "StatementTimeOut", "AuthenticationFailed")
Call = Callable[[dict[str, Any]], dict[str, Any]]


class StepFailed(Exception):
    """A state that failed, by the error's name."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause


@dataclass
class Tokens:
    """``ingestion.repair.runtime.Tasks``: who waits for a task token hears of its end."""

    waiting: dict[str, Signal[dict[str, Any] | StepFailed]] = field(default_factory=dict)

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        if token in self.waiting:
            self.waiting[token].set(dict(output))

    def fail(self, token: str, error: str, cause: str) -> None:
        if token in self.waiting:
            self.waiting[token].set(StepFailed(error, cause))


@dataclass
class Machine:
    """The states' functions by name. ``ask`` sends a job of acquisition with its token to the repairs queue."""

    world: World
    weather: Weather
    steps: Mapping[str, Call]
    executors: Mapping[str, Call]
    restate: Call
    ask: Callable[[Mapping[str, object]], None]
    tokens: Tokens
    runs: int = 0

    def execute(self, order: Mapping[str, Any], run: str) -> str:
        """One execution: ``succeeded`` or ``failed``."""
        self.runs += 1
        try:
            self._execute(dict(order), run)
        except StepFailed as failure:
            event = {"dataset": order["dataset"], "run": run, "error": f"{failure.error}: {failure.cause}"[:900]}
            try:
                self._task(self.steps["conclude"], event)
            except StepFailed:
                self.weather.counts["failure untold"] += 1
            return "failed"
        return "succeeded"

    def _execute(self, order: dict[str, Any], run: str) -> None:
        state = self._task(self.steps["audit"], {"order": order, "run": run})
        attempt = state["attempt"]
        while not state["idle"]:
            of_run = {"dataset": order["dataset"], "run": run, "attempt": attempt}
            plan = self._task(self.steps["plan"], of_run)
            if not plan["planned"]:
                break
            self.world.gather([lambda job=job: self._job(job, run) for job in plan["jobs"]], at_once=AT_ONCE)
            self.world.sleep(WAIT_SECONDS)
            attempt = plan["attempt"]
            state = self._task(self.steps["verify"], {**of_run, "attempt": attempt})
            attempt = state["attempt"]
            if state.get("exhausted"):
                break
        of_run = {"dataset": order["dataset"], "run": run, "attempt": attempt}
        certified = self._task(self.steps["certify"], of_run)
        failures: list[StepFailed] = []
        works = [lambda job=job: self._rollup(job, failures) for job in certified["rollups"]]
        self.world.gather(works, at_once=AT_ONCE)
        if failures:
            raise failures[0]
        counts = {name: state[name] for name in ("expected", "present", "absent", "missing")}
        counts |= {name: certified[name] for name in ("certificates", "repaired")}
        self._task(self.steps["conclude"], {"dataset": order["dataset"], "run": run, "counts": counts})

    def _rollup(self, job: Mapping[str, str], failures: list[StepFailed]) -> None:
        try:
            self._task(self.restate, {"job": job["job"]})
        except StepFailed as failure:
            failures.append(failure)

    def _job(self, job: Mapping[str, str], run: str) -> None:
        """One job of a repair; its failure is left to the verdict."""
        event = {"job": job["job"]}
        try:
            if job["door"] == "acquire":
                self._asked(event, run)
            else:
                retried = OF_JOBS if job["door"] == "extract" else TRANSIENT
                self._task(self.executors[job["door"]], event, retried=retried)
        except StepFailed:
            self.weather.counts["job failed"] += 1

    def _asked(self, event: Mapping[str, str], run: str) -> None:
        for attempt in range(3):
            token = f"{run}/{event['job']}/{attempt}"
            told = self.tokens.waiting[token] = Signal(self.world)
            self.ask({**event, "token": token})
            answer = told.wait(3 * STEP_SECONDS)
            del self.tokens.waiting[token]
            if isinstance(answer, dict):
                return
            error = answer.error if answer else "States.Timeout"
            if error not in ("ProviderLimited", "ProviderBroken", *TRANSIENT):
                raise StepFailed(error, "")
            self.world.sleep((6 if error == "ProviderLimited" else 1) * RETRY_SECONDS * 2**attempt)
        raise StepFailed("retries are used up", "")

    def _task(self, call: Call, event: dict[str, Any], *, retried: tuple[str, ...] = TRANSIENT) -> dict[str, Any]:
        """A function's answer; what is transient is tried again, four times."""
        for attempt in range(5):
            try:
                answer = call(json.loads(json.dumps(event)))
                text = json.dumps(answer)
                if len(text) >= 256_000:
                    raise StepFailed("States.DataLimitExceeded", "")
                if self.weather.happens("invoked twice", 0.01):  # at least once: its answer is lost, and it runs again
                    answer = call(json.loads(json.dumps(event)))
                return answer
            except Killed:
                error, cause = "Sandbox.Timedout", "killed"
            except Exception as failure:
                if isinstance(failure, StepFailed):
                    raise
                error, cause = type(failure).__name__, str(failure)
            if error not in retried or attempt == 4:
                raise StepFailed(error, cause)
            self.world.sleep(self.weather.draw.random() * RETRY_SECONDS * 2**attempt)
        raise StepFailed("unreachable", "")
