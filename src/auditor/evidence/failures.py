"""Failures of audits: what the failed step's own error says, out of Step Functions' words for it. Pure.

Step Functions hands on an error's name and a cause; a Lambda function's cause is a JSON document of ``errorType``,
``errorMessage`` and ``stackTrace``, cut at 32,768 characters (API reference, ``HistoryEvent``). The journal of earlier
releases has the first 500 characters of both. Neither is for people: the message is, for an error of the pipeline has
its operation, place, problem and remedy in it (``core.errors``), and inside of it those of a function that was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MOST = 2_000  # characters; a Fail state's cause has room for 32,768
_TAIL = 600  # of those: an error ends with its remedy
_NAME = r"[A-Z]\w*(?:\.\w+)*"
_NAMED = re.compile(rf"({_NAME}): (.*)", re.DOTALL)
_MESSAGE = re.compile(r'"errorMessage":\s*"((?:[^"\\]|\\.)*)', re.DOTALL)
_HALF_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{0,3}$")
_PARTS = re.compile(r"([a-z][^:]*): (.+?): (.+)", re.DOTALL)
_LOG = ". Look at its log: /aws/lambda/"  # the remedy of whoever asked a function (``aws.functions``)
_LAST_SENTENCE = re.compile(r"(.*)\. ([A-Z].*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Failure:
    """What an audit failed with. ``text`` is all of it, on one line.

    The parts are those of the innermost error of the pipeline, empty where its text has none: of a time-out or of
    another's error there is a problem alone. ``remedy`` is the last sentence, where there is more than one.
    """

    text: str
    error: str = ""
    operation: str = ""
    place: str = ""
    problem: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return self.text

    def to_data(self) -> dict[str, str]:
        """The parts as JSON data."""
        return {name: value for name, value in asdict(self).items() if name != "text"}


def failure_of(said: str) -> Failure:
    """The failure of an error's name and cause (``Name: cause``), of either alone, or of a failure's own text."""
    name, message = _unpacked(" ".join(said.split()))
    text = " ".join((f"{name}: {message}" if name else message).split())
    text = _cut(text.encode("utf-8", "replace").decode())  # half a character is in no mail
    return _innermost(text)


def _unpacked(said: str) -> tuple[str, str]:
    """Name and message, without the JSON around them."""
    named = _NAMED.fullmatch(said)
    name, cause = (named[1], named[2]) if named else ("", said)
    before, brace, document = cause.partition("{")
    if '"errorMessage"' not in document and '"stackTrace"' not in document:
        return name, cause
    payload = _payload(brace + document)
    name = name or str(payload.get("errorType") or "")
    return name, f"{before}{payload.get('errorMessage') or 'left no message'}"


def _payload(document: str) -> Mapping[str, Any]:
    """A function's error, of which the end may be missing."""
    try:
        whole = json.loads(document)
    except ValueError:
        message = _MESSAGE.search(document)
        return {"errorMessage": _unescaped(message[1])} if message else {}
    return whole if isinstance(whole, dict) else {}


def _unescaped(literal: str) -> str:
    return str(json.loads(f'"{_HALF_ESCAPED.sub("", literal)}"'))


def _cut(text: str) -> str:
    return text if len(text) <= MOST else f"{text[: MOST - _TAIL - 5]} ... {text[-_TAIL:]}"


def _innermost(text: str) -> Failure:
    """The parts of the error that a chain of calls began with."""
    error, message = (named[1], named[2]) if (named := _NAMED.fullmatch(text)) else ("", text)
    parts = _PARTS.fullmatch(message) if error and "." not in error else None
    if parts is None:
        return Failure(text, error=error, problem=message)
    operation, place, rest = parts.groups()
    asked, is_asked, log = rest.rpartition(_LOG)
    if is_asked and _NAMED.fullmatch(asked):
        inner, log_of = _innermost(asked), f"{_LOG.removeprefix('. ')}{log}"
        within = (inner.operation or operation, inner.place or place)
        return Failure(text, inner.error, *within, inner.problem, inner.remedy or log_of)
    problem, remedy = sentences.groups() if (sentences := _LAST_SENTENCE.fullmatch(rest)) else (rest, "")
    return Failure(text, error, operation, place, problem, remedy)
