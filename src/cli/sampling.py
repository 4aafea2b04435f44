"""Answers of APIs for ``starmend init --from-sample``: read from a file or asked of an address, once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from core.errors import InvalidData, Misuse, OutOfReach

if TYPE_CHECKING:
    from core.proposing.feed import Asked

MOST_BYTES = 20_000_000
SECONDS = 30
_SECRET = re.compile(
    r"^(?!.*page)(.*(token|secret|passw|pwd|signature|session|[a-z]key\d?$|[_-]key\d?$).*|key|auth|sig|app_?id)$",
    re.IGNORECASE,
)
_PRIVATE = re.compile(r"^(user_?(id|name)?|client_?id|e?mail|login)$", re.IGNORECASE)
# Twenty letters and digits in no order of words, or a GUID.
_RANDOM = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?=(?:.*\d){4})(?=(?:.*[a-z]){4})(?!.*[a-z]{9})[a-z0-9+/=_-]{20,}",
    re.IGNORECASE,
)
_START = re.compile(r"^(start|from|since|begin|after|period1|min)", re.IGNORECASE)
_END = re.compile(r"^(end|to|until|before|period2|max)", re.IGNORECASE)
_ENDS = 2  # of a range
# Of times in URLs, beside those in which answers have them.
_URL_FORMS = (
    *("iso_local", "date", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y%m%d"),
    *("%Y%m%dT%H%M%S", "%Y-%m"),
)
_ENTITY = re.compile(
    r"^(symbols?|tickers?|stations?|entity|series|ids?|coins?|pairs?|city|location|site|sensor|device|q)$"
)


def propose_sample(place: str, *, now: datetime) -> dict[str, str]:
    """The contract of a feed, by its file's name, from a file or an address that holds an answer."""
    from core.proposing.feed import Asked, propose_feed
    from core.proposing.naming import plain_name
    from ingestion.providers.reading.exact_json import read_exact

    is_url = re.match(r"https?://", place) is not None
    body = _fetched(place) if is_url else _file(place)
    try:
        document = read_exact(body)
    except ValueError as error:
        problem = f"is no JSON: {error}"
        raise InvalidData("read the sample", _without_query(place), problem, "Give an answer in JSON") from error
    asked = asked_of(place, document) if is_url else Asked()
    name = urlsplit(place).hostname or "api" if is_url else Path(place).stem
    dataset = plain_name(re.sub(r"^(api|www|data)\.|\.(com|org|net|io|dev|gov)$", "", name))[:40]
    return {f"{dataset}.yaml": propose_feed(dataset, document, asked, today=now.date())}


def asked_of(url: str, document: object) -> Asked:
    """How an answer was asked for: its entity and the ends of its range become placeholders, secrets are left out."""
    from core.proposing.feed import LEFT_OUT, Asked

    parts = urlsplit(url)
    named = next((value for name, value in parse_qsl(parts.query) if _ENTITY.match(name)), "")
    segments = [unquote(segment) for segment in parts.path.split("/")]
    owner = _owner(segments, document)
    times = [segment for segment in segments if segment and _is_time(segment)]
    ends = dict(zip(("{start}", "{end}"), times, strict=True)) if len(times) == _ENDS else {}
    places = iter(ends)  # by their order: the ends of a range of one day are one text
    left_out = ["its path"] if any(map(_RANDOM.fullmatch, {*segments} - {owner, named})) else []
    path = "/".join(
        next(places) if segment and segment in ends.values() else _segment(segment, {owner, named})
        for segment in segments
    )
    query, secret = {}, ""
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if _SECRET.match(name) and not secret:
            secret = name
        elif _SECRET.match(name) or _PRIVATE.match(name) or (value != named and _RANDOM.fullmatch(value)):
            query[name] = LEFT_OUT
            left_out.append(name)
        elif value and value == named:
            query[name] = "{entity}"
        elif _is_time(value) and (_START.match(name) or _END.match(name)):
            query[name] = "{start}" if _START.match(name) else "{end}"
            ends[query[name]] = value
        else:
            query[name] = value.replace("{", "").replace("}", "")
    url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    form, until = _form_and_end(ends)
    return Asked(
        *(url, path, query, secret),
        is_known=True,
        entity=named or owner,
        form=form,
        until=until,
        left_out=tuple(left_out),
    )


def _form_and_end(ends: Mapping[str, str]) -> tuple[str, datetime | None]:
    """The form that writes an address's range as the address has it, and the end that it names."""
    from core.feeds.rest.times import EPOCHS, NoTime, TimeForm
    from core.proposing.answers import time_form

    def writes(form: str) -> bool:
        try:
            return all(TimeForm(form).write(TimeForm(form).read(value)) == value for value in ends.values())
        except NoTime:
            return False

    read = time_form(list(ends.values()))
    if not read:
        return "", None
    form = next(filter(writes, (read, *_URL_FORMS, *EPOCHS)), read)
    return form, TimeForm(read).read(ends["{end}"]) if "{end}" in ends else None


def _owner(segments: Sequence[str], document: object) -> str:
    """The part of a path that the answer knows: a value of it, and only where there is none, a name in it."""
    texts = list(_texts(document, 0))
    for are_names in (False, True):
        words = {text for text, is_name in texts if is_name == are_names}
        if owner := next((segment for segment in segments if segment and segment in words), ""):
            return owner
    return ""


def _segment(segment: str, entities: Collection[str]) -> str:
    from core.proposing.feed import LEFT_OUT

    if _RANDOM.fullmatch(segment) and segment not in entities:
        return LEFT_OUT
    return "{entity}" if segment and segment in entities else quote(segment, safe="@:,;=+$!*()~'")


def _texts(document: object, depth: int) -> Iterator[tuple[str, bool]]:
    """The texts of a document that may be an entity's name, and whether they are names in it."""
    if depth > 6:
        return
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield str(name), True
            yield from _texts(value, depth + 1)
    elif isinstance(document, list):
        for value in document[:50]:
            yield from _texts(value, depth + 1)
    elif isinstance(document, str) and 1 < len(document) <= 40:
        yield document, False


def _is_time(value: str) -> bool:
    from core.proposing.answers import time_form

    return bool(time_form([value]))


def _file(place: str) -> bytes:
    try:
        return Path(place).read_bytes()
    except OSError as error:
        problem = error.strerror or str(error)
        raise Misuse("read the sample", place, problem, "Name a readable file, or an address with http") from error


def _fetched(url: str) -> bytes:
    """The body of an answer. Raises ``OutOfReach`` without the query, which may hold a secret."""
    import requests

    place, until = _without_query(url), datetime.now(UTC) + timedelta(seconds=SECONDS)
    body = b""
    try:
        with requests.get(url, timeout=SECONDS, stream=True, headers={"Accept": "application/json"}) as answer:
            for part in answer.iter_content(65_536):
                body += part
                if len(body) > MOST_BYTES or datetime.now(UTC) > until:
                    problem = f"the answer has more than {MOST_BYTES // 1_000_000} MB, or takes over {SECONDS} s"
                    raise InvalidData("ask for a sample", place, problem, "Ask for a shorter time")
            status: Any = answer.status_code
    except requests.RequestException as error:
        problem = f"no answer ({type(error).__name__})"
        raise OutOfReach("ask for a sample", place, problem, "Save an answer, and give the file") from None
    if status != 200:
        remedy = "Ask with whatever it wants (headers, a key), save the answer, and give the file"
        raise OutOfReach("ask for a sample", place, f"it answers {status}", remedy)
    return body


def _without_query(place: str) -> str:
    return place.partition("?")[0].rpartition("@")[2] if "://" in place else place
