"""A table's state in Parameter Store: its timestamp and its sequential id.

Functions of one table raise ``UnknownTable`` (a KeyError) where no parameter was made for it. All of them raise
``OutOfReach`` (a ConnectionError), saying what and where, when Parameter Store does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.errors import InvalidData, UnknownTable
from core.landing.state import ParameterNames, StoredState, TableState, check_next_id, parse_id, parse_timestamp
from core.ports import ParameterStore
from core.time import format_instant


def read_timestamp(parameters: ParameterStore, names: ParameterNames, table: str) -> datetime:
    """The aware instant before which the table's rows are durable. Raises ``InvalidData`` where the text is none."""
    name = names.timestamp(table)
    return parse_timestamp(parameters.get(name), name=name)


def write_timestamps(parameters: ParameterStore, names: ParameterNames, timestamps: Mapping[str, datetime]) -> None:
    """Write back the dictionary of timestamps by table; an unknown table is refused before anything is written."""
    wanted = {names.timestamp(table): at for table, at in timestamps.items()}
    known = parameters.get_many(list(wanted))
    for name in wanted:
        if name not in known:
            remedy = "Add the table to a contract and deploy: Terraform makes its parameters"
            raise UnknownTable("write timestamp", name, "no such parameter", remedy)
    for name, at in wanted.items():
        if known[name] != format_instant(at):
            parameters.put(name, format_instant(at))


def read_sequential_id(parameters: ParameterStore, names: ParameterNames, table: str) -> int:
    """The number of the table's newest object, 0 before the first. Raises ``InvalidData`` where the text is none."""
    name = names.sequential_id(table)
    return parse_id(parameters.get(name), name=name)


def write_sequential_id(parameters: ParameterStore, names: ParameterNames, table: str, number: int) -> None:
    """Advance the table's id; raises ``IdOutOfOrder`` unless it is exactly one greater than the stored one."""
    name = names.sequential_id(table)
    check_next_id(parse_id(parameters.get(name), name=name), number, name=name)
    parameters.put(name, str(number))


# ---------------------------------------------------------------- as the pass uses them


def advance(parameters: ParameterStore, names: ParameterNames, table: str, *, until: datetime, number: int) -> None:
    """Write the state after a durable object: first the timestamp, then the id.

    Raises ``IdOutOfOrder``, with nothing written, where another extraction has been faster.
    """
    check_next_id(read_sequential_id(parameters, names, table), number, name=names.sequential_id(table))
    write_timestamps(parameters, names, {table: until})
    write_sequential_id(parameters, names, table, number)


def read_stored(parameters: ParameterStore, names: ParameterNames, tables: Sequence[str]) -> dict[str, StoredState]:
    """The parameters of each table, ten in one call; what is missing or corrupt is None."""
    wanted = [name(table) for table in tables for name in (names.timestamp, names.sequential_id)]
    values = parameters.get_many(wanted)
    return {table: _stored(values, names, table) for table in tables}


def _stored(values: Mapping[str, str], names: ParameterNames, table: str) -> StoredState:
    timestamp, number = names.timestamp(table), names.sequential_id(table)
    try:
        at = parse_timestamp(values[timestamp], name=timestamp)
    except (KeyError, InvalidData):
        at = None
    try:
        return StoredState(at, parse_id(values[number], name=number))
    except (KeyError, InvalidData):
        return StoredState(at, None)


def rebuild(parameters: ParameterStore, names: ParameterNames, table: str, state: TableState) -> None:
    """Write the parameters as the objects prove them; nothing is written where they are right already.

    The only place where an id may go on by more than one: the objects that it counts were listed.
    """
    if state.write_timestamp is not None:
        parameters.put(names.timestamp(table), format_instant(state.write_timestamp))
    if state.write_number is not None:
        parameters.put(names.sequential_id(table), str(state.write_number))
