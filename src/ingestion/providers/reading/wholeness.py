"""An answer's own words about itself, where no contract says how to read them: another page, an error, a limit. Pure.

Read from what public APIs document: the Link header of RFC 8288 (GitHub, NWS), ``next_url`` (Polygon),
``next_page_token`` (Alpaca), ``has_more`` (Stripe), ``pagination.next`` (weather.gov), ``{"code": 429}`` within a 200
(Twelve Data).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ingestion.providers.answers import excerpt

_NEXT = {
    "next",
    "nexturl",
    "nextpage",
    "nextpageurl",
    "nextpagetoken",
    "nexttoken",
    "nextcursor",
    "nextlink",
    "nexthref",
}
_MORE = {"hasmore", "hasnext", "hasnextpage", "more", "truncated", "istruncated", "resulttruncated"}
_ENVELOPES = {"pagination", "paging", "page", "pageinfo", "meta", "metadata", "links", "cursor", "responsemetadata"}
_ERRORS = {"error", "errors", "errormessage", "fault", "exception"}
_STATUSES = {"code", "status", "statuscode", "errorcode", "cod"}
_MESSAGES = {"message", "msg", "detail", "details", "description", "reason", "info", "note", "title", "type", "success"}
TOO_MANY = ("429", "418")


def names_another_page(document: object) -> bool:
    """Whether a document says that there is more of it."""
    return any(
        (name in _NEXT and value not in (None, "", False, 0)) or (name in _MORE and value is True)
        for name, value in _said(document)
    )


def error_in(document: object) -> str:
    """The error that a document names beside or instead of its content; empty where it names none."""
    for name, value in _entries(document):
        if name in _ERRORS and value:
            return excerpt(value)
    return ""


def limit_in(document: object) -> bool:
    """Whether a good status holds the code of a limit."""
    inner = [value for name, value in _entries(document) if name in _ERRORS and isinstance(value, Mapping)]
    for part in (document, *inner):
        if any(name in _STATUSES and str(value) in TOO_MANY for name, value in _entries(part)):
            return True
    return False


def is_of_errors(name: str) -> bool:
    """Whether a name is one by which errors tell of themselves: a code, a message, or the whole document."""
    plain = "".join(filter(str.isalnum, name.lower()))
    return plain in _STATUSES | _ERRORS | _MESSAGES or not plain


def _said(document: object) -> Iterator[tuple[str, object]]:
    """The document's own entries and those of its envelopes."""
    for name, value in _entries(document):
        yield name, value
        if name in _ENVELOPES:
            yield from _entries(value)


def _entries(document: object) -> Iterator[tuple[str, object]]:
    """Entries with their names in one spelling: ``nextPageToken`` and ``next_page_token`` are one."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            plain = str(name).lower()
            yield plain if plain.isalnum() else "".join(filter(str.isalnum, plain)), value
