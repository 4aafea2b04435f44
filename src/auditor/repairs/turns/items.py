"""Items of findings and of repairs, by which one is known to be about the other: a key, a path, a number. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from auditor.repairs.remedies import has_source, parent_of
from auditor.repairs.turns.queues import Item, Places, queue_name
from core.audit.findings import (
    BrokenPartition,
    BrokenRule,
    DeadLetters,
    DisputedValue,
    Finding,
    LostObject,
    MissingObject,
    OfRows,
    OrphanKeys,
    OutdatedPartition,
    RefusedRows,
    StaleDerived,
    UnfilledRows,
    UnhashedRows,
    UnplacedRows,
    UnprocessedObject,
    UnreferencedObjects,
    WrongParameter,
)
from core.audit.repair_jobs import (
    ExtractAgain,
    FetchHistory,
    FetchRows,
    PutParameters,
    Redrive,
    Repair,
    Reprocess,
    Restate,
    Revive,
    Vacuum,
)
from core.contract.model import Contracts

Items = Mapping[str, set[Item]]  # by what is done with them, and the table that they are of
RESTATED = (BrokenPartition, OutdatedPartition, StaleDerived, BrokenRule, DisputedValue)
AS_A_WHOLE = (
    UnfilledRows,
    UnhashedRows,
)  # findings that are fetched a part at a time: what was tried of them speaks for all


def items_of_repairs(repairs: Iterable[Repair]) -> Items:
    """All that these repairs are to heal."""
    items: dict[str, set[Item]] = defaultdict(set)
    for repair in repairs:
        match repair:
            case Reprocess(objects=objects) | Revive(objects=objects):
                items[repair.kind].update((key,) for key in objects)
            case Restate(table=table, partitions=paths) | Vacuum(table=table, partitions=paths):
                items[f"{repair.kind}/{table}"].update((path,) for path in paths)
            case FetchRows():
                items[f"{repair.kind}/{repair.table}"].update(map(tuple, repair.keys))
            case ExtractAgain():
                items[f"{repair.kind}/{repair.table}"].add((repair.number,))
            case FetchHistory():
                items[f"{repair.kind}/{repair.entity}"].update((start,) for start, _ in repair.ranges)
            case PutParameters():
                items[repair.kind].update((name,) for name, _, _ in repair.parameters)
            case Redrive():
                items[repair.kind].update((message,) for message in repair.messages)
            case _:
                pass
    return items


def items_of(finding: Finding, contracts: Contracts | None = None) -> tuple[str, list[Item]]:
    """A finding's items as its repair names them; none where it has no repair. Orphans' need the contracts."""
    match finding:
        case OrphanKeys() if contracts is not None:
            return _parents_of(finding, contracts)
        case UnprocessedObject():
            return "reprocess", [(finding.key,)]
        case LostObject():
            return "revive", [(finding.key,)]
        case MissingObject():
            return f"extract_again/{finding.table}", [(finding.number,)]
        case UnreferencedObjects():
            return f"vacuum/{finding.table}", [(finding.partition,)]
        case WrongParameter():
            return "put_parameters", [(finding.name,)]
        case DeadLetters():
            return "redrive", [(message,) for message in finding.messages]
        case RefusedRows() | UnplacedRows():
            return "", []
    if isinstance(finding, RESTATED):
        return f"restate/{finding.table}", [(finding.partition,)]
    if isinstance(finding, OfRows):
        return f"fetch_rows/{finding.table}", [tuple(key) for key in finding.keys]
    return "", []


def _parents_of(finding: OrphanKeys, contracts: Contracts) -> tuple[str, list[Item]]:
    parent = parent_of(finding, contracts)
    if not has_source(contracts, parent):
        return f"restate/{parent.name}", [("",)]
    return f"fetch_rows/{parent.source}", [(key,) for key in finding.keys]


def queue_of(finding: Finding) -> str:
    """The name of the queue in which a finding waits for its repair."""
    return queue_name(finding.dataset, finding.kind, place_of(finding))


def place_of(finding: Finding) -> str:
    """The table of a finding; of an object the folder that it lies in, with all of a feed's."""
    if isinstance(finding, UnprocessedObject | LostObject):
        root, _, rest = finding.key.partition("/")
        names = rest.split("/")[:-1]
        return "/".join([root, *(names[1:2] if root != "feeds" else [])])
    return str(getattr(finding, "table", ""))


@dataclass(frozen=True, slots=True)
class Turns:
    """What had its turn in a run.

    ``tried`` were in its jobs, ``first`` is what its first scan found (None: not known), ``waiting`` are the queues of
    which not all had a turn, with how long that is so.
    """

    tried: Items = field(default_factory=dict)
    first: Items | None = None
    waiting: Places = field(default_factory=dict)
    contracts: Contracts | None = None

    def without_waiting(self, finding: Finding) -> Finding | None:
        """What of the finding had its turn, or never will have one; None where all of it still waits for its own.

        What no scan but the last one saw waits for the next run.
        """
        space, items = items_of(finding, self.contracts)
        tried = self.tried.get(space, set())
        if not items or (isinstance(finding, AS_A_WHOLE) and not tried.isdisjoint(items)):
            return finding
        if queue_of(finding) in self.waiting or isinstance(finding, (OutdatedPartition, *AS_A_WHOLE)):
            kept = [item in tried for item in items]
        else:
            known = None if self.first is None else self.first.get(space, set())
            kept = [known is None or item in known or item in tried for item in items]
        if all(kept):
            return finding
        return _part(finding, kept) if any(kept) else None

    def waits(self, finding: Finding) -> bool:
        """Whether some of it still waits for its turn."""
        return self.without_waiting(finding) != finding


def items_of_findings(findings: Iterable[Finding], contracts: Contracts) -> Items:
    """All that these findings are about."""
    items: dict[str, set[Item]] = defaultdict(set)
    for finding in findings:
        space, of_finding = items_of(finding, contracts)
        items[space].update(of_finding)
    return items


def _part(finding: Finding, kept: list[bool]) -> Finding:
    """The finding with those of its items that are kept."""

    parts = {
        name: tuple(value for value, keep in zip(values, kept, strict=True) if keep)
        for name in ("keys", "messages", "versions", "checked", "partitions")
        if len(values := getattr(finding, name, ())) == len(kept)
    }
    return replace(finding, **parts)  # type: ignore[arg-type]
