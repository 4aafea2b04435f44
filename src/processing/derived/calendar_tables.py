"""The calendar dimension: every day from the contract's first to its last, with the parts that analysts group by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.contract.model import CalendarPart, Table
from core.errors import PipelineBug
from core.warehouse.arrow_types import arrow_type

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_PARTS: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "date": lambda days: days,
    "year": pc.year,
    "month": pc.month,
    "day": pc.day,
    "day_of_week": lambda days: pc.day_of_week(days, count_from_zero=False, week_start=1),  # ISO: Monday is 1
    "day_name": lambda days: pa.array(_DAYS).take(pc.day_of_week(days, count_from_zero=True, week_start=1)),
    "month_name": lambda days: pa.array(_MONTHS).take(pc.subtract(pc.month(days), 1)),
    "quarter": pc.quarter,
}


def calendar_rows(table: Table) -> pa.Table:
    """The rows of a calendar: all days of ``[since, until]`` in order. Names are English."""
    first = np.datetime64(table.since, "D")
    last = np.datetime64(table.until, "D")
    days = pa.array(np.arange(first, last + 1), pa.date32())
    columns = {}
    for column in table.columns:
        rule = column.rule
        if not isinstance(rule, CalendarPart) or rule.part not in _PARTS:
            raise PipelineBug("make calendar", f"{table.name}.{column.name}", f"{rule!r} is no part of a day")
        columns[column.name] = _PARTS[rule.part](days).cast(arrow_type(column.type))
    return pa.table(columns)
