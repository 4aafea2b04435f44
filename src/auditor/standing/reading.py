"""Reading of what the standing of a dataset rests on: the auditor's rows of recent windows, and open causes.

Reading grows with the windows that are asked for, not with the age of the lake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from auditor.databases.choose import AUDITED_EVERY
from auditor.databases.rows.targets import targets_of
from auditor.databases.window_rows import row_keys_since
from auditor.evidence.journal import newest_entries
from auditor.interventions.pauses import read_pauses
from auditor.interventions.silences import read_silences
from auditor.repairs.cause_memory import ROOT as CAUSES
from auditor.repairs.cause_memory import understood
from auditor.standing.silent import silent_since
from auditor.standing.standing import DatasetStanding, standings
from core.contract.model import Contract, Database
from core.json import object_if_any
from core.landing.records import completeness_if_any
from core.ports import ObjectReader

DAY = 86_400
RECENT = 62 * DAY  # two monthly windows, and all that a sweep of a week looked at lately
WORKERS = 16


def read_standing(records: ObjectReader, contract: Contract, *, now: int, stale: Sequence[str] = ()) -> DatasetStanding:
    """The standing of a dataset that has a source; ``stale`` are the tables that are older than promised.

    A dataset that is paused is not stale: nobody asks for anything.
    """
    dataset = contract.dataset
    damaged: list[str] = []
    windows = _read(records, row_keys_since(records, contract, now - RECENT), completeness_if_any, damaged)
    rows = [row for row in windows if not row.get("object")]
    keys = [info.key for info in records.list(f"{CAUSES}{dataset}/")]
    causes = list(_read(records, keys, _cause_if_any, damaged))
    standing = standings(dataset, _subjects(contract), rows, _on_the_way(contract))
    pauses = read_pauses(records, dataset)
    pause = pauses.standing
    last = max((table.audited_at for table in standing if table.audited_at is not None), default=None)
    return DatasetStanding(
        dataset,
        standing,
        damaged=tuple(damaged),
        alarms=tuple(sorted(memory["cause"]["name"] for memory in causes if memory.get("open"))),
        next_audit=None if last is None else max(last + AUDITED_EVERY, now),
        stale=() if pause else tuple(stale),
        silences={name: str(silence) for name, silence in read_silences(records, dataset, now=now).items()},
        paused=str(pause) if pause else "",
        unresumed=pauses.unresumed,
        heard=all(entry.heard for entry in newest_entries(records, dataset, now - DAY, now + 1, most=1)),
        silent_since=silent_since(records, dataset, last, now=now),
    )


def _subjects(contract: Contract) -> dict[str, list[str]]:
    """The subjects of the auditor's rows by source table: a database's are the warehouse tables that keep its rows."""
    tables = [table.name for table in contract.needed_source.tables]
    if not isinstance(contract.source, Database):
        return {table: [table] for table in tables}
    targets = targets_of(contract)
    return {table: [target.table.name for target in targets if target.source.name == table] for table in tables}


def _on_the_way(contract: Contract) -> dict[str, int]:
    """For how many seconds before an audit it owes nothing of a database's tables: what changed then may be coming.

    Of tables that are compared by their keys an audit sees all; a feed's windows are over, and settled, before it.
    """
    source = contract.source
    if not isinstance(source, Database):
        return {}
    return {table.name: source.complete_within for table in source.tables if not table.by_keys}


def _cause_if_any(body: bytes) -> dict[str, Any]:
    return understood(object_if_any(body))


def _read(
    records: ObjectReader, keys: Sequence[str], read: Callable[[bytes], dict[str, Any]], damaged: list[str]
) -> Iterator[dict[str, Any]]:
    """What objects say; whatever says nothing is ``damaged``, and keeps no other from being read."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for key, stored in zip(keys, pool.map(records.read, keys), strict=True):
            if stored is None:
                continue
            if row := read(stored.body):
                yield row
            else:
                damaged.append(key)
