"""The feed that is proposed for an API, from one of its answers, as commented YAML."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.contract.types import MAX_DECIMAL_PRECISION
from core.errors import InvalidData
from core.proposing.answers import Measured, Understanding, understand_answer
from core.proposing.naming import plain_name, unused
from core.proposing.writing import Page, Value

_DAY = 86_400
_TAKEN = {"kind", "provenance", "fetched_at", "dataset", "arrived", "deleted_at", "checked_at", "year", "month", "day"}
_MOST_ENTITIES = 500
_GUESSED_CADENCE = 3600
ALWAYS = "always"
# Calendars of the contract that are open on the first day of each: how many seconds apart two such days are.
_LONGER = (
    ("weeks", 7 * _DAY, 7 * _DAY),
    ("months", 28 * _DAY, 31 * _DAY),
    ("quarters", 90 * _DAY, 92 * _DAY),
    ("years", 365 * _DAY, 366 * _DAY),
)
_SPARE_DIGITS = 4  # before the point: tomorrow's value may be larger
PLACEHOLDER = "https://api.example.org"
LEFT_OUT = "LEFT-OUT"


@dataclass(frozen=True, slots=True)
class Asked:
    """How the answer was asked for: without a URL, it is to be filled in.

    ``query`` holds placeholders where the URL had the entity or an end of a range; ``secret`` is the name of the
    parameter that held one, which is kept nowhere, nor is what else looks like one: ``left_out`` names its places,
    which hold ``LEFT_OUT``. ``entity`` is the one that was asked for. ``form`` is that of the times in the URL,
    ``until`` the end that it named; empty and None where it had none.
    """

    url: str = PLACEHOLDER
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    is_known: bool = False
    entity: str = ""
    form: str = ""
    until: dt.datetime | None = None
    left_out: tuple[str, ...] = ()


def propose_feed(dataset: str, document: object, asked: Asked, *, today: dt.date) -> str:
    """The contract of a feed. The text passes ``contract check``.

    Raises ``InvalidData`` where no part of the document holds records with numbers.
    """
    read = understand_answer(document)
    if read is None:
        problem = "no list or object in it has records with numbers"
        raise InvalidData("propose a feed", dataset, problem, "Give an answer that holds the values that are wanted")
    feed = _Feed(dataset, read, asked, today)
    page = Page()
    feed.write_source(page)
    page.gap()
    feed.write_fact(page)
    return page.text()


class _Feed:
    """What is proposed, decided once; then it is written."""

    def __init__(self, dataset: str, read: Understanding, asked: Asked, today: dt.date) -> None:
        self.dataset, self.read, self.asked, self.today = dataset, read, asked, today
        used = set(_TAKEN)
        self.entity = unused(plain_name(read.entity.rpartition(".")[2] or "entity"), used)
        self.every, self.calendar, self.why_every = _cadence(read)
        self.time = unused({60: "minute", 3600: "hour", _DAY: "at_day"}.get(self.every, "begins_at"), used)
        self.names = {each.path: unused(plain_name(each.name), used) for each in read.fields}
        self.is_history = len(set(read.instants)) > 1
        self.entities = read.entities[:_MOST_ENTITIES] or (asked.entity or "first",)

    def write_source(self, page: Page) -> None:
        asked, read = self.asked, self.read
        kind = "many times of an entity: it fills gaps, and is asked for each point" if self.is_history else "one time"
        page.remark(0, f"Proposed from one answer, which holds {read.number} records, {kind}.")
        page.remark(
            0, "Read it, and mend what is guessed wrong: `starmend contract check` says whether it can be kept."
        )
        page.put(0, "dataset", self.dataset)
        page.gap()
        page.put(0, "source")
        page.put(1, "kind", "feed")
        page.anchor(1, "provider", "api")
        page.put(2, "rest")
        page.put(3, "url", asked.url, "" if asked.is_known else "the answer does not say where it is from")
        if asked.secret:
            page.put(3, "auth", {"query": asked.secret}, "where the address had it; its value is written nowhere")
        if asked.left_out:
            page.remark(
                3,
                f"The address had what looks like a key or a name of yours in {', '.join(asked.left_out)}: it is"
                " written nowhere, and no call works without it. Name it in headers, or in auth, if the API allows it.",
            )
        if read.form:
            zone = (
                " texts without an offset are taken for UTC: else {records: ..., zone: America/New_York}"
                * read.is_local
            )
            forms: Value = read.form
            if asked.form not in ("", read.form):
                forms = {"urls": asked.form, "records": read.form}
            order = f" day and month may be the other way round: {read.other_form};" if read.other_form else ""
            why = f"of {read.time or 'the names of the records'}, by its values;{order}{zone}"
            page.put(3, "time", forms, why.rstrip(";"))
        self._write_call(page)
        page.alias(1, "history", "api") if self.is_history else page.put(
            1, "history", "none", "nobody is known who has the past: what is missed stays missing, and is alarmed"
        )
        if asked.secret:
            page.put(1, "secret", f"{self.dataset.replace('_', '-')}-key", "a Secrets Manager name, never a value")
        page.put(1, "every", _duration(self.every), self.why_every)
        page.put(
            1, "calendar", self.calendar, "or an exchange calendar, such as XNYS: times outside of it are not owed"
        )
        page.put(1, "point", [self.entity, self.time], "what a line is of, and of when")
        why = "" if read.entities or asked.entity else "a guess: nothing in the answer says whose it is"
        page.put(1, "entities", list(self.entities), why)
        page.put(1, "settle", _duration(max(60, min(self.every // 6, 3600) // 60 * 60)), "how late a point may be")
        patience, why = _patience(self.every, self.calendar, is_live=not self.is_history)
        page.put(1, "complete_within", _duration(patience), f"there by then, or proven absent, or alarmed{why}")
        calls = -(-len(self.entities) * 60 // self.every)
        page.put(1, "rate_limit", f"{max(60, calls)} / minute", "a guess: what its plan allows")

    def _write_call(self, page: Page) -> None:
        asked, read = self.asked, self.read
        role = "history" if self.is_history else "live"
        if self.is_history:
            days = 1 if self.every < 3600 else 7 if self.every < _DAY else 31 if self.calendar == ALWAYS else 366
            page.put(3, "span", f"{days} day{'s' if days > 1 else ''}", "a guess: the longest time of one call")
        page.put(3, role)
        by_name = read.shape in ("entities",)
        path = asked.path or ("/{entity}" if not (read.entity or by_name) else "/")
        page.put(4, "path", path, "" if asked.is_known else "to be filled in; {entity} is the entity's name")
        query = dict(asked.query)
        if self.is_history and "{start}" not in "".join([path, *query.values()]):
            query |= {"from": "{start}", "to": "{end}"}
            page.put(4, "query", query, "a guess: nothing tells how a time is asked for")
        elif query:
            page.put(4, "query", query)
        if asked.until and read.instants and max(read.instants) >= asked.until:
            page.put(4, "end", "inclusive", "the answer has the end that was asked for")
        page.put(4, "records", read.records)
        if read.shape != "rows":
            page.put(4, "shape", read.shape)
        if read.time and (self.is_history or read.form):
            page.put(4, "time", read.time)
        if read.entity:
            page.put(4, "entity", read.entity, "records of others are left out")
        page.put(4, "fields", {self.names[each.path]: each.path for each in read.fields})
        if read.nulls:
            nulls = [each if isinstance(each, int | str) else str(each) for each in read.nulls]
            page.put(4, "nulls", nulls, "stand among the numbers for nothing")
        self._write_alignment(page)

    def _write_alignment(self, page: Page) -> None:
        seconds = {int(instant.timestamp()) % self.every for instant in self.read.instants}
        if self.is_history and seconds - {0}:
            page.put(4, "align", "floor", "not every time begins a slot: a record counts for the slot it lies in")

    def write_fact(self, page: Page) -> None:
        """The fact of the feed, whole."""
        page.put(0, "warehouse")
        page.put(1, f"fact_{self.dataset}"[:63])
        page.put(2, "kind", "fact")
        page.put(2, "grain", f"one row per {self.entity.replace('_', ' ')} and {_duration(self.every)}")
        page.put(2, "key", [self.entity, self.time])
        page.put(2, "version", ["provenance", "fetched_at"])
        page.put(2, "partition_by", self._partitions())
        page.put(
            2, "since", f"{self._first_year():04d}-01-01", "what is owed begins when the schedules are switched on"
        )
        page.put(2, "columns")
        page.put(3, self.entity, "string")
        page.put(3, self.time, {"type": "timestamp", "comment": f"begin of the {_duration(self.every)}, UTC"})
        for each in self.read.fields:
            page.put(3, self.names[each.path], _type(each), _why_type(each))
        ranks = ["repaired", "late", "observed"]
        page.put(3, "provenance", {"type": "string", "one_of": ranks[::-1], "rank": ranks})
        page.put(3, "fetched_at", {"type": "timestamp", "comment": "when it was asked for"})

    def _partitions(self) -> Sequence[str]:
        unit = "month" if self.every < 3600 else "year"
        return [f"bucket({self.entity}, {max(1, -(-len(self.entities) // 50))})", f"{unit}({self.time})"]

    def _first_year(self) -> int:
        years = [instant.year for instant in self.read.instants]
        return min([*years, self.today.year])


def _cadence(read: Understanding) -> tuple[int, str, str]:
    """Seconds from one point to the next, as schedules can have it: whole minutes that divide a day; the calendar."""
    if not read.every:
        return _GUESSED_CADENCE, ALWAYS, "a guess: one time tells no cadence"
    for calendar, least, most in _LONGER:
        if least <= read.every <= most:
            return _DAY, calendar, f"a day of the calendar {calendar}: its first one"
    fitting = [seconds for seconds in range(60, _DAY + 1, 60) if _DAY % seconds == 0]
    every = min(fitting, key=lambda seconds: abs(seconds - read.every))
    if every == read.every:
        return every, ALWAYS, "most times of the answer lie so far apart"
    return every, ALWAYS, f"most times lie {read.every} s apart; a cadence is whole minutes that divide a day"


def _patience(every: int, calendar: str, *, is_live: bool) -> tuple[int, str]:
    """Seconds within which points can be there, and why so many: history is asked for once a whole window is over."""
    if is_live:
        return max(every * 2, 7200), ""
    longest = max(every, next((most for name, _, most in _LONGER if name == calendar), 0))
    if longest < 3600:
        return 3 * 3600, ": an audit asks for each hour once it is over"
    return 2 * max(longest, _DAY), ": an audit asks for each day once it is over"


def _duration(seconds: int) -> str:
    for unit, size in (("day", _DAY), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}{'s' if seconds > size else ''}"
    return f"{seconds} seconds"


def _type(each: Measured) -> Value:
    if each.kind == "decimal":
        scale = min(max(each.scale, 2), 18)
        precision = min(MAX_DECIMAL_PRECISION, max(each.digits + _SPARE_DIGITS, 8) + scale)
        return f"decimal({precision},{scale})"
    return {"integer": "bigint", "boolean": "boolean", "text": "string"}[each.kind]


def _why_type(each: Measured) -> str:
    if each.kind == "decimal":
        return f"seen with {each.scale} digits behind the point; one with more is refused, unless round: half_even"
    return "only whole numbers were seen" if each.kind == "integer" else ""
