"""Words of headers, however a provider spells them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.providers.reading.headers import next_link

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
