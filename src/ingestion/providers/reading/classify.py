"""The class of one answer: data to be read, nothing, a refusal, a limit, or nonsense. Pure.

The contract's rules about the body come first, then its lists of statuses, then what HTTP says. A page of HTML is no
word of the API's, whatever its status is listed for.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from typing import Literal, Protocol

from jmespath.exceptions import JMESPathError

from core.audit.history import Evidence
from core.feeds.rest.templates import Path
from ingestion.providers.answers import Answer, Broken, Data, Limited, NoData, NotEntitled
from ingestion.providers.reading.exact_json import TwoValues, read_exact
from ingestion.providers.reading.headers import is_limit, requested_pause
from ingestion.providers.reading.received import Received
from ingestion.providers.reading.wholeness import is_of_errors, limit_in

MAX_BODY = 8 * 1024 * 1024
_SERVER_FAILED, _NO_CONTENT = 500, 204

_NUMBER = re.compile(r"[+-]?(\d+)(?:\.(\d+))?")

Class = Literal["data", "no data", "refused", "limited", "broken"]


class Rules(Protocol):
    """What a contract says of answers (``core.feeds.rest.settings.Call``)."""

    @property
    def format(self) -> str: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def records(self) -> Path | None: ...
    @property
    def shape(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, Path]: ...
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
    records: Path | None = None
    shape: str = "rows"
    fields: Mapping[str, Path] = field(default_factory=dict)
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

    ``names`` are those of a CSV's first line; lines that ``is_open`` may have been cut between two of them.
    ``provider_time`` is the clock of whoever sent it, ``made_at`` when it was made, by that clock.
    """

    document: object
    provider_time: datetime | None
    evidence: Evidence
    next_link: str = ""
    size: int = 0
    made_at: datetime | None = None
    names: tuple[str, ...] | None = None
    is_open: bool = False


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
    if answer.end == "cut" and rules.format != "json":  # a document that was cut is none
        return Broken("it was cut: what it is compressed by has no end", evidence)
    size = len(answer.body)
    is_open = answer.end != "told" and rules.format != "json"
    return Reply(document, answer.provider_time, evidence, answer.next_link, size, answer.made_at, names, is_open)


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
    is_limit = limit_in(document) and not _is_record(document, rules, values)
    if _holds(rules.limited, document, values) or is_limit:
        return Limited(_pause(answer), answer.evidence)
    if _holds(rules.refused, document, values):
        return NotEntitled("resource", answer.evidence)
    if _holds(rules.broken, document, values):
        return Broken("the contract calls such an answer broken", answer.evidence)
    if _holds(rules.no_data, document, values):
        return NoData(answer.evidence)
    return None


def _is_record(document: object, rules: Rules, values: Mapping[str, str]) -> bool:
    """Whether a document is what the contract asks for, by a field of it whose name is no error's: 418 is Laos, too."""
    try:
        content = rules.records.search(document, values) if rules.records is not None else None
        if rules.shape in ("map", "entities"):
            content = [value for name, value in _entries(content) if not is_of_errors(name)]
        for record in content if isinstance(content, list) else [content]:
            for path in rules.fields.values():
                if not is_of_errors(path.text) and path.search(record, values) not in (None, [], {}):
                    return True
    except (JMESPathError, ValueError):
        pass
    return False


def _entries(content: object) -> list[tuple[str, object]]:
    return [(str(name), value) for name, value in content.items()] if isinstance(content, Mapping) else []


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
            names, records = _table(_text(answer), rules.delimiter, is_open=answer.end == "unknown")
            return records, "", names
        if kind == "ndjson":
            return [read_exact(line) for line in _utf8(answer).splitlines() if line.strip()], "", None
        return read_exact(_utf8(answer)), "", None
    except TwoValues as error:
        return None, f"no document with one meaning ({error})", None
    except (ValueError, csv.Error):
        return None, f"no {rules.format.upper()} ({answer.headers.get('Content-Type', 'no content type')})", None


def _form(answer: Received, rules: Rules) -> str:
    """The form of the body: errors are told in JSON, or in HTML, where data would be a CSV."""
    is_error = rules.format == "csv" and answer.body.lstrip()[:1] in (b"<", b"{")
    return rules.format if _is_good(answer.status, rules) and not is_error else "json"


def _charset(answer: Received) -> str:
    """The charset that the Content-Type names, empty where it names none that is known."""
    message = Message()
    message["Content-Type"] = answer.headers.get("Content-Type", "")
    try:
        return codecs.lookup(str(message.get_content_charset() or "")).name
    except LookupError:
        return ""


def _text(answer: Received) -> str:
    """The text of a CSV: UTF-8 where it is that, for many name another charset by habit; else as its charset says.

    Of a body of neither, what is no UTF-8 is half a character, which spoils its own cell alone. Raises ``ValueError``.
    """
    charset = _charset(answer)
    if charset.startswith(("utf-16", "utf-32")):
        return answer.body.decode(charset)
    try:
        return answer.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        if charset and charset != "utf-8":
            return answer.body.decode(charset)
        return answer.body.decode("utf-8-sig", "surrogateescape")


def _utf8(answer: Received) -> bytes:
    """The body of a document, in UTF-8 where its charset is another one of bytes. Raises ``ValueError``."""
    charset = _charset(answer)
    if charset in ("", "utf-8", "ascii") or charset.startswith(("utf-16", "utf-32")):
        return answer.body
    try:
        answer.body.decode()
    except UnicodeDecodeError:
        return answer.body.decode(charset).encode()
    return answer.body


def _table(text: str, delimiter: str, *, is_open: bool) -> tuple[tuple[str, ...], list[dict[str, object]]]:
    """The names, and the lines below them. Raises ``ValueError`` where a line has other cells; an empty one is null.

    A cell that cannot be read is an error of its own (its field is spoilt, no other); so is the last one of a body that
    ``is_open``, has no line's end behind it, and has a cell of another form than all above it.
    """
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(rows, [])]
    if len(set(names)) < len(names):
        raise ValueError("a name twice")
    records: list[dict[str, object]] = []
    for row in rows:
        if row and len(row) != len(names):
            raise ValueError("a line of another length")
        if row:
            records.append({name: _cell(cell) for name, cell in zip(names, row, strict=True)})
    if is_open and names and len(records) > 1 and not text.endswith(("\n", "\r")):
        forms = {_form_of(record[names[-1]]) for record in records[:-1]}
        if _form_of(records[-1][names[-1]]) not in forms:
            records[-1][names[-1]] = ValueError("the answer may have been cut within it")
    return tuple(names), records


def _cell(cell: str) -> object:
    if not cell:
        return None
    is_text = cell.isascii() or not any("\ud800" <= character <= "\udfff" for character in cell)
    return cell if is_text else ValueError("its text is no UTF-8, and the answer names no other charset")


def _form_of(cell: object) -> object:
    """The digits before and behind the point of a number; of any other cell itself."""
    match = _NUMBER.fullmatch(cell) if isinstance(cell, str) else None
    return (len(match[1]), len(match[2] or "")) if match else cell
