"""Parameters against what the objects prove."""

from __future__ import annotations

import pytest
from tests.fakes.parameters import MemoryParameters
from tests.support.audited import CLOCK

from auditor.databases.arrivals import Arrivals
from auditor.databases.memory import TableMemory
from auditor.databases.parameters import read_parameters, wrong_parameters
from core.audit.findings import WrongParameter
from core.landing.state import ParameterNames

NAMES = ParameterNames("/p/e", "shop")
RIGHT = {
    NAMES.timestamp("orders"): "2026-11-20T15:00:00.000000Z",
    NAMES.sequential_id("orders"): "7",
    NAMES.latest_object("orders"): "6",
}
ARRIVALS = Arrivals("orders", (), CLOCK, TableMemory(), newest=7, processed=6, durable=CLOCK)


def wrong(
    store: MemoryParameters, before: dict[str, str] | None = None, *, settled: bool = True
) -> list[WrongParameter]:
    known = before if before is not None else dict(read_parameters(store, NAMES, ["orders"]))
    return wrong_parameters(store, NAMES, [ARRIVALS], {"orders": settled}, known)


def test_parameters_that_say_what_the_objects_say_are_right_however_the_instant_is_spelt() -> None:
    assert wrong(MemoryParameters(RIGHT)) == []
    assert wrong(MemoryParameters({**RIGHT, NAMES.timestamp("orders"): "2026-11-20T15:00:00+00:00"})) == []


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("text", ["5", "2026-11-20T14:00:00Z", "nonsense"])
def test_a_wrong_parameter_is_found_with_what_would_be_right(name: str, text: str) -> None:
    [finding] = wrong(MemoryParameters({**RIGHT, name: text}))
    assert finding == WrongParameter("shop", name, text, RIGHT[name])


def test_a_parameter_that_changed_during_the_scan_or_whose_table_is_not_settled_is_passed_over() -> None:
    stale = {**RIGHT, NAMES.latest_object("orders"): "5"}
    assert wrong(MemoryParameters(stale), {**stale, NAMES.latest_object("orders"): "4"}) == []
    assert wrong(MemoryParameters(stale), settled=False) == []
