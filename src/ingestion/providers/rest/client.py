"""The client of any JSON API that ``core.feeds.rest_spec`` can describe."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from core.errors import BadContract
from core.feeds.calendar import slot_of
from core.feeds.rest_spec import CallSpec, RestSpec
from ingestion.providers.answers import Answer, Broken, Data, Limited, NoData, Point, always
from ingestion.providers.reading.slots import Record, fit
from ingestion.providers.reading.wholeness import error_in
from ingestion.providers.rest.pages import Pages, read_pages
from ingestion.providers.transport.web import Reply, Web

_PLACEHOLDER = re.compile(r"\{(entity|start|end)\}")
_TIME = "\0time"  # no field of a line has this name
_UNREADABLE = (ValueError, TypeError, ArithmeticError, JMESPathError, RecursionError)


class Rest:
    """The provider for one cadence, ``every`` seconds. ``taken`` names the fields that columns take (None: all)."""

    def __init__(self, web: Web, spec: RestSpec, *, every: int, taken: Collection[str] | None = None) -> None:
        self._web = web
        self._spec = spec
        self._every = every
        self._taken = taken

    def live(self, entity: str) -> Answer:
        call = self._required(self._spec.live, "live")
        reply = self._get(call, {"entity": entity})
        if not isinstance(reply, Reply):
            return reply
        records = self._records(call, reply)
        if not isinstance(records, list):
            return records
        filled = [record for record in records if not record.is_empty]
        if not filled:
            return NoData(reply.evidence)
        if len(filled) > 1:
            return Broken(f"{len(filled)} records where one was asked for", reply.evidence)
        record = filled[0]
        if record.reason:
            return Broken(f"a record that the contract does not describe ({record.reason})", reply.evidence)
        if reply.provider_time is None:
            return Broken("no Date header, so nobody knows which slot this is", reply.evidence)
        if record.time is not None and self._are_of_other_slots(record.time, reply.provider_time):
            return Broken("a record of another slot than the provider's clock shows", reply.evidence)
        return Data((Point(record.time, record.values),), reply.provider_time, reply.evidence)

    def history(self, entity: str, start: datetime, end: datetime, *, turn: Callable[[], bool] = always) -> Answer:
        call = self._required(self._spec.history, "history")
        last = end - timedelta(seconds=self._every) if call.end_inclusive else end
        times = {"start": self._spec.write_time(start), "end": self._spec.write_time(last)}
        reply = self._get(call, {"entity": entity, **times})
        pages = read_pages(call, reply, self._web, self._records, turn=turn) if isinstance(reply, Reply) else reply
        if not isinstance(pages, Pages):
            return pages
        evidence, clock = pages.first.evidence, pages.first.provider_time
        if pages.records and all(record.time is None for record in pages.records):
            return Broken(f"records that the contract does not describe ({pages.records[0].reason})", evidence)
        fitted = fit(pages.records, start=start, end=end, every=self._every, align=call.align, keep=call.keep)
        if fitted.elsewhere:
            return Broken("records of another interval than asked for", evidence)
        if fitted.is_nonsense:
            return Broken(fitted.bad[0].reason, evidence)
        partial = pages.partial or fitted.partial
        if fitted.points or fitted.bad or partial:
            return Data(fitted.points, clock, evidence, fitted.bad, whole=pages.whole and not partial, partial=partial)
        return NoData(evidence, whole=pages.whole)

    def _are_of_other_slots(self, time: datetime, provider_time: datetime) -> bool:
        return slot_of(time.timestamp(), self._every) != slot_of(provider_time.timestamp(), self._every)

    def _required(self, call: CallSpec | None, name: str) -> CallSpec:
        if call is None:
            raise BadContract("ask a rest provider", f"rest.{name}", "is not described", f"Describe the {name} call")
        return call

    def _get(self, call: CallSpec, values: Mapping[str, str]) -> Reply | Answer:
        path = _PLACEHOLDER.sub(lambda match: quote(values[match[1]], safe=""), call.path)
        query = {
            name: _PLACEHOLDER.sub(lambda match: values[match[1]], template) for name, template in call.query.items()
        }
        return self._web.get(path, query, accepted=call.no_data_status)

    # ------------------------------------------------------------ records

    def _records(self, call: CallSpec, reply: Reply) -> list[Record] | Answer:
        """The answer's records, each read for itself; another answer where there are none to be read.

        ``NoData`` where the API says so or lists none; an error that it names beside an empty list is no such word.
        """
        evidence = reply.evidence
        if reply.status in call.no_data_status:
            return NoData(evidence)
        try:
            if call.limited is not None and call.limited.search(reply.document) is True:
                return Limited(None, evidence)
            if call.no_data is not None and call.no_data.search(reply.document) is True:
                return NoData(evidence)
            content = call.records.search(reply.document)
            if content is None:
                return Broken(_without_records(reply.document), evidence)
            raw = list(_rows(self._paths(call), content, call.shape))
        except _UNREADABLE as error:
            return Broken(f"records that the contract does not describe ({error})", evidence)
        if not raw and (error_text := error_in(reply.document)):
            return Broken(f"an error instead of records ({error_text})", evidence)
        records = [self._record(call, values, row) for values, row in raw]
        if records and all(record.is_empty for record in records) and not self._has_fields(call, raw):
            return Broken("records without any of the fields that the contract names", evidence)
        return records

    def _paths(self, call: CallSpec) -> dict[str, ParsedResult]:
        """The places of the fields that columns take, and of the time."""
        taken = {name: path for name, path in call.fields.items() if self._taken is None or name in self._taken}
        return {**(taken or call.fields), **({_TIME: call.time} if call.time is not None else {})}

    def _record(self, call: CallSpec, values: Mapping[str, object], content: object) -> Record:
        """One record; ``reason`` says what of it cannot be read."""
        fields = {name: value for name, value in values.items() if name != _TIME}
        is_empty = all(value is None for value in fields.values())
        if call.time is None:
            return Record(None, fields, content, is_empty=is_empty)
        if isinstance(values[_TIME], Exception):
            return Record(None, {}, content, str(values[_TIME]))
        try:
            time = self._spec.read_time(values[_TIME])
        except _UNREADABLE as error:
            return Record(None, {}, content, str(error)[:100])
        spoilt = [value for value in fields.values() if isinstance(value, Exception)]
        return Record(time, fields, content, str(spoilt[0])[:100] if spoilt else "", is_empty)

    def _has_fields(self, call: CallSpec, raw: list[tuple[dict[str, Any], object]]) -> bool:
        """Whether some record has one of the fields, if only as null: then the contract fits, and there is nothing."""
        if call.shape == "columns":
            return True  # a column that is not there was no array
        paths = [path for name, path in self._paths(call).items() if name != _TIME]
        return any(_is_there(path.parsed, row) for _, row in raw for path in paths)


def _without_records(document: object) -> str:
    error = error_in(document)
    return f"an error instead of records ({error})" if error else "no records where the contract says they are"


def _rows(paths: Mapping[str, ParsedResult], content: object, shape: str) -> Iterator[tuple[dict[str, Any], object]]:
    """The values of each record by field, and the record. Raises ``ValueError`` where the shape is another."""
    if shape == "columns":
        columns = {name: path.search(content) for name, path in paths.items()}
        if any(not isinstance(column, list) for column in columns.values()):
            raise ValueError("a column that is no array")
        if len({len(column) for column in columns.values()}) != 1:
            raise ValueError("columns of different lengths")
        for row in zip(*columns.values(), strict=True):
            values = dict(zip(columns, row, strict=True))
            yield values, {name.strip("\0"): value for name, value in values.items()}
        return
    for record in content if isinstance(content, list) else [content]:
        yield {name: _value(path, record) for name, path in paths.items()}, record


def _value(path: ParsedResult, record: object) -> object:
    """The value, or the error of this one field: a record of another form is not the others' fault."""
    try:
        return path.search(record)
    except _UNREADABLE as error:
        return error


def _is_there(node: Mapping[str, Any], record: object) -> bool:
    """Whether a path of names leads to a key of the record; what is no such path counts as being there."""
    if node["type"] == "field":
        return isinstance(record, Mapping) and node["value"] in record
    if node["type"] == "subexpression" and all(child["type"] == "field" for child in node["children"]):
        outer, inner = node["children"]
        return _is_there(outer, record) and _is_there(inner, record[outer["value"]])  # type: ignore[index]
    return True
