"""Words of headers, however a provider spells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.providers.reading.headers import made_at, next_link

NEXT = "https://x/h?page=2"
_TEXTS = st.text(st.sampled_from(';,=<>"\\ abrel'), max_size=12)


def quoted(text: str) -> str:
    """A quoted string (RFC 9110, 5.6.4)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    "header",
    [
        f'<{NEXT}>; rel="next"',
        f"<{NEXT}>;rel=next;title=x",
        f'<{NEXT}>; rel="prefetch NEXT"',
        f"<{NEXT}>; REL=Next",
        f"<{NEXT}>; rel='next'",
        f'<{NEXT}>; title="page=2"; rel="next"',
        f'<{NEXT}>; title="2; or later"; rel="next"',
        f"<{NEXT}>; title*=UTF-8'en'a=b; rel=\"next\"",
        f'<{NEXT}>; crossorigin; rel = "next"',
        f'<https://x/h?page=1>; rel="prev"; title="<1>, <2>; rel=next", <{NEXT}>; rel="next"',
        f'<https://x/h?page=1>; rel="prev"; rel="next",<{NEXT}>; rel="next"',  # a second rel counts for nothing
    ],
)
def test_the_next_page_is_found_in_every_spelling_of_the_header(header: str) -> None:
    assert next_link(header) == NEXT


def test_the_url_of_a_next_page_may_hold_what_separates_elsewhere() -> None:
    assert next_link('<https://x/h?from=1;to=2,3&q=a=b>; rel="next"') == "https://x/h?from=1;to=2,3&q=a=b"


@pytest.mark.parametrize("header", ["", "next", "<", '<>; rel="next"', f'<{NEXT}>; title="; rel=next"', f"<{NEXT}>"])
def test_a_header_that_names_no_next_page_has_none(header: str) -> None:
    assert next_link(header) == ""


@settings(max_examples=100)
@given(before=st.lists(_TEXTS, max_size=3), after=_TEXTS)
def test_no_title_hides_the_next_page_or_makes_one(before: list[str], after: str) -> None:
    titles = "".join(f"; title={quoted(text)}" for text in before)
    links = f'<https://x/h?page=1>{titles}; rel="prev", <{NEXT}>{titles}; rel="next"; title={quoted(after)}'
    assert next_link(links) == NEXT
    assert next_link(f'<{NEXT}>{titles}; rel="prev"; title={quoted(after)}') == ""


DATE = datetime(2026, 11, 20, 15, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "came", "made"),
    [  # seconds: the Age, when it came, and when it was made, after the Date
        (None, 0, 0),
        ("0", 1, 0),
        ("45", 45, 0),  # a cache that keeps the Date of the origin: Fastly, Varnish, Akamai
        ("45", 46, 0),
        ("45", 0, -45),  # one that writes its own
        ("45", 1, -44),
        ("45", 20, -25),  # one behind another: 20 s in one that kept it, 25 s before in one that did not
        ("45", -30, -45),  # a machine whose clock is behind never makes it older than its Age
        ("45", 10**8, 0),
        ("45", None, -45),  # a saved one
        ("45, 3", 0, -45),  # RFC 9111, 5.1: of several members the first
        ("-45", 0, 0),
        ("soon", 0, 0),
        ("4.5", 0, 0),
        ("", 0, 0),
        ("\u0665", 0, 0),
        ("1795187000", 0, 0),  # an epoch
        ("2147483648", 0, 0),
        ("9" * 5000, 0, 0),
    ],
)
def test_an_answer_is_as_old_as_the_cache_that_gave_it_says(age: str | None, came: int | None, made: int) -> None:
    """RFC 9111, 4.2.3: the age is the larger one of now - Date and Age. What is no such number says nothing."""
    headers = {"Date": "Fri, 20 Nov 2026 15:00:10 GMT", **({"Age": age} if age is not None else {})}
    came_at = None if came is None else DATE + timedelta(seconds=came)
    assert made_at(headers, came_at) == DATE + timedelta(seconds=made)
    assert made_at({"Age": "45"}, came_at) is None
    assert made_at({**headers, "Date": "Mon, 01 Jan 0001 00:00:05 GMT"}, came_at) is not None
