"""State of a dataset between audits: how far they came, and which windows are not whole.

``audit/state/<dataset>.json``, changed on condition that nobody else has; a beaten writer applies its change again.
It is a memory, not the truth: lost, the next audit begins with the first window of which anything arrived.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from core.change import Remembered
from core.json import canonical_json
from core.mirroring.audited import STATES

# What every audit looks at as a whole, whatever its range: one that finds none of it knows that it is over.
_OF_NO_RANGE = frozenset({"lagging_mirror", "dead_letter", "unclaimed_message"})


def still_open(causes: Sequence[str], *, beside: bool) -> tuple[str, ...]:
    """The causes of before a run over a range which may be open after it, for all that it knows.

    ``beside``: it looked at what no time bounds, too.
    """
    return tuple(cause for cause in causes if not (beside and cause in _OF_NO_RANGE))


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A due window that is not whole. ``causes`` name why, empty while it is still being healed."""

    end: int
    missing: int
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetState:
    """``frontier``: the start of the first window that no audit has scanned; None before the first audit.

    ``open`` by window start (epoch seconds). ``targets`` are the objects that partitions had when they were audited.
    ``objects_from`` is the hour of arrival (``2026/11/20/14``) from which ingest objects are compared with receipts.
    ``causes`` are those of findings that belong to no window. ``swept_until`` is the key of the warehouse's objects
    at which the sweep of unreferenced ones goes on. ``redriven`` are a feed's dead letters that had their second
    chance. ``halted`` are the ingest objects that stood halted, by key, with the day on which they were found so.
    ``rechecks`` are recent windows with proven absences, by start, and when these are to be asked for again.
    ``forms`` says for each table by which form (``core.warehouse.row_layout``) its partitions are looked at, and the
    one up to which, newest first, all are of it (empty: all are). ``shown`` is the number of the certificate up to
    which ``completeness`` has the rows of a feed's windows. ``seen_until``: extraction had brought a database's rows of
    before it when they were compared last (epoch seconds; None: not told), which may be long before ``frontier``.
    ``amiss`` says for a database's table where the first slice begins that the last look at it found not whole.
    ``rollups`` are the jobs that the ends of audits gave for a feed's rollups, as far as nobody has seen them done.
    """

    frontier: int | None = None
    open: Mapping[int, OpenWindow] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    objects_from: str = ""
    causes: tuple[str, ...] = ()
    swept_until: str = ""
    redriven: tuple[str, ...] = ()
    halted: Mapping[str, str] = field(default_factory=dict)
    rechecks: Mapping[int, int] = field(default_factory=dict)
    forms: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    shown: int = 0
    seen_until: int | None = None
    amiss: Mapping[str, int] = field(default_factory=dict)
    rollups: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        data = {**asdict(self), "open": {str(start): asdict(window) for start, window in self.open.items()}}
        data["rechecks"] = {str(start): due for start, due in self.rechecks.items()}
        for optional in ("redriven", "halted", "rechecks", "forms", "shown", "amiss", "rollups"):
            if not data[optional]:
                del data[optional]
        if self.seen_until is None:
            del data["seen_until"]
        return canonical_json(data)

    @classmethod
    def from_json(cls, body: bytes) -> DatasetState:
        data = json.loads(body)
        data["open"] = {
            int(start): OpenWindow(window["end"], window["missing"], tuple(window["causes"]))
            for start, window in data["open"].items()
        }
        optional = {
            "redriven": tuple(data.get("redriven", ())),
            "rollups": tuple(data.get("rollups", ())),
            "halted": data.get("halted", {}),
            "rechecks": {int(start): due for start, due in data.get("rechecks", {}).items()},
            "forms": {table: (form, until) for table, (form, until) in data.get("forms", {}).items()},
        }
        return cls(**{**data, "causes": tuple(data["causes"]), **optional})


_STATES = Remembered(DatasetState, STATES, "state")
state_key, read_state, change_state = _STATES.key, _STATES.read, _STATES.change
