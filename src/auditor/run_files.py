"""An audit's papers: what its steps hand to each other through S3, for a state machine carries 256 KB and no more.

``audit/runs/<run>/``: ``order.json`` (which windows), ``audit-<n>.json`` (what was found; 0 is before any repair),
``plan-<n>.json``, ``jobs/<n>-<nnn>.json`` and ``outcomes/<n>-<nnn>.json`` (one repair each), ``judgement.json`` (what
cannot be healed and why). Every step writes its papers whole and may be run again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.windows import Window
from core.audit.findings import Finding, findings_from_data, findings_to_data
from core.audit.repair_jobs import Compare
from core.contract.codec import from_data, to_data
from core.errors import InvalidData
from core.json import canonical_json
from core.ports import ObjectReader, ObjectWriter
from core.time import epoch, iso

ROOT = "audit/runs/"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,120}")


def run_prefix(run: str) -> str:
    """Raises ``InvalidData`` where the run's name cannot be part of a key."""
    if not _NAME.fullmatch(run):
        raise InvalidData("name a run", run, "has characters that a key should not have", "Use A-Z, a-z, 0-9, . _ -")
    return f"{ROOT}{run}/"


def run_file_key(run: str, name: str) -> str:
    return f"{run_prefix(run)}{name}.json"


def job_key(run: str, attempt: int, number: int) -> str:
    return run_file_key(run, f"jobs/{attempt}-{number:03d}")


def outcome_key(job: str) -> str:
    """Where the outcome of a job lies, by the job's key."""
    return job.replace("/jobs/", "/outcomes/")


def write_run_file(store: ObjectWriter, run: str, name: str, data: Any) -> str:
    key = run_file_key(run, name)
    store.write(key, canonical_json(data), content_type="application/json")
    return key


def find_run_file(store: ObjectReader, run: str, name: str) -> Any:
    """The paper's content; None where it is not there (yet)."""
    stored = store.read(run_file_key(run, name))
    return json.loads(stored.body) if stored else None


def read_run_file(store: ObjectReader, run: str, name: str) -> Any:
    """Raises ``InvalidData`` where the step before did not leave it."""
    found = find_run_file(store, run, name)
    if found is None:
        raise InvalidData("read the audit's papers", run_file_key(run, name), "is not there", "Start the audit again")
    return found


# ---------------------------------------------------------------- the order: what is to be audited


@dataclass(frozen=True, slots=True)
class Order:
    """The windows of a run, the same for every attempt. ``start`` and ``end`` cut them (epoch seconds).

    ``scheduled``: the run was not asked for a range, so it also moves the frontier on to ``frontier``, and remembers
    the ``targets`` that the partitions had when it began.
    """

    dataset: str
    run: str
    windows: tuple[Window, ...]
    start: int
    end: int
    scheduled: bool
    frontier: int
    targets: Mapping[str, str]

    def to_data(self) -> dict[str, Any]:
        return {
            "targets": dict(self.targets),
            "dataset": self.dataset,
            "run": self.run,
            "windows": [[iso(window.start), iso(window.end)] for window in self.windows],
            "start": iso(self.start),
            "end": iso(self.end),
            "scheduled": self.scheduled,
            "frontier": iso(self.frontier),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Order:
        return cls(
            dataset=data["dataset"],
            run=data["run"],
            windows=tuple(Window(epoch(start), epoch(end)) for start, end in data["windows"]),
            start=epoch(data["start"]),
            end=epoch(data["end"]),
            scheduled=data["scheduled"],
            frontier=epoch(data["frontier"]),
            targets=data["targets"],
        )


# ---------------------------------------------------------------- what an audit found


@dataclass(frozen=True, slots=True)
class WindowResult:
    """A window as it is: counts, what is absent and missing by entity, and what a certificate would say of its rows.

    ``whole`` says that all of the window was read and nothing of it is missing or broken. ``counted``: Athena counted
    its points, and its rows were not read. ``subject`` is whose window it is, where the result has windows of several
    tables.
    """

    start: int
    end: int
    complete: bool
    counts: Mapping[str, int]
    partitions: Mapping[str, list[Any]]
    absent: Mapping[str, list[list[str]]] = field(default_factory=dict)
    missing: Mapping[str, list[list[str]]] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    touched_by: tuple[str, ...] = ()
    subject: str = ""
    counted: bool = False

    @property
    def was_read(self) -> bool:
        """Whether all of it was."""
        return self.complete and not self.counted

    @property
    def whole(self) -> bool:
        return self.was_read and not self.counts["missing"] and not self.touched_by


@dataclass(frozen=True, slots=True)
class AuditResult:
    """All of what one look found. ``sample`` is what is to be compared with the provider's history, once in a run;
    ``swept_until`` the key at which the sweep of unreferenced objects goes on."""

    dataset: str
    subject: str
    windows: tuple[WindowResult, ...]
    findings: tuple[Finding, ...]
    targets: Mapping[str, str]
    objects_until: str
    audited_at: str
    sample: tuple[Compare, ...] = ()
    swept_until: str = ""

    def to_data(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "subject": self.subject,
            "windows": [_window_data(window) for window in self.windows],
            "findings": findings_to_data(self.findings),
            "targets": dict(self.targets),
            "objects_until": self.objects_until,
            "audited_at": self.audited_at,
            "sample": to_data(self.sample),
            "swept_until": self.swept_until,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> AuditResult:
        return cls(
            dataset=data["dataset"],
            subject=data["subject"],
            windows=tuple(_window_of(one) for one in data["windows"]),
            findings=findings_from_data(data["findings"]),
            targets=data["targets"],
            objects_until=data["objects_until"],
            audited_at=data["audited_at"],
            sample=from_data(tuple[Compare, ...], data.get("sample", ())),
            swept_until=data.get("swept_until", ""),
        )


def _window_data(window_result: WindowResult) -> dict[str, Any]:
    return {
        "start": iso(window_result.start),
        "end": iso(window_result.end),
        "complete": window_result.complete,
        "counts": dict(window_result.counts),
        "partitions": dict(window_result.partitions),
        "absent": dict(window_result.absent),
        "missing": dict(window_result.missing),
        "evidence": list(window_result.evidence),
        "touched_by": list(window_result.touched_by),
        "subject": window_result.subject,
        "counted": window_result.counted,
    }


def _window_of(data: Mapping[str, Any]) -> WindowResult:
    return WindowResult(
        start=epoch(data["start"]),
        end=epoch(data["end"]),
        complete=data["complete"],
        counts=data["counts"],
        partitions=data["partitions"],
        absent=data["absent"],
        missing=data["missing"],
        evidence=tuple(data["evidence"]),
        touched_by=tuple(data["touched_by"]),
        subject=data["subject"],
        counted=data.get("counted", False),
    )


def kinds_of(findings: Sequence[Finding]) -> dict[str, int]:
    """How many findings there are of each kind; missing points are counted one by one."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + (finding.points if finding.kind == "missing_point" else 1)
    return counts
