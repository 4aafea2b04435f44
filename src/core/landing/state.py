"""The state of extraction: for each table the start and the number of its next object.

The objects are the truth (``core.landing.ingest_objects``), the parameters a cache of it, which spares listing them
all:

- ``timestamp``: ISO 8601 in UTC with microseconds. Every row with an older cursor is durable.
- ``sequential_id``: the number of the newest object, 0 before the first.
- ``latest_object``: the number of the newest object that was processed.

They advance after the object, first the timestamp, then the id. So both may lag behind the objects, and neither runs
ahead of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.errors import IdOutOfOrder, InvalidData
from core.landing.ingest_objects import EPOCH, START, ObjectFacts, Position
from core.time import format_instant, parse_instant

FIRST_TIMESTAMP = format_instant(EPOCH)
FIRST_ID = "0"
TIMESTAMP, SEQUENTIAL_ID, LATEST_OBJECT = "timestamp", "sequential_id", "latest_object"


# ---------------------------------------------------------------- parameters


@dataclass(frozen=True, slots=True)
class ParameterNames:
    """The names of a dataset's parameters; ``prefix`` is ``/<project>/<environment>``."""

    prefix: str
    dataset: str

    def timestamp(self, table: str) -> str:
        """Every row with an older cursor is durable."""
        return self._name(table, TIMESTAMP)

    def sequential_id(self, table: str) -> str:
        """The number of the newest object."""
        return self._name(table, SEQUENTIAL_ID)

    def latest_object(self, table: str) -> str:
        """The number of the newest object that was processed."""
        return self._name(table, LATEST_OBJECT)

    def _name(self, table: str, parameter: str) -> str:
        return f"{self.prefix}/{self.dataset}/{table}/{parameter}"


def parse_timestamp(text: str, *, name: str) -> datetime:
    """A timestamp parameter's text as an aware instant. Raises ``InvalidData`` where it is none."""
    try:
        at = parse_instant(text)
    except ValueError as error:
        raise _corrupt(name, text, "no ISO 8601 time") from error
    if at.tzinfo is None:
        raise _corrupt(name, text, "a time without zone")
    return at


def parse_id(text: str, *, name: str) -> int:
    """A sequential id's text. Raises ``InvalidData`` where it is none."""
    if not (text.isascii() and text.isdigit()):
        raise _corrupt(name, text, "no whole number")
    return int(text)


def _corrupt(name: str, text: str, problem: str) -> InvalidData:
    by = "audit" if name.endswith(f"/{LATEST_OBJECT}") else "extraction"
    remedy = f"The next {by} rebuilds it from the objects"
    return InvalidData("read parameter", name, f"{text[:60]!r} is {problem}", remedy)


def check_next_id(stored: int, new: int, *, name: str) -> None:
    """Raises ``IdOutOfOrder`` unless ``new`` is exactly one greater than the stored id."""
    if new != stored + 1:
        problem = f"{new} does not follow {stored}"
        raise IdOutOfOrder("write sequential id", name, problem, "Another extraction is at work, or an id was skipped")


# ---------------------------------------------------------------- adoption


@dataclass(frozen=True, slots=True)
class StoredState:
    """The values of a table's parameters; None where one is missing or cannot be read."""

    timestamp: datetime | None
    number: int | None


@dataclass(frozen=True, slots=True)
class TableState:
    """The start of a table's next object, and what has to be written to the parameters first.

    ``newest`` are the facts of the newest object. ``missing`` are the
    numbers that lie between the stored id and the newest object but have no object.
    """

    position: Position
    number: int
    newest: ObjectFacts | None = None
    write_timestamp: datetime | None = None
    write_number: int | None = None
    missing: tuple[int, ...] = ()
    newest_lost: bool = False

    @property
    def cut(self) -> bool:
        """Whether the newest object's interval was not finished."""
        return self.position.after is not None

    @property
    def durable_until(self) -> datetime:
        """Every row with an older cursor lies in an object."""
        return self.newest.durable_until if self.newest else self.position.at


def plan_adoption(stored: StoredState, beyond: Sequence[int], newest: ObjectFacts | None) -> TableState:
    """The state that the objects prove, and the parameters to write so that they say the same.

    ``beyond`` are the numbers of the objects after the stored id, ascending; ``newest`` are the facts of the last of
    them, or, where there is none, of the object that the stored id names (None: there is no such object).

    An object that is gone although the id names it leaves only the timestamp parameter to go by: it
    never ran ahead of what was durable. Its number is not given again; the hole is the auditor's to heal.
    """
    known = stored.number or 0
    number = beyond[-1] if beyond else known
    if newest is not None:
        position, lost = newest.next_position, False
    elif number == 0:
        position, lost = START, False
    else:
        position, lost = Position(stored.timestamp or EPOCH), True
    durable = newest.durable_until if newest else position.at
    present = set(beyond)
    return TableState(
        position=position,
        number=number,
        newest=newest,
        write_timestamp=durable if stored.timestamp != durable else None,
        write_number=number if stored.number != number else None,
        missing=tuple(hole for hole in range(known + 1, number) if hole not in present),
        newest_lost=lost,
    )


# ---------------------------------------------------------------- horizon


def safe_horizon(bound: datetime, *, margin: timedelta, precision: timedelta) -> datetime:
    """The horizon of a table: ``bound`` less the margin, which is at least one unit of the cursor's precision.

    ``bound`` is the start of the oldest open transaction, or the server's clock where none is open. A column of less
    than microsecond precision rounds half of all instants up or down.
    """
    return (bound - max(margin, precision)).astimezone(UTC)
