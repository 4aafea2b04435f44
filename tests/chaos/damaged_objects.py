"""Every stored form damaged in every way, and all that reads the lake run over it: audits, proofs, pages, stories.

One object is damaged in each run. What reads it says so in an error of the pipeline's own, or does without it; a raw
error of Python would end whatever reads its neighbours, and name neither the object nor a remedy.
"""

from __future__ import annotations

import random
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.chaos.run import Options, Result
from tests.stored_forms.database import DatabaseLake, canary_lake, database_lake
from tests.stored_forms.feed import FeedLake, feed_lake
from tests.support.damaged import damages

from auditor.page.reading.gather import gather
from auditor.page.reading.newest import newest_stored
from auditor.page.reading.sources import Range, Sources
from auditor.prove import verify
from auditor.standing.reading import read_standing
from auditor.stories.object import trace
from auditor.stories.tell import tell
from core.audit.repair_jobs import RepairJob, Restate, write_job
from core.errors import StarmendError
from core.landing.zone import landing_of
from processing.restating.job import restate_job

RUNS_OF_ONE = 3  # damages of each form, of the hundreds that there are, where no number is given
_NUMBER = re.compile(r"[0-9a-f]{16,}|\d+")

Lake = FeedLake | DatabaseLake


def form_of(key: str) -> str:
    """The form of an object by its key: what is left of it without numbers, hashes and names of runs."""
    key = re.sub(r"(audit/runs/)[^/]+", r"\1*", key)
    key = re.sub(r"(_data/|source_table=|dataset=|subject=)[^/]+", r"\1*", key)
    return _NUMBER.sub("0", key)


class Damaging:
    """A lake, what it holds, and everything that reads it."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.stores = {"ingest": lake.lake.ingest, "records": lake.lake.records}
        partitions = lake.lake.partitions
        self._kept = [(place, dict(place)) for place in self._dicts(partitions)]
        self._at = lake.at if isinstance(lake, DatabaseLake) else lake.now

    def _dicts(self, partitions: Any) -> list[dict[Any, Any]]:
        stores = [store._objects for store in self.stores.values()]
        return [*stores, partitions.objects, partitions.modified, self.lake.lake.parameters.values]

    def objects(self) -> dict[str, tuple[dict[str, Any], str]]:
        """Each object by its key: where it is kept."""
        partitions = self.lake.lake.partitions.objects
        kept = {key: (store._objects, key) for store in self.stores.values() for key in store._objects}
        return kept | {key: (partitions, key) for key in partitions}

    @contextmanager
    def damaged(self, key: str, body: bytes) -> Iterator[None]:
        """The lake with one object that is another; everything is as it was afterwards."""
        place, name = self.objects()[key]
        before = place[name]
        place[name] = body if isinstance(before, bytes) else (before[0], body)
        try:
            yield
        finally:
            for kept, content in self._kept:
                kept.clear()
                kept.update(content)
            self.lake.queue.messages.clear()
            if isinstance(self.lake, DatabaseLake):
                self.lake.at = self._at
            else:
                self.lake.now = self._at

    def body(self, key: str) -> bytes:
        place, name = self.objects()[key]
        stored = place[name]
        return stored if isinstance(stored, bytes) else stored[1]

    # ------------------------------------------------------------ what reads it

    def readers(self, key: str) -> dict[str, Callable[[], object]]:
        """All that may read the object under this key, by name; what changes the lake comes last."""
        lake, contract = self.lake, self.lake.contracts.dataset(self.lake.dataset)
        services = lake.services()
        at = int(services.now().timestamp())
        readers: dict[str, Callable[[], object]] = {
            "page": lambda: self._page(services),
            "standing": lambda: read_standing(lake.lake.records, contract, now=at),
            "verify": lambda: verify(
                lake.contracts, lake.dataset, records=lake.lake.records, partitions=lake.lake.partitions
            ),
        }
        for name, where, more in self._rows():
            readers[f"story of {name}"] = lambda name=name, where=where, more=more: tell(
                replace(services, source=None), lake.contracts.table(name), where, **more
            )
        if landing := self._landing(key):
            readers["trace"] = lambda: trace(services, landing)
            readers["process"] = lambda: self._processed(landing)
        readers |= {f"restate {name}": lambda name=name: self._restated(name) for name in self._restatable()}
        readers |= {"audit": lambda: lake.heal(run="after")}
        return readers

    def _landing(self, key: str) -> str:
        for each in self.lake.lake.ingest._objects:
            landing = landing_of(each)
            if landing and key in (each, landing.receipt_key, landing.quarantine_key):
                return each
        return ""

    def _page(self, services: Any) -> object:
        span = Range.of(None, None, int(services.now().timestamp()))
        sources = Sources(services, newest=lambda tables: newest_stored(services, tables))
        return gather(sources, span, project="p", environment="e")

    def _rows(self) -> list[tuple[str, dict[str, str], dict[str, str]]]:
        if isinstance(self.lake, FeedLake):
            return [("fact_price", {}, {"entity": "BBB", "at": "2026-11-20T09:40:00Z"})]
        if self.lake.dataset == "books":
            return [("fact_book_order", {"book_order_id": "5"}, {})]
        return [("fact_publisher_canary", {"publisher_id": "1"}, {})]

    def _restatable(self) -> list[str]:
        return [table.name for table in self.lake.contracts.dataset(self.lake.dataset).tables]

    def _restated(self, name: str) -> object:
        records = self.lake.lake.records
        paths = tuple(sorted(self.lake.lake.paths(name))) or ("",)
        job = RepairJob(self.lake.dataset, "restating", Restate(self.lake.dataset, name, paths))
        return restate_job(self.lake.lake.services, write_job(records, job, attempt=1, number=1))

    def _processed(self, key: str) -> None:
        for error in self.lake.lake.process(key).values():
            raise error

    def faults_of(self, key: str, name: str, body: bytes) -> Iterator[tuple[str, BaseException]]:
        """What a reader raised that is no error of the pipeline's own, by the reader's name."""
        with self.damaged(key, body):
            for reader, read in self.readers(key).items():
                try:
                    read()
                except StarmendError as error:
                    yield f"typed {reader}", error
                except Exception as error:  # noqa: BLE001  (whatever it is, it is told)
                    yield reader, error


def where(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/src/" in frame.filename]
    return f"{frames[-1].filename.rpartition('/src/')[2]}:{frames[-1].lineno}" if frames else "?"


@contextmanager
def damaging(name: str) -> Iterator[Damaging]:
    if name == "prices":
        with feed_lake() as lake:
            yield Damaging(lake)
    else:
        yield Damaging(database_lake() if name == "books" else canary_lake())


def damaged_objects(options: Options) -> Result:
    """``--runs`` damages of each form of each lake, drawn by the seed."""
    draw = random.Random(options.seed)
    count, forms, faults = 0, 0, []
    for name in ("prices", "books", "books_canary"):
        with damaging(name) as lake:
            by_form: dict[str, list[str]] = {}
            for key in lake.objects():
                by_form.setdefault(form_of(key), []).append(key)
            forms += len(by_form)
            for keys in by_form.values():
                options.progress(f"{name}: {keys[0]}")
                key = draw.choice(keys)
                ways = list(damages(lake.body(key)))
                for way, body in draw.sample(ways, min(options.runs or RUNS_OF_ONE, len(ways))):
                    count += 1
                    faults += [
                        f"{name} {key}, {way}: {reader} raises {error!r} at {where(error)}"
                        for reader, error in lake.faults_of(key, way, body)
                        if not reader.startswith("typed ")
                    ]
    return Result({"forms": forms, "damages": count}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"damaged_objects": damaged_objects}
