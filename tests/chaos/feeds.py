"""Simulated weeks of a feed whose provider has moods, before the real pull, processing and auditor.

No point that the provider had when it was asked may be certified absent, no healed value may differ (though answers in
good form have the values of another time, entity or unit for hours), every hole ends absent, every outage is mailed
once and its end is told, and nothing is open once the provider is well again.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.chaos.run import Options, Result
from tests.fakes.event_bus import MemoryEventBus
from tests.stored_forms.lake import contracts_of
from tests.support.answering_provider import ERRORS, HARMLESS, MOODS, STEP, Provider
from tests.support.crashpoints import Effects
from tests.support.feed_simulation import FeedSimulation
from tests.support.outages_told import OutagesTold
from tests.support.scripted_server import scripted_server

from auditor.evidence.absent import Absence, read_absences
from auditor.services import Limits, Services
from auditor.windows import Window, due_until
from core.contract.model import Contracts
from core.feeds.lines import PointLine, encode_line
from core.ports import StreamRecord

START = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
SYMBOLS = ("AAA", "BBB", "CCC")
LOST, HOLES, LATE = 0.08, 0.02, 0.02
WRONG = 0.25  # of the time; more of it, and empty answers a day apart would be all that was given, and be believed
LONG = 8 * 3600  # seconds; what is missing for so long must have been told, though it is promised within two hours
KNOWN_HOURS = 12  # at the beginning, in which values are right: what nothing is known of can be held against nothing
CALM_HOURS = 30  # at the end: holes in which something spoke against them take a day, and some hours till asked
LATEST_HOURS = 36  # by then all must have ended, also what was asked just before its day was over, and then rarely
FACT = "fact_price"


class MoodyFeed(FeedSimulation):
    """The feed of the stored forms, ``prices``, asked of a provider with moods."""

    def __init__(self, provider: Provider, contracts: Contracts | None = None) -> None:
        contracts = contracts or contracts_of("prices")
        limits = Limits(grace_seconds=0, workers=1)  # threads would cost more than reads
        super().__init__(provider, contracts=contracts, dataset="prices", at=START, limits=limits)  # type: ignore[arg-type]
        self.provider = provider
        self.bus = MemoryEventBus()
        self.told = OutagesTold(self.bus, self.mail)
        self.deployed()

    def services(self, effects: Effects | None = None) -> Services:
        """With a bus that somebody listens to."""
        return replace(super().services(effects), bus=self.bus)

    def hour(self, lost: Callable[[str, int], bool]) -> None:
        """Six slots pass; what is not lost on the way is delivered, and what the provider's mood spoils is pulled."""
        for _ in range(6):
            slot = self.provider.now
            self._go_to(self.now + dt.timedelta(seconds=2))
            if self.provider.live_mood:
                self.pull(dt.datetime.fromtimestamp(slot, dt.UTC))
            for symbol in () if self.provider.live_mood else SYMBOLS:
                if self.provider.has(symbol, slot) and not lost(symbol, slot):
                    self.observed(symbol, slot)
            self._go_to(self.now + dt.timedelta(seconds=STEP - 2))
        self.deliver()

    def observed(self, symbol: str, slot: int) -> None:
        """The provider's price of now comes into the stream."""
        price = self.provider.price(symbol, slot)
        point = PointLine(symbol, slot, "live", "observed", self.now, {"c": price})
        line = encode_line(point, dataset="prices", feed=self.feed)
        self.acquisition.stream.records.append(StreamRecord(symbol, line))


def second(minute: dt.datetime) -> int:
    return int(minute.replace(tzinfo=dt.UTC).timestamp())


@dataclass
class Tally:
    answers: int = 0
    points: int = 0
    absent: int = 0
    mails: int = 0
    outages: int = 0
    ends: int = 0
    differing: set[tuple[str, int]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def moody(seed: int, *, provider: Provider | None = None, contracts: Contracts | None = None) -> Iterator[MoodyFeed]:
    provider = provider or Provider(seed, START)
    with scripted_server(provider.answer) as server:
        provider.url = server.url
        yield MoodyFeed(provider, contracts)


def run_hours(hours: int, seed: int, *, calm: int = CALM_HOURS) -> Tally:
    """So many hours with moods, then calm ones until everything must have ended."""
    draw, errors, tally = random.Random(seed), random.Random(f"errors of {seed}"), Tally()
    with moody(seed) as feed:
        provider = feed.provider
        first = provider.now
        slots = range(first, first + (hours + calm) * 3600, STEP)
        for symbol in SYMBOLS:
            for slot in slots:
                luck = draw.random()
                if luck < HOLES:
                    provider.holes.add((symbol, slot))
                elif luck < HOLES + LATE:
                    provider.late[symbol, slot] = slot + draw.choice([2, 5, 30]) * 3600
        unlucky = {(symbol, slot) for symbol in SYMBOLS for slot in slots if draw.random() < LOST}
        until = 0
        for hour in range(hours):
            if hour >= until:
                provider.mood = draw.choice(list(MOODS)) if draw.random() < 0.5 else ""
                provider.live_mood = draw.choice(["zeros", "html", "no date"]) if draw.random() < 0.15 else ""
                until = hour + draw.randint(1, 6)
                is_wrong = errors.random() < WRONG and hour >= KNOWN_HOURS
                provider.error = errors.choice(list(ERRORS)) if is_wrong else ""
            feed.hour(lambda symbol, slot: (symbol, slot) in unlucky)
            _audit(feed, tally, f"seed {seed}, hour {hour} ({provider.mood or 'well'})")
        provider.mood = provider.live_mood = provider.error = ""
        for hour in range(calm):
            feed.hour(lambda _symbol, _slot: False)
            _audit(feed, tally, f"seed {seed}, calm hour {hour}")
        if calm >= CALM_HOURS:
            for hour in range(calm, LATEST_HOURS):
                if not set(_holes(feed, first, first + hours * 3600)):
                    break
                feed.hour(lambda _symbol, _slot: False)
                _audit(feed, tally, f"seed {seed}, calm hour {hour}")
            _judge(feed, tally, first, first + hours * 3600, f"seed {seed}")
        tally.answers, tally.mails = provider.answers, len(feed.mail.sent)
        tally.outages, tally.ends = feed.told.opened, feed.told.over
        tally.wrong += feed.told.wrong
    return tally


def _audit(feed: MoodyFeed, tally: Tally, where: str) -> None:
    """An audit; of what it certified as absent the provider must have had nothing when it was asked."""
    before = {absence.key for absence in _absences(feed)}
    feed.heal()
    for absence in _absences(feed):
        if absence.key in before:
            continue
        for start, end in absence.ranges:
            for slot in range(start, end, STEP):
                tally.absent += 1
                if feed.provider.has(absence.entity, slot):
                    tally.wrong.append(f"{where}: {absence.entity} {slot} is certified absent")
    rows = {(row["symbol"], second(row["minute"])): row["price"] for row in feed.rows(FACT)}
    for point, price in rows.items():
        if price != feed.provider.price(*point) and point not in tally.differing:
            tally.differing.add(point)
            tally.wrong.append(f"{where}, {feed.provider.error or 'the right prices'}: {point} is {price}")
    missing = list(_missing(feed, rows.keys()))
    long_ago = feed.provider.now - LONG
    overdue = {symbol for symbol, slot in missing if slot < long_ago}
    feed.told.after_audit(where, missing={symbol for symbol, _ in missing}, overdue=overdue)


def _missing(feed: MoodyFeed, present: Set[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The points of windows that are due, from the deployment on, and neither there nor proven absent."""
    settled = present | {(a.entity, s) for a in _absences(feed) for f, e in a.ranges for s in range(f, e, STEP)}
    for slot in range(int(START.timestamp()), due_until(feed.feed, feed.provider.now), STEP):
        yield from ((symbol, slot) for symbol in SYMBOLS if (symbol, slot) not in settled)


def _absences(feed: MoodyFeed) -> list[Absence]:
    first = int(START.timestamp())
    return read_absences(feed.lake.records, "prices", [Window(first, feed.provider.now)], workers=1)


def _holes(feed: MoodyFeed, first: int, last: int) -> Iterator[tuple[str, int]]:
    """The provider's holes that are not proven absent yet."""
    absent = {(a.entity, slot) for a in _absences(feed) for s, e in a.ranges for slot in range(s, e, STEP)}
    yield from (hole for hole in feed.provider.holes if first <= hole[1] < last and hole not in absent)


def _judge(feed: MoodyFeed, tally: Tally, first: int, last: int, where: str) -> None:
    rows = {(row["symbol"], second(row["minute"])) for row in feed.rows(FACT)}
    absent = {(a.entity, slot) for a in _absences(feed) for s, e in a.ranges for slot in range(s, e, STEP)}
    for symbol in SYMBOLS:
        for slot in range(first, last, STEP):
            tally.points += 1
            if (symbol, slot) in rows:
                continue  # its price is compared after each audit
            if (symbol, slot) in feed.provider.holes:
                continue  # each must have ended absent, which is asked below
            if (symbol, slot) not in absent or feed.provider.late.get((symbol, slot), 0) < first:
                tally.wrong.append(f"{where}: {symbol} {slot} did not heal")
    for symbol, slot in sorted(set(_holes(feed, first, last)) - rows):
        tally.wrong.append(f"{where}: the hole {symbol} {slot} did not end absent")
    causes = feed.heal()["conclude"]
    if causes["known"] or causes["sent"]:
        tally.wrong.append(f"{where}: {causes} are open though the provider is well")


def feeds(options: Options) -> Result:
    """``--runs`` is the number of simulated weeks."""
    total = Tally()
    for number in range(options.amount(4)):
        tally = run_hours(7 * 24, options.seed + number)
        total.answers += tally.answers
        total.points += tally.points
        total.absent += tally.absent
        total.mails += tally.mails
        total.outages += tally.outages
        total.ends += tally.ends
        total.wrong += tally.wrong
        options.progress(f"{number + 1} weeks, {total.answers} answers, {len(total.wrong)} wrong", now=True)
    figures = {
        "answers": total.answers, "points": total.points, "absent": total.absent, "mails": total.mails,
        "outages": total.outages, "ends": total.ends,
        "wrong": len(total.wrong), "moods": len(MOODS), "harmless": len(HARMLESS), "errors": len(ERRORS) - 1,
    }  # fmt: skip
    return Result(figures, total.wrong)


RUNS: dict[str, Callable[[Options], Result]] = {"feeds": feeds}
