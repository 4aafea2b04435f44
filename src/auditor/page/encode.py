"""JSON of the page, as its scripts read it. Pure.

Instants are epoch seconds, counts of a cell are in the order of ``coverage.STATES``. A grid's cells are told apart from
what is plain: ``plain`` holds for each column what an entity with every point observed has there, ``cells`` only those
that have something else, as column and five numbers one after another. So a page about a thousand entities stays small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from auditor.page.condition import Banner, Condition
from auditor.page.coverage import STATES, Counts, FeedView, Points, Row
from auditor.page.report import Alarm, AuditView, DatasetView, Freshness, Processed, Report, WindowView
from auditor.page.tables import PartitionView, TableView
from core.time import epoch

Data = dict[str, Any]


def page_data(report: Report) -> Data:
    """Everything but the points of the feeds (``points_data``)."""
    return {
        "states": list(STATES),
        "project": report.project,
        "environment": report.environment,
        "made": int(report.made_at.timestamp()),
        "valid_until": int(report.valid_until.timestamp()),
        "range": [int(report.start.timestamp()), int(report.end.timestamp())],
        "banner": _banner(report.banner),
        "datasets": [_dataset(view) for view in report.datasets],
        "tables": [_table(view) for view in report.tables],
        "alarms": [_alarm(alarm) for alarm in report.alarms],
        "audits": [_audit(audit) for audit in report.audits],
        "freshness": [_freshness(fact) for fact in report.freshness],
        "receipts": [_receipt(receipt) for receipt in report.processed],
        "stories": dict(report.stories),
        "notes": list(report.notes),
    }


def _banner(verdict: Banner) -> Data:
    return {**asdict(verdict), "doing": list(verdict.doing)}


def _dataset(view: DatasetView) -> Data:
    facts = view.facts
    return {
        "name": view.name,
        "kind": view.kind,
        "source": view.source,
        "every": view.every,
        "within": view.complete_within,
        "canary": view.canary,
        "conditions": [_condition(condition) for condition in view.conditions],
        "counts": _numbers(view.counts),
        "windows": facts.windows,
        "certified": facts.certified,
        "audited": facts.audited_at,
        "next": facts.next_audit,
        "unplaced": facts.unplaced,
        "grid": _feed_grid(view.coverage) if view.coverage else _window_grid(view.windows),
        "halts": [asdict(halt) for halt in view.halts],
        "progress": [asdict(change) for change in view.progress],
    }


def _condition(condition: Condition) -> Data:
    return asdict(condition)


def _numbers(counts: Counts) -> list[int]:
    return [getattr(counts, name) for name in STATES]


# ---------------------------------------------------------------- grids


def _feed_grid(view: FeedView) -> Data:
    return {
        "unit": view.unit,
        "table": view.table,
        "columns": [
            [column.start, column.end, column.status, column.windows, column.certified, _ranges(column.certificates)]
            for column in view.columns
        ],
        "gaps": [[gap.entity, gap.start, gap.end, gap.points] for gap in view.gaps],
        "gap_count": view.gap_count,
        "overdue": view.overdue,
        "held": [list(held) for held in view.held],
        **_cells(view.rows, len(view.columns)),
    }


def _window_grid(windows: Sequence[WindowView]) -> Data:
    """Tables x windows: every window has a status of its own, ``marks`` by row and column."""
    columns = sorted({(window.start, window.end) for window in windows})
    names = sorted({window.subject for window in windows})
    place, line = {column: at for at, column in enumerate(columns)}, {name: at for at, name in enumerate(names)}
    cells = [[Counts()] * len(columns) for _ in names]
    marks: list[list[Any]] = []
    for window in windows:
        row, column = line[window.subject], place[window.start, window.end]
        cells[row][column] = window.counts
        marks.append([row, column, window.status, window.certificate, epoch(window.audited_at)])
    rows = [Row(name, tuple(line_cells)) for name, line_cells in zip(names, cells, strict=True)]
    return {
        "unit": "window",
        "columns": [list(column) for column in columns],
        "marks": marks,
        **_cells(rows, len(columns)),
    }


def _cells(rows: Sequence[Row], columns: int) -> Data:
    plain = [_most_frequent(row.cells[column].observed for row in rows) for column in range(columns)]
    normal = [Counts(observed=count) for count in plain]
    cells: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if row.cells != tuple(normal):
            differing = [
                number
                for column, counts in enumerate(row.cells)
                if counts != normal[column]
                for number in (column, *_numbers(counts))
            ]
            cells[str(place)] = differing
    return {"rows": [row.name for row in rows], "plain": plain, "cells": cells}


def _most_frequent(numbers: Iterable[int]) -> int:
    return max(Counter(numbers).items(), key=lambda item: (item[1], item[0]), default=(0, 0))[0]


def _ranges(numbers: Sequence[int]) -> list[list[int]]:
    """``[first, last]`` of neighbouring numbers."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def points_data(points: Points) -> Data:
    """The points of a feed: its slots, and by entity the runs that are not plainly observed.

    Starts of runs are told by their distance from the end of the run before.
    """
    return {
        "slots": [list(stretch) for stretch in points.slots],
        "runs": {str(entity): _deltas(runs) for entity, runs in points.runs.items()},
        "unlisted": list(points.unlisted),
    }


def _deltas(runs: Sequence[int]) -> list[int]:
    numbers: list[int] = []
    end = 0
    for first, length, state in zip(runs[::3], runs[1::3], runs[2::3], strict=True):
        numbers += (first - end, length, state)
        end = first + length
    return numbers


# ---------------------------------------------------------------- tables


def _table(view: TableView) -> Data:
    return {
        **asdict(view),
        "partitions": [_partition(partition) for partition in view.partitions],
        "certificates": [
            {**asdict(certificate), "start": epoch(certificate.start), "end": epoch(certificate.end)}
            for certificate in view.certificates
        ],
    }


def _partition(view: PartitionView) -> list[Any]:
    return [view.path, view.rows, view.version]


def _freshness(fact: Freshness) -> Data:
    return {
        "dataset": fact.dataset,
        "table": fact.table,
        "feed": fact.feed,
        "newest": int(fact.newest.timestamp()) if fact.newest else None,
        "behind": int(fact.behind.total_seconds()) if fact.behind is not None else None,
        "limit": int(fact.limit.total_seconds()),
        "state": fact.state,
    }


# ---------------------------------------------------------------- alarms, audits, receipts


def _alarm(alarm: Alarm) -> Data:
    return {
        **asdict(alarm),
        "entities": list(alarm.entities[:20]),
        "since": epoch(alarm.since),
        "until": epoch(alarm.until) if alarm.until else None,
    }


def _audit(audit: AuditView) -> Data:
    return {
        **asdict(audit),
        "at": int(audit.at.timestamp()),
        "ended": epoch(audit.ended) if audit.ended else None,
        "other": dict(audit.other),
    }


def _receipt(receipt: Processed) -> Data:
    return {**asdict(receipt), "at": int(receipt.at.timestamp())}
