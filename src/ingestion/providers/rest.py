"""The client of any JSON API that ``core.feeds.rest_spec`` can describe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from core.errors import BadContract
from core.feeds.calendar import slot_of
from core.feeds.rest_spec import CallSpec, RestSpec
from ingestion.providers.answers import Answer, Broken, Data, NoData, Point
from ingestion.providers.web import Reply, Web

_PLACEHOLDER = re.compile(r"\{(entity|start|end)\}")


class Rest:
    """The provider for one cadence, ``every`` seconds: history must lie on that grid."""

    def __init__(self, web: Web, spec: RestSpec, *, every: int) -> None:
        self._web = web
        self._spec = spec
        self._every = every

    def live(self, entity: str) -> Answer:
        call = self._required(self._spec.live, "live")
        reply = self._get(call, {"entity": entity})
        if not isinstance(reply, Reply):
            return reply
        points = self._points(call, reply)
        if isinstance(points, tuple) and len(points) > 1:
            return Broken(f"{len(points)} records where one was asked for", reply.evidence)
        if (
            isinstance(points, tuple)
            and reply.provider_time
            and self._is_of_another_slot(points[0], reply.provider_time)
        ):
            return Broken("a record of another slot than the provider's clock shows", reply.evidence)
        return self._answer(points, reply)

    def history(self, entity: str, start: datetime, end: datetime) -> Answer:
        call = self._required(self._spec.history, "history")
        last = end - timedelta(seconds=self._every) if call.end_inclusive else end
        times = {"start": self._spec.write_time(start), "end": self._spec.write_time(last)}
        reply = self._get(call, {"entity": entity, **times})
        if not isinstance(reply, Reply):
            return reply
        points = self._points(call, reply)
        if isinstance(points, tuple):
            instants = [point.time for point in points if point.time is not None]
            if any(not start <= instant < end for instant in instants):
                return Broken("records of another interval than asked for", reply.evidence)
            if any(instant.timestamp() % self._every for instant in instants) or len(set(instants)) != len(instants):
                return Broken("records of another cadence than asked for", reply.evidence)
        return self._answer(points, reply)

    def _is_of_another_slot(self, point: Point, provider_time: datetime | None) -> bool:
        if point.time is None or provider_time is None:
            return False
        return slot_of(point.time.timestamp(), self._every) != slot_of(provider_time.timestamp(), self._every)

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

    def _points(self, call: CallSpec, reply: Reply) -> tuple[Point, ...] | NoData | Broken:
        """The answer's records; ``NoData`` where the API says so or lists none."""
        if reply.status in call.no_data_status:
            return NoData(reply.evidence)
        try:
            if call.no_data is not None and call.no_data.search(reply.document) is True:
                return NoData(reply.evidence)
            content = call.records.search(reply.document)
            if content is None:
                return Broken("no records where the contract says they are", reply.evidence)
            records = tuple(_records(call, content))
            filled = [record for record in records if any(record[name] is not None for name in call.fields)]
            if records and not filled:
                return Broken("records without any of the fields that the contract names", reply.evidence)
            points = tuple(self._point(call, values) for values in filled)
        except (ValueError, JMESPathError) as error:
            return Broken(f"records that the contract does not describe ({error})", reply.evidence)
        return points or NoData(reply.evidence)

    def _point(self, call: CallSpec, values: Mapping[str, object]) -> Point:
        fields = {name: values[name] for name in call.fields}
        if call.time is None:
            return Point(None, fields)
        return Point(self._spec.read_time(values[_TIME]), fields)

    @staticmethod
    def _answer(points: tuple[Point, ...] | NoData | Broken, reply: Reply) -> Answer:
        if not isinstance(points, tuple):
            return points
        if reply.provider_time is None:
            return Broken("no Date header, so nobody knows which slot this is", reply.evidence)
        return Data(points, reply.provider_time, reply.evidence)


_TIME = "\0time"  # no field of a line has this name


def _records(call: CallSpec, content: object) -> Iterator[Mapping[str, object]]:
    """The values of each record by field of the line. Raises ``ValueError`` where the shape is another."""
    paths: dict[str, ParsedResult] = dict(call.fields)
    if call.time is not None:
        paths[_TIME] = call.time
    if call.shape == "columns":
        columns = {name: path.search(content) for name, path in paths.items()}
        if any(not isinstance(column, list) for column in columns.values()):
            raise ValueError("a column that is no array")
        if len({len(column) for column in columns.values()}) != 1:
            raise ValueError("columns of different lengths")
        for row in zip(*columns.values(), strict=True):
            yield dict(zip(columns, row, strict=True))
        return
    for record in content if isinstance(content, list) else [content]:
        yield {name: path.search(record) for name, path in paths.items()}
