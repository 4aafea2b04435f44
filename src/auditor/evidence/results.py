"""The result of one scan: windows with their counts, and findings, as ``audit-<n>.json`` of a run holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.evidence.doubts import Doubt
from core.audit.findings import HELD, Finding, HeldPartition, findings_from_data, findings_to_data
from core.audit.history import KnownValue, given_slots, with_given
from core.audit.repair_jobs import Compare, FetchHistory
from core.contract.codec import from_data, to_data
from core.time import epoch, iso

ANOTHER_CONTRACT = "deployment: it was scanned by the contract of before"


@dataclass(frozen=True, slots=True)
class WindowResult:
    """A scanned window: counts, what is absent and missing by entity, and what a certificate would say of its rows.

    ``whole`` says that all of the window was read and nothing of it is missing or broken. ``counted``: Athena counted
    its points, and its rows were not read. ``subject`` is whose window it is, where the result has windows of several
    tables. ``recheck`` is when the first of its absences is to be asked for again (epoch seconds, 0: none).
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
    recheck: int = 0

    @property
    def was_read(self) -> bool:
        """Whether all of it was."""
        return self.complete and not self.counted

    @property
    def whole(self) -> bool:
        return self.was_read and not self.counts["missing"] and not self.touched_by

    @property
    def held(self) -> str:
        """Which partitions of it are held, why, by whom and since when; empty where none is."""
        texts = (text for kind, _, text in (reason.partition(": ") for reason in self.touched_by) if kind == HELD)
        return "; ".join(texts)


@dataclass(frozen=True, slots=True)
class AuditResult:
    """All that one scan found.

    ``sample`` is what is to be compared with the provider's history, once in a run; ``rechecks`` are proven absences
    that it is time to ask for again. ``doubts`` are missing points that the source says it has not and that are not
    proven. ``swept_until`` is the key at which the sweep of unreferenced objects goes on. ``known`` are values near
    what is to be asked for, by entity. ``seen_until``: extraction had
    brought the rows of before it of every table (epoch seconds; None: not told). ``amiss``: where the first slice
    begins that is not whole, by a database's table. ``letters`` are the dead letters that no repair moves: the begin of
    each by its hash, by cause. ``contract`` is the hash of the one that it was scanned by (empty: not told).
    """

    dataset: str
    subject: str
    windows: tuple[WindowResult, ...]
    findings: tuple[Finding, ...]
    targets: Mapping[str, str]
    objects_until: str
    audited_at: str
    sample: tuple[Compare, ...] = ()
    swept_until: str = ""
    doubts: tuple[Doubt, ...] = ()
    rechecks: tuple[FetchHistory, ...] = ()
    known: Mapping[str, tuple[KnownValue, ...]] = field(default_factory=dict)
    seen_until: int | None = None
    amiss: Mapping[str, int] = field(default_factory=dict)
    letters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    contract: str = ""

    def under(self, contract: str) -> AuditResult:
        """The result for whoever goes on by this contract: what was scanned by another is whole in no window.

        A certificate would name this contract over rows that were read by the columns of the other.
        """
        if self.contract in ("", contract):
            return self
        windows = (replace(each, touched_by=(*each.touched_by, ANOTHER_CONTRACT)) for each in self.windows)
        return replace(self, windows=tuple(windows))

    def subject_of(self, window: WindowResult) -> str:
        """The table that a window of this result is of."""
        return window.subject or self.subject

    def to_data(self) -> dict[str, Any]:
        given = {entity: slots for entity, values in self.known.items() if (slots := given_slots(values))}
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
            **({"doubts": to_data(self.doubts)} if self.doubts else {}),
            **({"rechecks": to_data(self.rechecks)} if self.rechecks else {}),
            **({"known": to_data(self.known)} if self.known else {}),
            **({"given": given} if given else {}),
            **({"seen_until": self.seen_until} if self.seen_until is not None else {}),
            **({"amiss": dict(self.amiss)} if self.amiss else {}),
            **({"letters": to_data(self.letters)} if self.letters else {}),
            **({"contract": self.contract} if self.contract else {}),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> AuditResult:
        known = from_data(Mapping[str, tuple[KnownValue, ...]], data.get("known", {}))
        given = data.get("given", {})
        return cls(
            dataset=data["dataset"],
            subject=data["subject"],
            windows=tuple(_window_of(window) for window in data["windows"]),
            findings=findings_from_data(data["findings"]),
            targets=data["targets"],
            objects_until=data["objects_until"],
            audited_at=data["audited_at"],
            sample=from_data(tuple[Compare, ...], data.get("sample", ())),
            swept_until=data.get("swept_until", ""),
            doubts=from_data(tuple[Doubt, ...], data.get("doubts", ())),
            rechecks=from_data(tuple[FetchHistory, ...], data.get("rechecks", ())),
            known={entity: with_given(values, given.get(entity, ())) for entity, values in known.items()},
            seen_until=data.get("seen_until"),
            amiss=data.get("amiss", {}),
            letters=data.get("letters", {}),
            contract=data.get("contract", ""),
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
        **({"recheck": iso(window_result.recheck)} if window_result.recheck else {}),
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
        recheck=epoch(data["recheck"]) if "recheck" in data else 0,
    )


def held_reason(finding: HeldPartition) -> str:
    """What a window is touched by where this partition of it is held: nobody may make it what it should be."""
    place = f"{finding.table}/{finding.partition}".rstrip("/")
    return f"{finding.kind}: {place} is held: {finding.reason}"


def kinds_of(findings: Sequence[Finding]) -> dict[str, int]:
    """How many findings there are of each kind; missing points are counted one by one."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + (finding.points if finding.kind == "missing_point" else 1)
    return counts
