"""Journal of audits: an entry for each that ended, by dataset and day, so that runs are found without listing all.

``audit/journal/dataset=<dataset>/<day>/<hhmmss>-<run>.json``, written as the audit is concluded; a step that is tried
again writes the same audit again at most. What a run found and did in full lies in its own files
(``auditor.run_files``), as long as these are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from auditor.evidence.failures import failure_of
from auditor.evidence.results import AuditResult, WindowResult, kinds_of
from auditor.run_files import find_run_file
from auditor.windows import DAY
from core.errors import InvalidData
from core.json import UNREADABLE, canonical_json
from core.ports import ObjectReader, ObjectWriter
from core.time import epoch, iso
from core.typed import typed

ROOT = "audit/journal/"
_MOST_ATTEMPTS, _MOST_RANGES = 10, 40
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d){2}-")


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit that ended. Instants are ISO 8601.

    ``windows`` are how many it looked at, in these ``ranges`` of time (half-open, of many the outer bounds).
    ``findings`` count what its first scan found and ``left`` what its last scan did, by kind. ``causes`` are those
    that it had for the admins, ``silenced`` those of them that somebody silenced. ``error``: it failed, with this.
    ``heard``: somebody was there to get a mail about them.
    """

    dataset: str
    run: str
    ended_at: str
    began_at: str = ""
    windows: int = 0
    ranges: tuple[tuple[str, str], ...] = ()
    attempts: int = 0
    findings: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    certificates: int = 0
    repaired: int = 0
    missing: int = 0
    causes: tuple[str, ...] = ()
    silenced: tuple[str, ...] = ()
    error: str = ""
    heard: bool = True

    @property
    def key(self) -> str:
        """The key under which it lies."""
        day, _, time = self.ended_at.partition("T")
        return f"{_folder(self.dataset, day)}{time.rstrip('Z').replace(':', '')}-{self.run}.json"

    def to_json(self) -> bytes:
        """The entry's object."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, body: bytes) -> Entry:
        """Read what ``to_json`` gave; what a later release added is passed over.

        Raises one of ``UNREADABLE`` where it is something else.
        """
        data = json.loads(body)
        known: dict[str, Any] = {name: data[name] for name in cls.__slots__ if name in data}
        lists: dict[str, Any] = {name: tuple(known[name]) for name in ("causes", "silenced") if name in known}
        lists["ranges"] = tuple((start, end) for start, end in known.get("ranges", ()))
        lists["error"] = failure_of(known.get("error", "")).text  # earlier releases kept the begin of a JSON document
        entry = typed(cls(**{**known, **lists}))
        for instant in (
            entry.ended_at,
            entry.began_at or entry.ended_at,
            *(each for pair in entry.ranges for each in pair),
        ):
            epoch(instant)
        return entry

    def looked_at(self, instant: int) -> bool:
        """Whether the instant (epoch seconds) lies in what it looked at."""
        return any(epoch(start) <= instant < epoch(end) for start, end in self.ranges)


def entry_of(
    records: ObjectReader,
    dataset: str,
    run: str,
    *,
    ended_at: str,
    counts: Mapping[str, Any],
    silenced: tuple[str, ...] = (),
    error: str = "",
    heard: bool = True,
) -> Entry:
    """The entry of a run, by its files as far as it came and they can be read. ``counts`` are those of its end."""
    scans = list(_scans(records, run))
    causes = (_read(records, run, "judgement") or {}).get("causes", [])
    windows = scans[-1].windows if scans else ()
    return Entry(
        dataset=dataset,
        run=run,
        ended_at=ended_at,
        began_at=scans[0].audited_at if scans else "",
        windows=len(windows),
        ranges=_ranges(windows),
        attempts=max(len(scans) - 1, 0),
        findings=kinds_of(scans[0].findings) if scans else {},
        left=kinds_of(scans[-1].findings) if scans else {},
        certificates=int(counts.get("certificates", 0)),
        repaired=int(counts.get("repaired", 0)),
        missing=int(counts.get("missing", 0)),
        causes=tuple(sorted({cause["name"] for cause in causes})),
        silenced=silenced,
        error=error,
        heard=heard,
    )


def _scans(records: ObjectReader, run: str) -> Iterator[AuditResult]:
    for attempt in range(_MOST_ATTEMPTS):
        if (data := _read(records, run, f"audit-{attempt}")) is None:
            return
        try:
            yield AuditResult.from_data(data)
        except UNREADABLE:
            return


def _read(records: ObjectReader, run: str, name: str) -> Any:
    """A file of the run; None also where it is no JSON, for that is no reason not to tell of the rest."""
    try:
        return find_run_file(records, run, name)
    except InvalidData:
        return None


def _ranges(windows: Iterable[WindowResult]) -> tuple[tuple[str, str], ...]:
    """The windows' time as ranges of neighbours; of more than are kept the outer bounds."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted((window.start, window.end) for window in windows):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    if len(joined) > _MOST_RANGES:
        joined = [(joined[0][0], joined[-1][1])]
    return tuple((iso(start), iso(end)) for start, end in joined)


def write_entry(records: ObjectWriter, entry: Entry) -> None:
    """Keep the entry."""
    records.write(entry.key, entry.to_json(), content_type="application/json")


def entries_between(records: ObjectReader, dataset: str, start: int, end: int) -> Iterator[Entry]:
    """The entries of the days that ``[start, end)`` touches (epoch seconds), in order of time."""
    for second in range(start // DAY * DAY, end, DAY):
        for info in records.list(_folder(dataset, iso(second)[:10])):
            if entry := _entry(records, info.key):
                yield entry


def newest_entries(records: ObjectReader, dataset: str, start: int, end: int, *, most: int) -> list[Entry]:
    """At most so many entries of the days that ``[start, end)`` touches, the newest first; reads no others."""
    keys: list[str] = []
    for second in range((end - 1) // DAY * DAY, start // DAY * DAY - 1, -DAY):
        keys += sorted((info.key for info in records.list(_folder(dataset, iso(second)[:10]))), reverse=True)
        if len(keys) >= most:
            break
    return [entry for key in keys[:most] if (entry := _entry(records, key))]


def find_entry(records: ObjectReader, dataset: str, run: str) -> Entry | None:
    """The newest entry of a run, on whichever day it ended; None where it did not end yet. Reads no other entry."""
    keys = [info.key for info in records.list(f"{ROOT}dataset={dataset}/") if info.key.endswith(f"-{run}.json")]
    entries = (_entry(records, key) for key in reversed(keys))
    return next((entry for entry in entries if entry and entry.run == run), None)


def last_ended(records: ObjectReader, dataset: str, *, now: int) -> int | None:
    """When the last audit of today or yesterday ended (epoch seconds); None where there was none. Reads no entry."""
    for second in (now, now - DAY):
        day = iso(second)[:10]
        names = [info.key.rpartition("/")[2] for info in records.list(_folder(dataset, day))]
        ended = [name for name in names if _TIME.match(name)]
        if ended:
            return epoch(f"{day}T{ended[-1][:2]}:{ended[-1][2:4]}:{ended[-1][4:6]}Z")
    return None


def _entry(records: ObjectReader, key: str) -> Entry | None:
    """The entry of a key; None where it is gone, or is none: it says nothing, and the others are read."""
    stored = records.read(key)
    try:
        return Entry.from_json(stored.body) if stored else None
    except UNREADABLE:
        return None


def _folder(dataset: str, day: str) -> str:
    return f"{ROOT}dataset={dataset}/{day}/"
