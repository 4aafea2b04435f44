"""The words of headers, held against another reader of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.utils import parse_header_links

from ingestion.providers.reading.headers import next_link

WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=8)
ADDRESS = st.builds("https://api.example/{}?page={}".format, WORD, WORD)
RELATION = st.lists(st.sampled_from(["next", "prev", "first", "last", "nextpage"]), min_size=1, max_size=2)
LINK = st.fixed_dictionaries(
    {"url": ADDRESS, "rel": RELATION.map(" ".join)}, optional={"title": WORD, "type": st.just("text/html")}
)
QUOTES = st.sampled_from(['"', "'", ""])


@given(links=st.lists(LINK, max_size=4), quote=QUOTES, blank=st.sampled_from(["", " "]))
def test_the_next_page_is_the_one_that_requests_reads(links: list[dict[str, Any]], quote: str, blank: str) -> None:
    def attribute(name: str, value: str) -> str:
        mark = quote if quote or " " not in value else '"'
        return f"{blank}{name}={mark}{value}{mark}"

    header = f",{blank}".join(
        ";".join([f"<{link['url']}>", *(attribute(name, link[name]) for name in link if name != "url")])
        for link in links
    )
    expected = [link["url"] for link in parse_header_links(header) if "next" in link.get("rel", "").split()]
    assert next_link(header) == (expected or [""])[0]


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ("", ""),
        ("no link", ""),
        ('<https://a.example/?x=1,2>; rel="next"', "https://a.example/?x=1,2"),
        ('</p?2>; title="<a>; rel=next, b"; rel="prev", </p?3>; title="a, b"; rel="next"', "/p?3"),  # RFC 8288, 3.5
        ('<https://a.example/?after=x>; REL="Next"', "https://a.example/?after=x"),  # relations have no case
        ("<https://a.example/>; rel", ""),
        ("<https://a.example/>", ""),
    ],
)
def test_quoted_text_ends_no_link(header: str, url: str) -> None:
    assert next_link(header) == url
