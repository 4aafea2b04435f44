"""Progress of a repair job: what came of each of its repairs so far, kept now and then while the job goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.audit.efforts import Effort, measured
from core.audit.repair_jobs import (
    CUT_OFF,
    UNREACHED,
    HistoryCall,
    Repair,
    RepairOutcome,
    write_asking,
    write_outcome,
)
from core.ports import ObjectStore

KEPT_EVERY = timedelta(seconds=20)  # of a job that goes on

Range = tuple[int, int]


@dataclass(slots=True)
class Part:
    """One repair of a job. ``calls`` are those of earlier attempts and what came since; ``error`` is for a retry.

    ``failed_before``: an earlier attempt's failure that left no call.
    """

    repair: Repair
    calls: tuple[HistoryCall, ...] = ()
    result: str = ""
    reason: str = ""
    error: str = ""
    failed_before: bool = False

    @property
    def was_asked(self) -> bool:
        """Whether the job came to it in this attempt or an earlier one."""
        return bool(self.calls) or self.failed_before

    @property
    def answered(self) -> dict[Range, HistoryCall]:
        """The calls that are not made again, by their range."""
        return {(call.start, call.end): call for call in self.calls if call.outcome.result == "answered"}

    def note(self, call: HistoryCall) -> None:
        """This call was made, in place of an earlier one of its range."""
        others = [each for each in self.calls if (each.start, each.end) != (call.start, call.end)]
        self.calls = (*others, call)

    def end(self, result: str, reason: str = "", error: str = "") -> None:
        """It is over for this attempt."""
        self.result, self.reason, self.error = result, reason, error

    def outcome(self) -> RepairOutcome:
        """As it would be left now."""
        history = tuple(sorted(self.calls, key=lambda call: (call.start, call.end))) if self.calls else None
        if self.result:
            return RepairOutcome(self.result, self.reason, history=history)
        if self.answered.keys() >= {*getattr(self.repair, "ranges", ((),))}:
            return RepairOutcome("done", history=history)
        return RepairOutcome("failed" if self.calls else UNREACHED, CUT_OFF, history=history)


def _begun(repair: Repair, before: RepairOutcome) -> Part:
    """The part as earlier attempts left it. What was cut off may be its neighbour's fault."""
    is_failed = before.result == "failed" and before.reason != CUT_OFF
    return Part(repair, before.history or (), failed_before=is_failed)


class Progress:
    """The repairs of a job that is not over, as they would be left: those of earlier attempts and what came since."""

    def __init__(
        self,
        store: ObjectStore,
        job: str,
        repairs: Sequence[Repair],
        before: RepairOutcome | None,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._job, self._now, self._before = store, job, now, before
        self._started = self._kept_at = now()
        self.parts = [
            _begun(repair, before.of(place)) if before else Part(repair) for place, repair in enumerate(repairs)
        ]
        self._calls: list[HistoryCall] = []
        self.outcome: RepairOutcome | None = None  # of a job that is no history

    def begin(self, part: Part) -> None:
        """This repair is about to be done. If it ends the function, the next attempt comes to its neighbours first."""
        if len(self.parts) == 1:
            return
        if part.failed_before:  # it may have ended the function: what the others have is kept before
            self._keep()
        write_asking(self._store, self._job, next(place for place, each in enumerate(self.parts) if each is part))

    def note(self, part: Part, call: HistoryCall) -> None:
        """This call was made; all are written now and then."""
        part.note(call)
        self._calls.append(call)
        if self._now() - self._kept_at >= KEPT_EVERY:
            self._keep()

    def _keep(self) -> None:
        now = self._kept_at = self._now()
        self._write(replace(self._so_far(), finished_at=int(now.timestamp())))

    def fail(self, reason: str) -> None:
        """The job as a whole failed: whatever is not over did so."""
        for part in self.parts:
            if not part.result:
                part.end("failed", reason)

    def leave(self, memory_mb: int) -> None:
        """Write the outcome of a job that is over, with what it took."""
        now = self._now()
        outcome = self.outcome or self._so_far()
        effort = self._effort(outcome, (now - self._started).total_seconds(), memory_mb)
        self._write(replace(outcome, finished_at=int(now.timestamp()), effort=effort))

    def _write(self, outcome: RepairOutcome) -> None:
        others = tuple(replace(each, finished_at=outcome.finished_at) for each in outcome.others)
        write_outcome(self._store, self._job, replace(outcome, others=others))

    def _so_far(self) -> RepairOutcome:
        first, *others = (part.outcome() for part in self.parts)
        result = "failed" if first.result == UNREACHED and first.reason == CUT_OFF else first.result
        return replace(first, result=result, others=tuple(others))

    def _effort(self, outcome: RepairOutcome, seconds: float, memory_mb: int) -> Effort | None:
        """That of this attempt and of the job's earlier ones."""
        rows = sum(len(call.outcome.healed) for call in self._calls)
        effort = measured(seconds, memory_mb, calls=len(self._calls), rows=rows, writes=len(outcome.revived or ()))
        earlier = self._before.effort if self._before else None
        return effort + earlier if effort and earlier else effort or earlier
