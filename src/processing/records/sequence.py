"""Sequential ids: a warning for objects that do not follow their predecessor, and the parameter with the newest id.

Events come in any order, so a warning may be false, where one object only overtook another; a hole that nobody notices
would cost rows. The parameter is a cache: losing it costs a false warning, never a row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from core.errors import InvalidData, StarmendError
from core.landing.state import ParameterNames, parse_id
from core.landing.zone import Landing
from processing.services import Services


def newest_known(services: Services, tables: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
    """The number of the newest processed object of each (dataset, table), where the parameters know it."""
    names = {_name(services, dataset, table): (dataset, table) for dataset, table in tables}
    known: dict[tuple[str, str], int] = {}
    try:
        values = services.parameters.get_many(list(names)) if names else {}
    except StarmendError as error:
        services.log.warning("the latest objects are not known", error=str(error))
        return known
    for name, text in values.items():
        try:
            known[names[name]] = parse_id(text, name=name)
        except InvalidData as error:
            services.log.warning("the latest object is not known", parameter=name, error=str(error))
    return known


def out_of_sequence(numbers: Iterable[int], newest: int, *, has_receipt: Callable[[int], bool]) -> dict[int, int]:
    """Number -> the number that was expected, for those that do not follow their predecessor.

    ``numbers`` are taken in order, so that a batch which holds 5 and 4 is whole. A number that is not new is a replay
    where it has a receipt, and else an object that others overtook.
    """
    wrong: dict[int, int] = {}
    for number in sorted(set(numbers)):
        if number > newest:
            if number != newest + 1:
                wrong[number] = newest + 1
            newest = number
        elif not has_receipt(number):
            wrong[number] = newest + 1
    return wrong


def remember_newest(services: Services, dataset: str, table: str, number: int) -> None:
    """Write the number of a table's newest object. A failure is a warning, for the parameter is a cache."""
    try:
        services.parameters.put(_name(services, dataset, table), str(number))
    except StarmendError as error:
        services.log.warning("the latest object was not written", dataset=dataset, table=table, error=str(error))


def receipt_exists(services: Services, landing: Landing) -> bool:
    """Whether an ingest object was processed to its end."""
    return services.records.stat(landing.receipt_key) is not None


def _name(services: Services, dataset: str, table: str) -> str:
    return ParameterNames(services.parameter_prefix, dataset).latest_object(table)
