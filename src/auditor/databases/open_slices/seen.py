"""Slices as a scan saw them: which of those that were open are settled, which are open now, and by what. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.databases.open_slices.altered import Altered
from auditor.databases.open_slices.looks import AMISS, UNFINISHED, WAITING, Look, Looks, Name
from auditor.databases.rows.targets import ALWAYS, Slice, Target, owner_of, slices_between, slices_of, targets_of
from auditor.evidence.results import AuditResult, WindowResult
from auditor.warehouse.parents import UNKNOWN_PARENT
from core.contract.model import Contract
from core.time import epoch

BROKEN, UNREADABLE, ORPHANED = "broken_object", "unreadable_table", "orphan_key"
ROWS = frozenset({"missing_row", "stale_row", "changed_row", "refused_row"})
# What only a look at the slices that have it can tell of; all else every audit looks at as a whole.
OF_SLICES = ROWS | {
    *("deleted_row", "moved_row", "unfilled_row", "unplaced_row", "broken_rule"),
    *(BROKEN, UNREADABLE, ORPHANED),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a run was to look at: ``slices``; those for which it has no rows; of these, those whose pointers are gone.

    ``at`` is when they were chosen (epoch seconds).
    """

    run: str
    at: int
    slices: Sequence[Slice] = ()
    waiting: Sequence[Slice] = ()
    gone: Collection[Slice] = field(default_factory=frozenset)


def slices_now(targets: Iterable[Target], looks: Looks, *, now: int) -> dict[Slice, Look]:
    """The open slices as their tables are sliced now, in whatever way they were when they were looked at.

    None of a table that there is no more, or that the table's first partition comes after.
    """
    by_name = {target.table.name: target for target in targets}
    sliced: dict[Slice, Look] = {}
    for (table, start, end), look in looks.items():
        if table in by_name:
            bounds = (start, now) if (start, end) == ALWAYS else (start, end)
            for part in slices_between(by_name[table], *bounds):
                sliced[part] = min(look, sliced.get(part, look), key=lambda each: each.at)
    return sliced


def looks_after(
    contract: Contract, before: Looks, chosen: Chosen, result: AuditResult, altered: Collection[Altered] = ()
) -> dict[Name, Look]:
    """The slices that are open after a scan, as far as it and those before it know.

    ``altered`` are partitions that samples showed so, in whatever slices.
    """
    targets = targets_of(contract)
    sliced = slices_now(targets, before, now=chosen.at)
    looks = {_name(part): look for part, look in sliced.items()}
    for part in chosen.waiting:
        waits = Look(WAITING, chosen.at, chosen.run)
        if part in chosen.gone and looks.get(_name(part), waits).why == WAITING:
            looks[_name(part)] = Look(
                AMISS, 0, chosen.run, (BROKEN, "missing_row")
            )  # nobody has looked: it comes first
        looks.setdefault(_name(part), waits)
    windows = {(result.subject_of(window), window.start, window.end): window for window in result.windows}
    kinds_by_table = _kinds_by_table(contract, targets, result)
    for part in chosen.slices:
        if _name(part) not in windows:
            _keep_unseen(looks, part, chosen, kinds_by_table.get(part.table, frozenset()))
    at = epoch(result.audited_at)
    for name, window in windows.items():
        known = looks.pop(name, Look())
        kinds = _kinds(window, kinds_by_table.get(name[0], frozenset()), known)
        if window.counts["missing"] or window.touched_by:
            looks[name] = Look(AMISS, at, chosen.run, kinds)
        elif not window.whole and window.start <= chosen.at:  # one to come is looked at for its pointer
            looks[name] = Look(UNFINISHED, at, chosen.run)
    by_name = {target.table.name: target for target in targets}
    for each in altered:
        parts = slices_of(by_name[each.table], each.partition) if each.table in by_name else ()
        for name in {*map(_name, parts)} - windows.keys():
            look = looks.get(name, Look(AMISS, 0, chosen.run))
            if look.why in (UNFINISHED, WAITING) or (look.why and each.kind not in look.kinds):
                look = Look(AMISS, look.at, chosen.run, (*look.kinds, each.kind))
            looks[name] = look
    return looks


def _name(part: Slice) -> Name:
    return part.table, part.start, part.end


def _keep_unseen(looks: dict[Name, Look], part: Slice, chosen: Chosen, kinds_of_table: Collection[str]) -> None:
    """A slice that was to be compared, and could not be: nothing of its table is loaded, or shown by the database."""
    known = looks.pop(_name(part), None)
    before = known or Look(UNFINISHED)
    kinds = {*before.kinds} - {BROKEN, UNREADABLE} | {*kinds_of_table} & {BROKEN, UNREADABLE}
    if not before.why and UNREADABLE in kinds_of_table:
        looks[_name(part)] = before
    elif kinds:
        looks[_name(part)] = Look(AMISS, chosen.at, chosen.run, tuple(sorted(kinds)))
    elif before.why == AMISS and not before.kinds:
        looks[_name(part)] = before


def _kinds_by_table(contract: Contract, targets: Iterable[Target], result: AuditResult) -> Mapping[str, frozenset[str]]:
    """The kinds of the findings about each warehouse table, or about the source table that it is compared with."""
    kinds: dict[str, set[str]] = {}
    for finding in result.findings:
        kinds.setdefault(getattr(finding, "table", ""), set()).add(finding.kind)
    names = {target.table.name: (target.source.name, owner_of(contract, target.table.name)) for target in targets}
    return {
        name: frozenset(kinds.get(name, ())).union(*(kinds.get(other, ()) for other in names[name])) for name in names
    }


def _kinds(window: WindowResult, kinds_of_table: Collection[str], known: Look) -> tuple[str, ...]:
    """The kinds of findings about a window, and those of before which nobody could look for."""
    touched = {text.partition(":")[0] for text in window.touched_by}
    may_be = touched | (ROWS | {BROKEN} if window.counts["missing"] else set())
    is_unread = any(text.startswith(f"{BROKEN}: ") for text in window.touched_by)
    hidden = ROWS | {ORPHANED} if is_unread else {ORPHANED} if UNKNOWN_PARENT in touched else set()
    return tuple(sorted((may_be & {*kinds_of_table}) | (hidden & {*known.kinds})))


def causes_still_open(causes: Iterable[str], looks: Looks) -> set[str]:
    """The causes of before of which some open slice was the last time it was looked at."""
    kinds = {kind for look in looks.values() for kind in (look.kinds if look.why else OF_SLICES)}
    return {cause for cause in causes if cause in kinds}
