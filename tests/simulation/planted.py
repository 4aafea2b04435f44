"""Bugs that are planted to try the simulation: each is a small wrong turn in the product's code, by name, at run time.

What no seed finds shows where the workload or the judge is weak. Those with a ``peer`` re-enact a bug that another
project had; the place is where it was told. ``planted.json`` is the table of which seed found what, and how soon.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from core.landing.ingest_objects import Position
from core.landing.state import StoredState

FILE = Path(__file__).with_suffix(".json")
Make = Callable[[Any], Any]  # what is there in, what takes its place out


@dataclass(frozen=True)
class Planted:
    """A bug: ``place`` is ``module:name`` or ``module:Class.name``, ``make`` gets what is there."""

    name: str
    place: str
    make: Make
    wrong: str
    peer: str = ""

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The product has the bug in this block."""
        module, _, name = self.place.partition(":")
        owner: Any = import_module(module)
        *parents, last = name.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        there = owner.__dict__[last]
        with patch.object(owner, last, self.make(there)):
            yield


def read_table(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """What was found of each bug, by name: seed (None: none of those tried), simulated days and seconds of CPU."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}  # type: ignore[no-any-return]


def keep_row(name: str, row: Mapping[str, Any], file: Path = FILE) -> None:
    """Put a row into the table, in place of an earlier one."""
    rows = {**read_table(file), name: row}
    ordered = {bug.name: rows[bug.name] for bug in PLANTED if bug.name in rows}
    lines = [f" {json.dumps(name)}: {json.dumps(kept)}" for name, kept in ordered.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _always(value: Any) -> Make:
    return lambda _there: lambda *_args, **_named: value


def _believing(_there: Any) -> Any:
    return lambda _state, written: written[-1] if written else None


def _taken(_there: Any) -> Any:
    return lambda stream, records, batch, _log: stream.put(records[batch.start : batch.stop]) and []


def _without_error(there: Callable[..., None]) -> Callable[..., None]:
    def commit(services: Any, parts: list[tuple[Any, Any]]) -> None:
        there(services, parts)
        for ingest, _ in parts:
            ingest.error = None

    return commit


def _less(there: Callable[..., Any]) -> Callable[..., Any]:
    def plan(read: Any, rows: Any, layout: Any) -> Any:
        splice = there(read, rows, layout)
        if len(splice.rows) < 2:
            return splice
        return type(splice)(splice.rows[:-1], splice.places[:-1], splice.replaces[:-1])

    return plan


def _at_the_end(_there: Any) -> Any:
    return property(lambda facts: Position(facts.interval_to))


def _of_now(there: Callable[..., Any]) -> Callable[..., Any]:
    def bound(*args: Any, **named: Any) -> Any:
        held = there(*args, **named)
        return replace(held, bound=replace(held.bound, at=held.bound.now, holder=None))

    return bound


def _by_parameters(there: Callable[..., Any]) -> Callable[..., Any]:
    def adopt(stored: StoredState, beyond: Sequence[int], newest: Any) -> Any:
        return there(stored, (), newest) if stored.number else there(stored, beyond, newest)

    return adopt


def _later(there: Callable[..., Any]) -> Callable[..., Any]:
    def advance(*args: Any, until: datetime, number: int) -> Any:
        return there(*args, until=until + timedelta(hours=1), number=number)

    return advance


def _older_wins(there: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **named: -there(*args, **named)


def _without_newest(there: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: iter(list(there(self))[:-1])


def _no_grace(there: Callable[..., Any]) -> Callable[..., Any]:
    def plan(*args: Any, grace: timedelta, now: datetime, **named: Any) -> Any:
        return there(*args, grace=timedelta(hours=1), now=now + timedelta(hours=1), **named)

    return plan


def _without_previous(there: Callable[..., Any]) -> Callable[..., Any]:
    return lambda head, draft, entry: replace(there(head, draft, entry), previous=draft.previous)


def _at_once(_there: Any) -> Any:
    def judged(self: Any, circumstances: Any, common: Any) -> Any:
        from auditor.feeds.absence import proof

        verdict = ORIGINAL[self.__class__.__name__](self, circumstances, common)
        claimed = (self.last >= 0) & (self.cells == proof.MISSING)
        return replace(verdict, whole=claimed)

    ORIGINAL["_Answers"] = _there
    return judged


ORIGINAL: dict[str, Any] = {}


def _not_for_all(there: Callable[..., Any]) -> Callable[..., Any]:
    def gaps(draft: Any, findings: Sequence[Any]) -> Any:
        return there(draft, [each for each in findings if getattr(each, "entity", "") != "BBB"])

    return gaps


def _no_causes(there: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **named: replace(there(*args, **named), causes=())


def _nothing_deleted(there: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: (given[4], 0)  # what was fetched


def _not_decoded(_there: Any) -> Any:
    return lambda text: text


PLANTED = (
    Planted(
        "commit", "processing.partitions.attempt:_won", _believing,
        "a refused swap is taken for one's own success", "marin-community/marin#8556",
    ),
    Planted("splice", "processing.partitions.commit:plan_splice", _less, "the last row of a merge is left out"),
    Planted(
        "receipt", "processing.ingest:_commit", _without_error, "a commit that failed is told as done",
        "Altinity/clickhouse-sink-connector#1299",
    ),
    Planted(
        "watermark", "core.landing.ingest_objects:ObjectFacts.next_position", _at_the_end,
        "an interval that was cut goes on at its end", "CoffeeBeansLabs/kafka-connect-azure-blob-storage#63",
    ),
    Planted(
        "horizon", "ingestion.extract.flow:Extraction._promised", _of_now, "open transactions do not hold the horizon",
        "airbytehq/airbyte#9668",
    ),
    Planted(
        "adoption", "ingestion.extract.landing:plan_adoption", _by_parameters,
        "objects beyond the parameter are not adopted, so that nobody can write the next one",
    ),
    Planted(
        "precedence", "processing.partitions.merge:compare_rows", _older_wins, "the older version of a row stays",
        "apache/hudi#5934",
    ),
    Planted(
        "restate", "processing.restating.history:History._listed", _without_newest,
        "a partition is made again without the newest object", "dbt-labs/dbt-core#138",
    ),
    Planted(
        "vacuum", "processing.partitions.vacuum:plan_vacuum", _no_grace, "objects go before their readers are done",
        "apache/paimon#4779",
    ),
    Planted("chain", "auditor.evidence.chain:_next", _without_previous, "a certificate names no other before it"),
    Planted(
        "plan", "auditor.repairs.plan:gaps_of", _not_for_all, "the gaps of one entity are never asked for",
    ),
    Planted("triage", "auditor.audits:triage_findings", _no_causes, "nobody is told of what does not heal"),
    Planted(
        "absent", "auditor.feeds.absence.proof:_Answers.judge", _at_once, "one answer proves an absence",
        "airbytehq/airbyte#34883",
    ),
    Planted("news", "auditor.alarms.conclude:is_news", _always(True), "an open cause is mailed after every audit"),
    Planted(
        "stream", "ingestion.pull.deliver:_put",
        _taken,
        "records that the stream refused are told as written", "vectordotdev/vector#16954",
    ),
    Planted(
        "batch", "tests.simulation.cloud:process_messages", lambda there: lambda *args: there(*args) and [],
        "failed messages of a batch are not given back", "risingwavelabs/risingwave#17865",
    ),
    Planted(
        "event", "processing.events:unquote_plus", _not_decoded, "the key of an event is not decoded",
        "airbnb/binaryalert#54",
    ),
    Planted(
        "deleted", "ingestion.check.job:_marked", _nothing_deleted, "rows that are gone are not marked",
        "dbt-labs/dbt-core#249",
    ),
    Planted("rollup", "processing.derived.rollups:certified_in", _always(()), "rollups are made without certificates"),
    Planted(
        "timestamp", "ingestion.extract.table:advance", _later, "the timestamp parameter runs ahead of the objects",
        "datazip-inc/olake#450",
    ),
    Planted(
        "mirror", "core.mirroring.held:held_objects", _always(frozenset()),
        "objects go that a snapshot of the mirror names", "apache/iceberg#10982",
    ),
    Planted("content", "auditor.databases.rows.comparison:doubtful", _always(()), "a silent change is not looked for"),
)  # fmt: skip
