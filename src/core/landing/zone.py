"""The landing zone: keys of ingest objects, and the keys of the records about each of them.

- ``tables/<dataset>/<table>/<12 digits>.jsonl.gz``: a table's sequence (``core.landing.ingest_objects``)
- ``repair/<dataset>/<table>/<name>.jsonl.gz``: rows fetched again
- ``feeds/<dataset>/yyyy/mm/dd/hh/<name>``: what Firehose writes; the dataset is its only table
- ``receipts/`` and ``quarantine/`` in the warehouse bucket: ``dataset=<dataset>/source_table=<table>/<name>.json(l)``
- ``warehouse/_halted/<dataset>/<yyyy-mm-ddThh>/<table>/<name>.json``: a note for whoever audits, written before the
  receipt of an object that halts, so that it is found however old the object is
- ``processing_log/`` beside them: the receipts of the last days once more (``auditor.processing_log``)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from core.contract.model import Contracts, Database, Feed, SourceTable
from core.errors import UnknownTable
from core.landing.ingest_objects import parse_repair_key, parse_table_key, table_prefix

FEEDS = "feeds/"
TRIAL_HOUR, TRIAL = (
    "2000/01/01/00",
    "smoke-",
)  # hour and name's begin of objects that only try a deployment: no arrivals
REPAIR = "repair/"
RECEIPTS = "receipts/"
HALT_NOTES = "warehouse/_halted/"
QUARANTINE = "quarantine/"
PROCESSING_LOG = "processing_log/"
_FEED_NAME = re.compile(r"\d{4}-\d\d-\d\d-\d\d-.")  # yyyy/mm/dd/hh/<name>, each slash a dash


@dataclass(frozen=True, slots=True)
class Landing:
    """An ingest object by its key. ``number`` counts a table's sequence; feeds and repairs have none."""

    key: str
    dataset: str
    table: str
    kind: Literal["table", "repair", "feed"]
    number: int | None = None

    @property
    def name(self) -> str:
        """Its own name, unique among the objects of its table; part of its receipt's key."""
        if self.kind == "feed":
            return self.key.removeprefix(f"{FEEDS}{self.dataset}/").replace("/", "-")
        last = self.key.rpartition("/")[2]
        return f"repair-{last}" if self.kind == "repair" else last

    @property
    def receipt_key(self) -> str:
        """The key of its receipt in the warehouse bucket."""
        return f"{RECEIPTS}{self._folder}{self.name}.json"

    @property
    def quarantine_key(self) -> str:
        """The key of its rejected lines in the warehouse bucket."""
        return f"{QUARANTINE}{self._folder}{self.name}.jsonl"

    def halt_note_key(self, at: datetime) -> str:
        """The key of the note that it was halted at a time."""
        return f"{halt_notes_since(self.dataset, at)}/{self.table}/{self.name}.json"

    @property
    def _folder(self) -> str:
        return f"dataset={self.dataset}/source_table={self.table}/"


def halt_notes_since(dataset: str, at: datetime) -> str:
    """What the keys of notes of the hour begin with; those of later hours sort behind it."""
    return f"{HALT_NOTES}{dataset}/{at.astimezone(UTC):%Y-%m-%dT%H}"


def object_of_note(note: str) -> str | None:
    """The key of the object that a note of a halt is about, by the note's name; None where that does not tell it."""
    dataset, _, rest = note.removeprefix(HALT_NOTES).partition("/")
    table, _, name = rest.partition("/")[2].removesuffix(".json").partition("/")
    return _object_named(dataset, table, name)


def day_of_note(note: str) -> str:
    """The day (``2026-11-20``) of a note of a halt."""
    return note.removeprefix(HALT_NOTES).split("/")[1][:10]


def landing_of(key: str) -> Landing | None:
    """The ingest object that a key names; None where it names none (our own outputs, folders, error records)."""
    if table := parse_table_key(key):
        return Landing(key, table.dataset, table.table, "table", table.number)
    if repair := parse_repair_key(key):
        return Landing(key, repair.dataset, repair.table, "repair")
    dataset, _, name = key.removeprefix(FEEDS).partition("/")
    if key.startswith(FEEDS) and dataset and name and not key.endswith("/"):
        return Landing(key, dataset, dataset, "feed")
    return None


def is_trial(key: str) -> bool:
    """Whether a feed's object is one that tries the way of an object: nothing of the feed arrived with it."""
    parts = key.removeprefix(FEEDS).split("/", 1)
    return key.startswith(FEEDS) and len(parts) == 2 and parts[1].startswith(f"{TRIAL_HOUR}/{TRIAL}")


def object_of_record(key: str) -> str:
    """The key of the ingest object that a receipt or refused lines are of; any other key as it is."""
    for root, ending in ((RECEIPTS, ".json"), (QUARANTINE, ".jsonl")):
        if not key.startswith(root):
            continue
        folder, _, name = key.removeprefix(root).rpartition("/")
        names = dict(part.partition("=")[::2] for part in folder.split("/"))
        dataset, table = names.get("dataset", ""), names.get("source_table", "")
        return _object_named(dataset, table, name.removesuffix(ending)) or key
    return key


def _object_named(dataset: str, table: str, name: str) -> str | None:
    """The key of the table's object of which records have this name (``Landing.name``); None where it does not tell."""
    candidates = (
        f"{REPAIR}{dataset}/{table}/{name.removeprefix('repair-')}",
        f"{table_prefix(dataset, table)}{name}",
        f"{FEEDS}{dataset}/{name.replace('-', '/', 4)}" if _FEED_NAME.match(name) else "",
    )
    landings = (landing_of(key) for key in candidates)
    return next((each.key for each in landings if each and (each.table, each.name) == (table, name)), None)


def source_of(contracts: Contracts, landing: Landing) -> SourceTable:
    """The source table that an object's lines are of. Raises ``UnknownTable`` where no contract names it."""
    try:
        return contracts.dataset(landing.dataset).source_table(landing.table)
    except KeyError as error:
        remedy = "Add it to a contract and deploy, or move the object away"
        raise UnknownTable("process", landing.key, str(error.args[0]), remedy) from error


def prefixes_of(contracts: Contracts, dataset: str, table: str) -> tuple[str, ...]:
    """The prefixes of all ingest objects of a source table."""
    source = contracts.dataset(dataset).source
    if isinstance(source, Feed):
        return (f"{FEEDS}{dataset}/",)
    if isinstance(source, Database):
        return table_prefix(dataset, table), f"{REPAIR}{dataset}/{table}/"
    return ()
