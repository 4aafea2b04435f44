"""Files of a run: what its steps hand to each other through S3, for a state machine carries 256 KB and no more.

``audit/runs/<run>/``: ``order.json`` (which windows), ``audit-<n>.json`` (what was found; 0 is before any repair),
``plan-<n>.json``, ``jobs/<n>-<nnn>.json`` and ``outcomes/<n>-<nnn>.json`` (a job each), ``asking/<n>-<nnn>.json``
(which repair a job of several does), ``judgement.json`` (what cannot be healed and why). Every step writes its files
whole and may be run again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from core.audit.repair_jobs import run_prefix
from core.errors import InvalidData
from core.json import UNREADABLE, canonical_json
from core.ports import ObjectReader, ObjectWriter

Content = TypeVar("Content")
REMEDY = "Start the audit again"


def run_file_key(run: str, name: str) -> str:
    """The key of a run's file; ``name`` is without ``.json``."""
    return f"{run_prefix(run)}{name}.json"


def write_run_file(store: ObjectWriter, run: str, name: str, data: Any) -> str:
    """Store JSON data as a file of the run, in place of an earlier one; returns its key."""
    key = run_file_key(run, name)
    store.write(key, canonical_json(data), content_type="application/json")
    return key


def find_run_file(store: ObjectReader, run: str, name: str) -> Any:
    """The file's content; None where it is not there (yet). Raises ``InvalidData`` where it is no JSON."""
    stored = store.read(run_file_key(run, name))
    try:
        return json.loads(stored.body) if stored else None
    except UNREADABLE as error:
        raise InvalidData("read the run's files", run_file_key(run, name), f"is no JSON ({error!r})", REMEDY) from error


def run_file_if_any(store: ObjectReader, run: str, name: str, read: Callable[[Any], Content]) -> Content | None:
    """What ``read`` makes of a file of a run that is over; None where it is not there, or is none that it can read."""
    try:
        content = find_run_file(store, run, name)
        return None if content is None else read(content)
    except (InvalidData, *UNREADABLE):
        return None


def read_run_file(store: ObjectReader, run: str, name: str) -> Any:
    """The file's content. Raises ``InvalidData`` where the step before did not leave it, or it is no JSON."""
    content = find_run_file(store, run, name)
    if content is None:
        raise InvalidData("read the run's files", run_file_key(run, name), "is not there", REMEDY)
    return content
