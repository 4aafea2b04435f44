"""The pipeline's parameters against the ingest objects: a wrong one costs time, or leads an extraction astray."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from auditor.databases.arrivals import Arrivals
from core.audit.findings import WrongParameter
from core.landing.state import ParameterNames
from core.ports import ParameterStore
from core.time import format_instant, parse_instant


def read_parameters(store: ParameterStore, names: ParameterNames, tables: Sequence[str]) -> Mapping[str, str]:
    """The values of these tables' parameters, read before the objects are scanned."""
    wanted = [name(table) for table in tables for name in (names.timestamp, names.sequential_id, names.latest_object)]
    return store.get_many(wanted)


def wrong_parameters(
    store: ParameterStore,
    names: ParameterNames,
    arrivals: Sequence[Arrivals],
    settled: Mapping[str, bool],
    before: Mapping[str, str],
) -> list[WrongParameter]:
    """The parameters that contradict the objects, both ``before`` these were scanned and after.

    Tables where something is on its way are passed over: an extraction stores its object first.
    """
    calm = [arrival for arrival in arrivals if settled[arrival.table]]
    wanted = [(name, right) for arrival in calm for name, right in _right(names, arrival)]
    stored = store.get_many([name for name, _ in wanted])
    return [
        WrongParameter(names.dataset, name, stored.get(name, ""), right)
        for name, right in wanted
        if not _says(stored.get(name, ""), right) and stored.get(name) == before.get(name)
    ]


def _right(names: ParameterNames, arrivals: Arrivals) -> Iterable[tuple[str, str]]:
    yield names.timestamp(arrivals.table), format_instant(arrivals.durable)
    yield names.sequential_id(arrivals.table), str(arrivals.newest)
    yield names.latest_object(arrivals.table), str(arrivals.processed)


def _says(text: str, right: str) -> bool:
    if text == right:
        return True
    try:
        return not right.isdigit() and parse_instant(text) == parse_instant(right)
    except ValueError:
        return False
