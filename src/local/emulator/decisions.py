"""Access decisions of the emulator's policies: role, action, resource, allowed or refused.

The emulator writes them (:mod:`local.emulator.patches.access_decisions`), tests read them. Root's calls are not among
them, for no policy is asked about those; nor are calls that AWS's services make among themselves.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

FILE = "decisions.jsonl"


@dataclass(frozen=True)
class Decision:
    """An access decision; ``resource`` is an ARN.

    ``prefix`` is the one that a listing names, ``source`` an event's, ``aliases`` a key's (apart by spaces).
    """

    role: str
    action: str
    resource: str
    allowed: bool
    prefix: str | None = None
    source: str | None = None
    aliases: str = ""


class Ledger:
    """Writes each different decision once, as a line of JSON; safe to share between threads."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)  # open for as long as the emulator runs
        self._written: set[Decision] = set()
        self._guard = threading.Lock()

    def write(self, decision: Decision) -> None:
        if decision in self._written:
            return
        with self._guard:
            self._written.add(decision)
            os.write(self._file, json.dumps(vars(decision)).encode() + b"\n")


def read(state_dir: Path) -> list[Decision]:
    """Every decision so far; none where policies are not enforced."""
    file = state_dir / FILE
    if not file.exists():
        return []
    return [Decision(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
