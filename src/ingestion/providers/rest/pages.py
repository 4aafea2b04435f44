"""The pages of one history answer, followed as the contract says, and whether the answer says that it is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jmespath.exceptions import JMESPathError

from core.feeds.rest_spec import LINK, CallSpec
from ingestion.providers.answers import Answer, NoData
from ingestion.providers.reading.slots import Record
from ingestion.providers.reading.wholeness import error_in, names_another_page
from ingestion.providers.transport.web import Reply, Web

ReadRecords = Callable[[CallSpec, Reply], list[Record] | Answer]


@dataclass(frozen=True, slots=True)
class Pages:
    """Records of all pages, the ``first`` reply, and what the answer says of itself (see ``answers.Data``)."""

    records: list[Record]
    first: Reply
    partial: str
    whole: bool


def read_pages(
    call: CallSpec, first: Reply, web: Web, read: ReadRecords, *, turn: Callable[[], bool]
) -> Pages | Answer:
    """Read a page after the other until the last one, or as many as the contract allows.

    ``turn`` waits for the turn of one more call, False where there is none in time. A first page that is no page is the
    answer; a later one makes the answer partial.
    """
    records: list[Record] = []
    followed: set[str] = set()
    reply, number = first, 0
    while True:
        of_page = read(call, reply)
        number += 1
        if not isinstance(of_page, list):
            if number == 1:
                return of_page
            reason = "" if isinstance(of_page, NoData) else f"its page {number} was not given"
            return _ended(call, records, first, reply, reason)
        records += of_page
        url = _next_url(call, reply) if of_page else ""  # some APIs name a next page for ever
        if not url:
            return _ended(call, records, first, reply, "")
        if number == call.most_pages or url in followed or not turn():
            return _ended(call, records, first, reply, f"it has more pages than the {number} that were read")
        followed.add(url)
        following = web.follow(url, accepted=call.no_data_status)
        if not isinstance(following, Reply):
            return _ended(call, records, first, reply, f"its page {number + 1} was not given")
        reply = following


def _next_url(call: CallSpec, reply: Reply) -> str:
    if call.next_page is None:
        return ""
    if call.next_page == LINK:
        return reply.next_link
    try:
        url = call.next_page.search(reply.document)  # type: ignore[union-attr]
    except JMESPathError:
        return ""
    return url if isinstance(url, str) else ""


def _ended(call: CallSpec, records: list[Record], first: Reply, last: Reply, reason: str) -> Pages:
    """The pages with what they say together; the last of them says whether it is the last."""
    partial, whole = reason, False
    if not partial:
        partial, whole = _own_word(call, len(records), last)
    return Pages(records, first, partial, whole and not partial)


def _own_word(call: CallSpec, count: int, last: Reply) -> tuple[str, bool]:
    if error := error_in(last.document):
        return f"it names an error ({error})", False
    if call.complete is not None:
        said = _search(call.complete, last.document) is True
        return ("" if said else "it does not say that it is complete"), said
    if call.count is not None:
        said_count = _search(call.count, last.document)
        agrees = isinstance(said_count, int) and said_count == count
        return ("" if agrees else f"it says that there are {said_count} records, and has {count}"), agrees
    if call.next_page is not None:
        return "", True
    if last.next_link or names_another_page(last.document):
        return "it has another page, and the contract does not say how to follow it (next)", False
    return "", False


def _search(path: object, document: object) -> object:
    try:
        return path.search(document)  # type: ignore[attr-defined]
    except JMESPathError:
        return None
