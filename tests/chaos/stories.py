"""Stories of random points of disturbed weeks, held against what the disturber knows of each.

The disturber drops observations, lets the provider have holes and publish late, spoils its answers and delivers objects
long after they were made. It keeps for each point when it was delivered; the story has to say the same, whatever the
audits have done by then.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.chaos.feeds import CALM_HOURS, FACT, START, SYMBOLS, MoodyFeed, moody
from tests.chaos.run import Options, Result
from tests.support.answering_provider import MOODS, STEP

from auditor.evidence.absent import Absence, read_absences
from auditor.stories.story import Story
from auditor.stories.tell import tell
from auditor.windows import Window
from core.time import iso, parse_instant

LOST, HOLES, LATE, DELAYED, LOST_EVENTS = 0.08, 0.03, 0.02, 0.1, 0.05
POINTS = 12  # that are asked about after each audit


@dataclass
class Disturbed:
    """A feed, and what is known of its points: when each observation was delivered and processed."""

    feed: MoodyFeed
    draw: random.Random
    delivered: dict[tuple[str, int], int] = field(default_factory=dict)
    held: list[tuple[str, int]] = field(default_factory=list)
    unheard: set[tuple[str, int]] = field(default_factory=set)
    verdicts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def hour(self, *, calm: bool) -> None:
        """Six slots; what the stream takes of one is delivered at once, or with a later one's."""
        for _ in range(6):
            self._slot(calm=calm)
            if calm or self.draw.random() >= DELAYED:
                self._deliver(heard=calm or self.draw.random() >= LOST_EVENTS)
            self.feed.pass_time(seconds=STEP - 62)

    def _slot(self, *, calm: bool) -> None:
        feed, provider = self.feed, self.feed.provider
        slot = provider.now
        feed.pass_time(seconds=2)
        if provider.live_mood:
            feed.pull(dt.datetime.fromtimestamp(slot, dt.UTC))
        for symbol in () if provider.live_mood else SYMBOLS:
            if provider.has(symbol, slot) and (calm or self.draw.random() >= LOST):
                feed.observed(symbol, slot)
                self.held.append((symbol, slot))
        feed.pass_time(seconds=60)

    def _deliver(self, *, heard: bool) -> None:
        self.feed.loses_event = lambda _key: not heard
        self.feed.deliver()
        self.feed.loses_event = lambda _key: False
        now = int(self.feed.now.timestamp())
        for point in self.held:
            self.delivered.setdefault(point, now)
            if not heard:
                self.unheard.add(point)
        self.held = []

    def audit(self) -> None:
        """An audit, which has processed what nobody heard of."""
        held, self.feed.acquisition.stream.records[:] = list(self.feed.acquisition.stream.records), []
        self.feed.heal()
        self.unheard.clear()
        self.feed.acquisition.stream.records[:] = held

    # ------------------------------------------------------------ what the story must say

    def ask(self, count: int, where: str) -> None:
        """Random points of all time so far, and of the hour ahead."""
        now = int(self.feed.now.timestamp())
        first = int(START.timestamp())
        stored = {
            (row["symbol"], int(row["minute"].replace(tzinfo=dt.UTC).timestamp())) for row in self.feed.rows(FACT)
        }
        absent = {(a.entity, slot) for a in self._absences() for s, e in a.ranges for slot in range(s, e, STEP)}
        for _ in range(count):
            recent = self.draw.random() < 0.5
            since = max(first, now - 6 * 3600) if recent else first
            point = self.draw.choice(SYMBOLS), self.draw.randrange(since, now + 3600, STEP) // STEP * STEP
            story = self.story(*point)
            self.verdicts[story.verdict] += 1
            allowed = self._truth(point, stored, absent, now)
            if story.verdict not in allowed:
                self.wrong.append(f"{where}: {point[0]} {iso(point[1])} is {story.verdict}, not {' or '.join(allowed)}")
            self.wrong += [f"{where}: {problem}" for problem in self._unfounded(story, point, now)]

    def _truth(
        self, point: tuple[str, int], stored: set[tuple[str, int]], absent: set[tuple[str, int]], now: int
    ) -> tuple[str, ...]:
        entity, slot = point
        if point in self.delivered and point not in self.unheard:
            return ("observed",) if self.delivered[point] <= slot + self.feed.feed.settle else ("late",)
        if point in stored:
            return ("repaired",)
        if point in absent:
            return ("absent",)
        if slot + STEP + self.feed.feed.settle > now:
            return ("settling",)
        return ("alarmed",) if self._is_alarmed(entity, slot) else ("missing",)

    def _is_alarmed(self, entity: str, slot: int) -> bool:
        """Whether a mail that is not over names the entity and a span that holds the slot."""
        for info in self.feed.lake.records.list("audit/causes/prices/"):
            stored = self.feed.lake.records.read(info.key)
            memory = json.loads(stored.body) if stored else {}
            spans = [*memory["cause"].get("places", {}).get(entity, []), *memory.get("told", {}).get(entity, [])]
            if memory["open"] and any(start <= iso(slot) < end for start, end in spans):
                return any(entity in text for text in self.feed.mail.texts)
        return False

    def _absences(self) -> list[Absence]:
        window = Window(int(START.timestamp()), self.feed.provider.now)
        return read_absences(self.feed.lake.records, "prices", [window], workers=1)

    def story(self, entity: str, slot: int) -> Story:
        """The story of a point."""
        table = self.feed.contracts.table(FACT)
        return tell(self.feed.services(), table, {}, entity=entity, at=iso(slot))

    def _unfounded(self, story: Story, point: tuple[str, int], now: int) -> Iterator[str]:
        """What a story says that is not so: objects that are not there, a line that has another point."""
        name = f"{point[0]} {iso(point[1])} ({story.verdict})"
        for event in story.events:
            if event.at and parse_instant(event.at).timestamp() > now + 1:
                yield f"{name}: {event.what} at {event.at}, in the future"
            if event.what == "arrived" and self.feed.lake.ingest.stat(event.object) is None:
                yield f"{name}: it arrived in {event.object}, which is not there"
        arrived = [event.object for event in story.events if event.what == "arrived"]
        if story.verdict in ("observed", "late", "repaired") and not arrived:
            yield f"{name}: no object brought it ({'; '.join(story.limits)})"
        if point in self.delivered and point not in self.unheard and not arrived:
            yield f"{name}: its object was not found"


@contextmanager
def disturbed(seed: int) -> Iterator[Disturbed]:
    """A feed that begins, with its disturber."""
    with moody(seed) as feed:
        feed.deployed()
        yield Disturbed(feed, random.Random(seed))


def run_hours(hours: int, seed: int, *, calm: int = 0, points: int = POINTS) -> Disturbed:
    """So many disturbed hours, then calm ones; after each hour, audited or not, points are asked about."""
    with disturbed(seed) as world:
        draw, provider = world.draw, world.feed.provider
        first = provider.now
        for symbol in SYMBOLS:
            for slot in range(first, first + hours * 3600, STEP):
                luck = draw.random()
                if luck < HOLES:
                    provider.holes.add((symbol, slot))
                elif luck < HOLES + LATE:
                    provider.late[symbol, slot] = slot + draw.choice([2, 5]) * 3600
        for hour in range(hours + calm):
            is_calm = hour >= hours
            if is_calm or hour % 3 == 0:
                provider.mood = "" if is_calm or draw.random() < 0.5 else draw.choice(list(MOODS))
                provider.live_mood = "" if is_calm or draw.random() < 0.9 else draw.choice(["zeros", "html"])
            world.hour(calm=is_calm)
            where = f"seed {seed}, hour {hour}"
            world.ask(points // 3, f"{where}, before the audit")
            if is_calm or draw.random() < 0.8:
                world.audit()
            world.ask(points, where)
        return world


def stories(options: Options) -> Result:
    """``--runs`` is the number of simulated weeks."""
    verdicts: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(options.amount(2)):
        world = run_hours(7 * 24, options.seed + number, calm=CALM_HOURS)
        verdicts += world.verdicts
        wrong += world.wrong
        options.progress(f"{number + 1} weeks, {verdicts.total()} stories, {len(wrong)} wrong", now=True)
    return Result({"stories": verdicts.total(), "verdicts": dict(sorted(verdicts.items())), "wrong": len(wrong)}, wrong)


RUNS: dict[str, Callable[[Options], Result]] = {"stories": stories}
