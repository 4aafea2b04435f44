"""The pages of one history answer, followed as the contract says, and whether the answer says that it is whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from jmespath.exceptions import JMESPathError

from core.feeds.rest.settings import LINK, HistoryCall, names_entity
from core.feeds.rest.templates import Path
from ingestion.providers.answers import Answer, Broken, Limited, NoData, NotEntitled, ends_calls, excerpt
from ingestion.providers.reading.classify import Reply, classify
from ingestion.providers.reading.received import Received
from ingestion.providers.reading.slots import Loss, Record
from ingestion.providers.reading.wholeness import error_in, names_another_page
from ingestion.providers.rest.asking import Ask
from ingestion.providers.rest.records import Reader
from ingestion.providers.transport.web import Web

MOST_EMPTY = 3  # pages in a row: some APIs have an empty one in the middle, some name a next page for ever
_BEHIND: Loss = "behind"
MOST_BYTES = 12 * 1024 * 1024  # of all pages of an answer but the last: with 8 MiB of that, 430 MiB of a function's 512


@dataclass(frozen=True, slots=True)
class Pages:
    """Records of all pages, the ``first`` reply, and what the answer says of itself (see ``answers.Data``).

    ``is_full``: it has as many records as one answer may have, and speaks for the time between them alone. ``loss``:
    where a partial one lacks records, ``doubtful`` the times beside which it may besides. ``stopped``: the limit or the
    refused token that a later page was answered with.
    """

    records: list[Record]
    first: Reply
    partial: str
    whole: bool
    is_full: bool = False
    loss: Loss = "anywhere"
    stopped: Limited | NotEntitled | None = None
    doubtful: tuple[datetime, ...] = ()


class PageReader:
    """The pages of one call, one after the other."""

    def __init__(self, call: HistoryCall, ask: Ask, reader: Reader) -> None:
        self._call = call
        self._ask = ask
        self._reader = reader
        self._records: list[Record] = []
        self._replies: list[Reply] = []
        self._of_last = 0
        self._empty = 0  # pages in a row, up to the last
        self._all = 0
        self._seen: dict[tuple[str, datetime], list[object]] = {}  # records of the pages so far
        self._repeated = 0  # records that an earlier page has as well
        self._last: dict[str, datetime] = {}  # of each entity the time of the last record so far
        self._split: list[datetime] = []  # times of records that end a page and begin the next, and are equal
        self._moved = False  # whether others came twice
        self._is_open = False  # whether it ended with nothing, where an end has a form
        self._stopped: Limited | NotEntitled | None = None
        self._bytes = 0
        self._followed: set[str] = set()

    def fetch(self, web: Web, *, turn: Callable[[], bool]) -> Pages | Answer:
        """Read pages until the last one, or as many as the contract allows.

        ``turn`` waits for the turn of one more call, False where there is none in time. A first page that is no page is
        the answer; a later one makes the answer partial.
        """
        answer = self._get(web, self._first_query(), turn)
        place = self._ask.path
        while True:
            outcome = self.take(answer)
            if outcome is not None:
                return outcome
            url, query = self._next()
            url = web.place(place, url) if url else ""
            if not url and not query:
                return self.ended(self._unread())
            asked = url or str(query)
            if url in self._followed and self._empty:
                return self.ended(self._unread())
            too_many = len(self._replies) == self._call.most_pages or asked in self._followed
            if too_many or self._bytes > MOST_BYTES or not turn():
                return self.ended(f"it has more pages than the {len(self._replies)} that were read")
            self._followed.add(asked)
            answer = web.follow(url, turn=turn, fresh=True) if url else self._get(web, query, turn)
            place = url or place

    def take(self, answer: Received | Broken) -> Pages | Answer | None:
        """Take one page; what it ends with, where it does."""
        reply = answer if isinstance(answer, Broken) else classify(answer, self._call, self._ask.values)
        of_page = self._reader.of_entities(reply) if isinstance(reply, Reply) else reply
        if not isinstance(reply, Reply) or not isinstance(of_page, dict):
            if not self._replies:
                return of_page  # type: ignore[return-value]
            if isinstance(reply, Reply) and reply.document is None and self._call.format == "csv":
                self._is_open = True
                return self.ended(self._unread())
            self._stopped = ends_calls(reply)
            number = len(self._replies) + 1
            is_end = isinstance(reply, NoData) and (reply.evidence.status == 200 or not self._is_named())
            return self.ended("" if is_end else f"its page {number} was not given")
        self._replies.append(reply)
        self._bytes += reply.size
        self._is_open |= reply.is_open
        self._note_repeated(of_page)
        self._of_last = sum(len(records) for records in of_page.values())
        self._empty = 0 if self._of_last else self._empty + 1
        self._all += self._of_last
        self._records += of_page.get(self._ask.values["entity"], [])
        return None

    def ended(self, reason: str = "") -> Pages:
        """The pages with what they say together; the last of them says whether it is the last."""
        partial, whole, loss = reason, False, _BEHIND
        if not partial:
            partial, whole, loss = self._own_word(self._replies[-1])
        if not partial and self._all and not self._records and names_entity(self._call):
            partial = "all its records are of other entities"
        if self._is_open or (self._call.format == "ndjson" and not self._all):
            whole = False
        is_full = bool(self._call.limit) and not self._call.is_paged and self._all >= self._call.limit
        doubtful = tuple(self._split) if partial else ()
        return Pages(
            self._records, self._replies[0], partial, whole and not partial, is_full, loss, self._stopped, doubtful
        )

    def _note_repeated(self, of_page: Mapping[str, Sequence[Record]]) -> None:
        """Count the records that an earlier page has as well: something moved, or a cursor begins with the last one."""
        if not self._call.is_paged:
            return
        of_times = {
            (entity, record.time): record.content
            for entity, records in of_page.items()
            for record in records
            if record.time is not None
        }
        repeated = {key for key, content in of_times.items() if content in self._seen.get(key, ())}
        self._repeated += len(repeated)
        for entity, records in of_page.items():
            times = [record.time for record in records if record.time is not None]
            again = {time for of_entity, time in repeated if of_entity == entity}
            if again and {times[0], self._last.get(entity)} != again:
                self._moved = True
            elif again and entity == self._ask.values["entity"]:
                self._split.append(times[0])
            if times:
                self._last[entity] = times[-1]
        for key, content in of_times.items():
            self._seen.setdefault(key, []).append(content)

    def _loss_of_pages(self) -> Loss:
        """Where records may be lost of pages that moved, or seem to.

        Equal records on both sides of a page's end, as trades of one second are, cast doubt on their slots alone. Not
        so where records have no order: then another query may have another one.
        """
        times = [record.time for record in self._records if record.time is not None]
        in_order = times in (sorted(times), sorted(times, reverse=True))
        return "none" if self._split and in_order and not self._moved else "anywhere"

    # ------------------------------------------------------------ the next page

    def _get(self, web: Web, query: dict[str, str], turn: Callable[[], bool]) -> Received | Broken:
        return web.ask(self._ask.path, {**self._ask.query, **query}, self._ask.body, turn=turn, fresh=True)

    def _first_query(self) -> dict[str, str]:
        paging = self._call.pages
        if paging is None or paging.by == "cursor" or (paging.by == "offset" and not paging.first):
            return {}
        return {paging.parameter: str(1 if paging.first is None else paging.first)}

    def _next(self) -> tuple[str, dict[str, str]]:
        """The URL of the next page, or what its query has beside; neither where this was the last."""
        if self._empty < MOST_EMPTY and (url := self._next_url()):
            return (url if isinstance(url, str) else ""), {}
        paging = self._call.pages
        if paging is None or self._has_all():
            return "", {}
        if paging.by == "cursor":
            cursor = self._said(paging.cursor)
            return "", ({} if cursor in (None, "", False) else {paging.parameter: str(cursor)})
        if not self._of_last:
            return "", {}
        first = (0 if paging.by == "offset" else 1) if paging.first is None else paging.first
        number = first + (self._all if paging.by == "offset" else len(self._replies))
        return "", {paging.parameter: str(number)}

    def _is_named(self) -> bool:
        """Whether the page before named this one: then it has to be there, and a cursor that expired is no end."""
        paging = self._call.pages
        return bool(self._next_url()) or (paging is not None and paging.by == "cursor")

    def _next_url(self) -> object:
        """What the page that was read last says in the place of the next one's URL, if anything."""
        if self._call.next == LINK:
            return self._replies[-1].next_link
        return self._said(self._call.next) or None

    def _unread(self) -> str:
        """A reason where the page that seems to be the last names another one in words that the contract does not read.

        A count or a word of completeness decides where it is told.
        """
        last = self._replies[-1]
        if (
            not self._of_last
            or not self._call.is_paged
            or self._call.count is not None
            or self._call.complete is not None
        ):
            return ""
        if self._next_url() or last.next_link or names_another_page(last.document):
            return "it names another page, and not where the contract looks for it"
        return ""

    def _has_all(self) -> bool:
        return self._call.count is not None and _number(self._said(self._call.count)) == self._different

    @property
    def _different(self) -> int:
        """The records without those that two pages have."""
        return self._all - self._repeated

    # ------------------------------------------------------------ whether it is whole

    def _own_word(self, last: Reply) -> tuple[str, bool, Loss]:
        """The reason why the answer is partial, whether it calls itself whole, and where it lacks records."""
        if error := error_in(last.document):
            return f"it names an error ({error})", False, "anywhere"
        paging = self._call.pages
        if self._repeated and self._call.count is None and paging is not None and paging.by != "cursor":
            return (
                f"its pages moved while they were read ({self._repeated} records came twice)",
                False,
                self._loss_of_pages(),
            )
        if self._call.complete is not None:
            said = self._said(self._call.complete) is True
            return ("" if said else "it does not say that it is complete"), said, "anywhere"
        if self._call.count is not None:
            count = self._said(self._call.count)
            agrees = _number(count) == self._different
            reason = "" if agrees else f"it says that there are {excerpt(count)} records, and has {self._different}"
            return reason, agrees, self._loss_of_count(_number(count)) if self._call.is_paged else "ends"
        if self._call.is_paged:
            return "", self._of_last > 0 or not self._next_url(), _BEHIND
        if last.next_link or names_another_page(last.document):
            return "it has another page, and the contract does not say how to follow it (next)", False, _BEHIND
        return "", False, _BEHIND

    def _loss_of_count(self, count: int | None) -> Loss:
        """Where records are lost of pages that have another count than was told, which equal records may make good."""
        return self._loss_of_pages() if count == self._all else "anywhere"

    def _said(self, path: object) -> object:
        try:
            return path.search(self._replies[-1].document, self._ask.values) if isinstance(path, Path) else None
        except JMESPathError:
            return None


def _number(value: object) -> int | None:
    """A count, as a number or as text."""
    try:
        return None if isinstance(value, bool) or value is None else int(str(value))
    except ValueError:
        return None
