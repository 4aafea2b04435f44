"""The class of one answer: data to be read, nothing, a refusal, a limit, or nonsense. Pure.

The contract's rules about the body come first, then its lists of statuses, then what HTTP says. A page of HTML is no
word of the API's, whatever its status is listed for.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from jmespath.exceptions import JMESPathError

from core.audit.history import Evidence
from core.feeds.rest.templates import Path
from ingestion.providers.answers import Answer, Broken, Data, Limited, NoData, NotEntitled
from ingestion.providers.reading.exact_json import read_exact
from ingestion.providers.reading.headers import is_limit, requested_pause
from ingestion.providers.reading.received import Received
from ingestion.providers.reading.wholeness import limit_in

MAX_BODY = 8 * 1024 * 1024
_SERVER_FAILED, _NO_CONTENT = 500, 204

Class = Literal["data", "no data", "refused", "limited", "broken"]


class Rules(Protocol):
    """What a contract says of answers (``core.feeds.rest.settings.Call``)."""

    @property
    def format(self) -> str: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def limited(self) -> Path | None: ...
    @property
    def refused(self) -> Path | None: ...
    @property
    def no_data(self) -> Path | None: ...
    @property
    def broken(self) -> Path | None: ...
    @property
    def no_data_status(self) -> tuple[int, ...]: ...
    @property
    def limited_status(self) -> tuple[int, ...]: ...
    @property
    def refused_status(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class PlainRules:
    """The rules of an API of which no contract says anything."""

    format: str = "json"
    delimiter: str = ","
    limited: Path | None = None
    refused: Path | None = None
    no_data: Path | None = None
    broken: Path | None = None
    no_data_status: tuple[int, ...] = ()
    limited_status: tuple[int, ...] = ()
    refused_status: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is to be read: its document (None for an empty body).

    ``names`` are those of a CSV's first line. ``provider_time`` is the clock of whoever sent it, ``made_at`` when it
    was made, by that clock.
    """

    document: object
    provider_time: datetime | None
    evidence: Evidence
    next_link: str = ""
    size: int = 0
    made_at: datetime | None = None
    names: tuple[str, ...] | None = None


def classify(answer: Received, rules: Rules, values: Mapping[str, str] | None = None) -> Reply | Answer:
    """The document of an answer that may have data, or what the answer is instead.

    ``values`` fill the placeholders of the rules.
    """
    evidence, status = answer.evidence, answer.status
    if is_limit(status, answer.headers) or status in rules.limited_status:
        return Limited(_pause(answer), evidence)
    if len(answer.body) > MAX_BODY:
        return Broken(f"more than {MAX_BODY} bytes", evidence)
    document, unreadable, names = _document(answer, rules)
    if not unreadable and status < _SERVER_FAILED and (said := _own_word(answer, document, rules, values or {})):
        return said
    if status in (401, 403) or status in rules.refused_status:
        return NotEntitled("token" if status == 401 else "resource", evidence)
    if unreadable:
        return Broken(unreadable if _is_good(status, rules) else f"status {status}", evidence)
    if status in rules.no_data_status:
        return NoData(evidence)
    if not 200 <= status < 300:
        return Broken(f"status {status}", evidence)
    size = len(answer.body)
    return Reply(document, answer.provider_time, evidence, answer.next_link, size, answer.made_at, names)


def class_of(answer: Answer) -> tuple[Class, str]:
    """The class of an answer, and why it is of that class."""
    match answer:
        case Data():
            return "data", answer.partial or ("the answer says that it is whole" if answer.whole else "")
        case NoData():
            return "no data", "the answer says that it is whole" if answer.whole else ""
        case NotEntitled(what="token"):
            return "refused", "the token is refused"
        case NotEntitled():
            return "refused", "the token is good, but not for this"
        case Limited():
            return "limited", "" if answer.retry_after is None else f"for {answer.retry_after:g} s"
        case Broken():
            return "broken", answer.reason


def _is_good(status: int, rules: Rules) -> bool:
    return 200 <= status < 300 or status in rules.no_data_status


def _own_word(answer: Received, document: object, rules: Rules, values: Mapping[str, str]) -> Answer | None:
    """The class that the body itself tells, by the contract's rules or by the code of a limit."""
    if _holds(rules.limited, document, values) or limit_in(document):
        return Limited(_pause(answer), answer.evidence)
    if _holds(rules.refused, document, values):
        return NotEntitled("resource", answer.evidence)
    if _holds(rules.broken, document, values):
        return Broken("the contract calls such an answer broken", answer.evidence)
    if _holds(rules.no_data, document, values):
        return NoData(answer.evidence)
    return None


def _holds(rule: Path | None, document: object, values: Mapping[str, str]) -> bool:
    try:
        return rule is not None and rule.search(document, values) is True
    except JMESPathError:  # the document is of another form than the rule is about
        return False


def _pause(answer: Received) -> float | None:
    return requested_pause(answer.headers, answer.provider_time or datetime.now(UTC))


def _document(answer: Received, rules: Rules) -> tuple[object, str, tuple[str, ...] | None]:
    """The document, why there is none, and the names of a CSV, which has them where it has nothing else."""
    kind = _form(answer, rules)
    try:
        if not answer.body.strip():
            is_list = rules.format == "ndjson" or (rules.format == "csv" and answer.status == _NO_CONTENT)
            return ([] if is_list else None), "", None
        if kind == "csv":
            names, records = _table(answer.body, rules.delimiter)
            return records, "", names
        if kind == "ndjson":
            return [read_exact(line) for line in answer.body.splitlines() if line.strip()], "", None
        return read_exact(answer.body), "", None
    except (ValueError, csv.Error):
        return None, f"no {rules.format.upper()} ({answer.headers.get('Content-Type', 'no content type')})", None


def _form(answer: Received, rules: Rules) -> str:
    """The form of the body: errors are told in JSON, or in HTML, where data would be a CSV."""
    is_error = rules.format == "csv" and answer.body.lstrip()[:1] in (b"<", b"{")
    return rules.format if _is_good(answer.status, rules) and not is_error else "json"


def _table(body: bytes, delimiter: str) -> tuple[tuple[str, ...], list[dict[str, str | None]]]:
    """The names, and the lines below them. Raises ``ValueError`` where a line has other cells; an empty one is null."""
    rows = csv.reader(io.StringIO(body.decode("utf-8-sig")), delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(rows, [])]
    if len(set(names)) < len(names):
        raise ValueError("a name twice")
    records = []
    for row in rows:
        if row and len(row) != len(names):
            raise ValueError("a line of another length")
        if row:
            records.append({name: cell or None for name, cell in zip(names, row, strict=True)})
    return tuple(names), records
