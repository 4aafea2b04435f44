"""Lines tried under a contract: what processing would make of them, by processing's own code, written nowhere."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from core.contract.model import Contracts
from core.warehouse.current_state import inputs_of
from processing.derived.dimensions import dimension_rows
from processing.lines.parsed import Rejected
from processing.parse_object import ParsedObject, parse_object
from processing.plan import SourcePlan, plan_source
from processing.shape import Origin


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that the contract refuses: where it stood, why, and its beginning."""

    place: str
    line: int
    reason: str
    content: str


@dataclass(frozen=True, slots=True)
class TableTrial:
    """A source table tried: counts of lines, refusals, fields that the contract does not know.

    ``halted`` says why processing would take nothing of an object; ``problem`` why nothing could be tried.
    """

    table: str
    lines: int = 0
    accepted: int = 0
    outside: int = 0
    refused: tuple[Refusal, ...] = ()
    unknown: tuple[str, ...] = ()
    halted: tuple[str, ...] = ()
    problem: str = ""

    @property
    def fine(self) -> bool:
        """Whether every line became rows."""
        return not (self.problem or self.halted or self.refused)


@dataclass(frozen=True, slots=True)
class Trial:
    """A dataset tried: its source tables, and by table of the star how many rows came out, and the first of them.

    ``partition`` among a row's columns is where it would lie.
    """

    dataset: str
    sources: tuple[TableTrial, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def fine(self) -> bool:
        """Whether the contract takes everything that was tried."""
        return all(source.fine for source in self.sources)


@dataclass(frozen=True, slots=True)
class Body:
    """Lines of one source table: an ingest object, or rows of the source. ``problem``: there are none, and why."""

    table: str
    place: str
    lines: bytes = b""
    problem: str = ""


def try_bodies(contracts: Contracts, dataset: str, bodies: Sequence[Body], *, now: datetime, shown: int) -> Trial:
    """Parse, check and shape the bodies as processing does; ``shown`` rows of each table of the star are kept."""
    contract = contracts.dataset(dataset)
    origin = Origin(contract, contracts, now)
    sources: list[TableTrial] = []
    star: dict[str, list[dict[str, Any]]] = {}
    states: dict[str, pa.Table] = {}
    for name in dict.fromkeys(body.table for body in bodies):
        plan = plan_source(contract, name)
        of_table = [body for body in bodies if body.table == name]
        parsed = [(body, _parsed(body, plan, origin, now)) for body in of_table if not body.problem]
        sources.append(_account(name, of_table, parsed))
        parts = [part for _, outcome in parsed for part in outcome.parts]
        for part in parts:
            if part.table != plan.current:
                placed = {"partition": part.path} if part.path else {}
                star.setdefault(part.table.name, []).extend(placed | row for row in part.rows.to_pylist())
        current = [part.rows for part in parts if part.table == plan.current]
        if current:
            states[name] = pa.concat_tables(current)
    for table in contract.tables:
        if table.kind == "dimension" and states.keys() & {*inputs_of(table)}:
            star[table.name] = dimension_rows(table, states, origin).to_pylist()
    counts = {name: len(rows) for name, rows in star.items()}
    return Trial(dataset, tuple(sources), counts, {name: rows[:shown] for name, rows in star.items()})


def _parsed(body: Body, plan: SourcePlan, origin: Origin, now: datetime) -> ParsedObject:
    return parse_object(io.BytesIO(body.lines), plan, origin, place=body.place, now=now, timer=time.perf_counter)


def _account(name: str, bodies: Sequence[Body], parsed: Sequence[tuple[Body, ParsedObject]]) -> TableTrial:
    return TableTrial(
        table=name,
        lines=sum(outcome.lines_in for _, outcome in parsed),
        accepted=sum(outcome.accepted for _, outcome in parsed),
        outside=sum(outcome.outside_lines for _, outcome in parsed),
        refused=tuple(_refusal(body, line) for body, outcome in parsed for line in outcome.rejected),
        unknown=tuple(dict.fromkeys(field for _, outcome in parsed for field in outcome.unknown)),
        halted=tuple(f"{body.place}: {outcome.halted}" for body, outcome in parsed if outcome.halted),
        problem="; ".join(body.problem for body in bodies if body.problem),
    )


def _refusal(body: Body, rejected: Rejected) -> Refusal:
    return Refusal(body.place, rejected.line, rejected.reason, rejected.raw[:300].decode(errors="replace"))
