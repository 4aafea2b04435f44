"""Secrets kept out of all that is written down: every spelling in which an answer may echo one is blotted out."""

from __future__ import annotations

import base64
import html
import json
import logging
from functools import lru_cache
from urllib.parse import quote, quote_plus

BLOT = "***"
SHORTEST_SECRET = 8  # a shorter one may be a word of the data, and is blotted out in evidence alone


@lru_cache(maxsize=16)  # one for each call would cost as much as reading the answer
def spellings(secret: str) -> tuple[bytes, ...]:
    """The secret as it is, in URLs, in JSON, in HTML and as basic authentication; the longest first."""
    plain = json.dumps(secret)[1:-1]
    texts = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        plain,
        plain.replace("/", "\\/"),
        plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        html.escape(secret),
        basic(secret),
    }
    return tuple(sorted((text.encode() for text in texts if text), key=len, reverse=True))


def blotted(content: bytes, secret: str) -> bytes:
    """The content without the secret."""
    for spelling in spellings(secret) if secret else ():
        content = content.replace(spelling, BLOT.encode())
    return content


def basic(secret: str) -> str:
    """``user:password`` as HTTP's basic authentication writes it (RFC 7617)."""
    return base64.b64encode(secret.encode()).decode()


def silence_urls() -> None:
    """Keep urllib3 from naming URLs: a query may hold a secret. What failed is told by the answer's class.

    Its warnings of a lost connection name them too, at a level that Lambda logs.
    """
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False
