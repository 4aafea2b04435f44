"""AWS's services that carry something from one function to another: SQS, Kinesis with Firehose, S3's events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote_plus

from tests.fakes.objects import MemoryObjects
from tests.simulation.weather import Weather
from tests.simulation.world import Killed, World

from core.ports import StreamRecord

RECEIVES = 3
BATCH = 10


@dataclass
class Letter:
    """A message. ``sent`` is epoch seconds."""

    id: str
    body: str
    sent: float
    receives: int = 0
    gone: bool = False


class SimulatedQueue:
    """SQS with a function behind it: at least once, in any order, sometimes late, and at last to the dead letters.

    ``consume`` gets a batch and returns the ids of those that failed. ``core.ports.Queue``, and the auditor's
    ``DeadLetterQueue``.
    """

    def __init__(
        self, world: World, weather: Weather, name: str, *, visibility: float, batch: int = BATCH,
        consume: Callable[[Sequence[Letter]], Sequence[str]],
    ) -> None:  # fmt: skip
        self._world = world
        self._weather = weather
        self._name = name
        self._visibility = visibility
        self._batch = batch
        self._consume = consume
        self._ready: list[Letter] = []
        self._polling = False
        self._count = 0
        self.waiting = 0
        self.dead: list[Letter] = []

    def send(self, messages: Sequence[Mapping[str, object]]) -> Sequence[int]:
        for message in messages:
            self.put(json.dumps(message))
        return ()

    def put(self, body: str, *, late: float = 0.0) -> None:
        """A message comes, after so many seconds."""
        self._count += 1
        letter = Letter(f"{self._name}-{self._count}", body, self._world.time)
        self.waiting += 1
        if self._weather.happens("message late", 0.01):
            late += self._weather.draw.uniform(1, 900)
        self._world.after(late + self._weather.draw.uniform(0.01, 1.0), lambda: self._offer(letter))
        if self._weather.happens("message twice", 0.01):
            self._world.after(self._weather.draw.uniform(0.5, 120), lambda: self._offer(letter))

    def peek(self) -> Mapping[str, str]:
        return {letter.id: letter.body for letter in self.dead}

    def redrive(self, messages: Sequence[str]) -> Sequence[str]:
        moved = [letter for letter in self.dead if letter.id in messages]
        self.dead = [letter for letter in self.dead if letter.id not in messages]
        for letter in moved:
            self.put(letter.body)
        return [letter.id for letter in moved]

    def _offer(self, letter: Letter) -> None:
        if letter.gone and not self._weather.happens("message again", 0.05):
            return
        self._ready.append(letter)
        if not self._polling:
            self._polling = True
            self._world.after(self._weather.draw.uniform(0.0, 2.0), self._poll)

    def _poll(self) -> None:
        self._polling = False
        ready, self._ready = self._ready, []
        self._weather.draw.shuffle(ready)
        while ready:  # several pollers share what is there, so that functions meet
            size = self._weather.draw.choice([1, 1, 2, self._batch])
            batch, ready = ready[:size], ready[size:]
            self._world.spawn(partial(self._receive, batch))

    def _receive(self, batch: list[Letter]) -> None:
        for letter in batch:
            letter.receives += 1
        given = [letter for letter in batch if letter.receives <= RECEIVES]
        for letter in batch:
            if letter.receives > RECEIVES and not letter.gone:
                letter.gone = True
                self.waiting -= 1
                self.dead.append(Letter(letter.id, letter.body, letter.sent))
        if not given:
            return
        began = self._world.time
        try:
            failed = set(self._consume(given))
        except (Killed, Exception):  # noqa: BLE001 - the whole batch comes again, as after any error of the function
            failed = {letter.id for letter in given}
        for letter in given:
            if letter.id in failed:
                again = max(began + self._visibility - self._world.time, 0.0)
                self._world.after(again, lambda letter=letter: self._offer(letter))
            elif not letter.gone:
                letter.gone = True
                self.waiting -= 1


class SimulatedStream:
    """Kinesis, and the Firehose behind it: what was taken comes, all of it, sometimes twice, hours late at worst."""

    def __init__(self, world: World, weather: Weather, dataset: str, ingest: MemoryObjects, *, interval: float) -> None:
        self._world = world
        self._weather = weather
        self._dataset = dataset
        self._ingest = ingest
        self._interval = interval
        self._buffer: list[StreamRecord] = []
        self._count = 0
        self._flushes = False
        self.stalled_until = 0.0

    @property
    def waiting(self) -> int:
        return len(self._buffer)

    def put(self, records: Sequence[StreamRecord]) -> Sequence[int]:
        self._buffer += records
        if not self._flushes:
            self._flushes = True
            self._world.after(self._interval, self._flush)
        return ()

    def _flush(self) -> None:
        if self._world.time < self.stalled_until:
            self._world.at(self.stalled_until, self._flush)
            return
        self._flushes = False
        records, self._buffer = self._buffer, []
        if self._weather.happens("records twice", 0.02):
            records = [*records, *records[: self._weather.draw.randint(1, len(records))]]
        if self._weather.happens("records reordered", 0.05):
            self._weather.draw.shuffle(records)
        parts = [records]
        if len(records) > 1 and self._weather.happens("delivery split", 0.05):
            cut = self._weather.draw.randrange(1, len(records))
            parts = [records[:cut], records[cut:]]
        for part in parts:
            self._count += 1
            key = f"feeds/{self._dataset}/{self._world.now:%Y/%m/%d/%H}/delivery-{self._count:06d}"
            self._ingest.write(key, gzip.compress(b"".join(record.data for record in part), 1, mtime=0))


class IngestBucket(MemoryObjects):
    """The ingest bucket, which tells a queue of what is put into it: at least once, in any order, sometimes late."""

    def __init__(self, world: World, weather: Weather) -> None:
        super().__init__(clock=lambda: world.now)
        self._weather = weather
        self.arrivals: SimulatedQueue | None = None
        self.is_told = True

    def write(self, key: str, body: bytes, **conditions: object) -> object:  # type: ignore[override]
        before = self._writes
        answer = super().write(key, body, **conditions)  # type: ignore[arg-type]
        told = key.startswith(("tables/", "feeds/", "repair/"))
        if self._writes > before and told and self.is_told and self.arrivals is not None:
            record = {
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": "ingest-bucket"}, "object": {"key": quote_plus(key)}},
            }
            if not self._weather.happens("event lost", 0.004):
                late = self._weather.draw.uniform(60, 5400) if self._weather.happens("event late", 0.02) else 0.0
                self.arrivals.put(json.dumps({"Records": [record]}), late=late)
        return answer
