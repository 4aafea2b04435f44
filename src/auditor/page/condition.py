"""Conditions of a dataset, the worst first, and one verdict over all datasets. Pure.

A dataset may be in several conditions at once (paused, and its contract outdated); the page shows all of them and leads
with the worst. Instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from auditor.page import words
from auditor.standing.whole import is_whole
from core.time import iso

State = Literal[
    "alarmed", "halted", "canary_failed", "silent", "late", "unplaced", "held", "outdated", "repairing", "unaudited",
    "unread", "unheard", "paused", "uncertified", "complete",
]  # fmt: skip
# From worst to best. Somebody should look at the first ones; the others end by themselves, or were wanted.
STATES: tuple[State, ...] = (
    "alarmed", "halted", "canary_failed", "silent", "late", "unplaced", "held", "outdated", "repairing", "unaudited",
    "unread", "unheard", "paused", "uncertified", "complete",
)  # fmt: skip
LOOK_AT: frozenset[State] = frozenset({"alarmed", "halted", "canary_failed", "silent", "late", "unplaced", "held"})
WHOLE: frozenset[State] = frozenset({"unheard", "paused", "uncertified", "complete"})  # nothing is missing that is owed


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a dataset, from which its conditions follow.

    ``missing`` are points or rows; ``overdue`` of them for longer than the contract allows. ``first_missing`` is the
    start of the first window that lacks something. ``alarms`` are open causes with the time since when they are.
    ``halts`` are ingest objects that stand halted, ``unplaced`` rows without a place in time. ``changes`` say how far
    tables are under the new contract, a sentence each. ``stale`` are tables that are older than promised. ``canary`` is
    whether the newest gap planted in it was healed (None: it is no canary, or nothing can be told). ``unread`` are
    parts that could not be read: then nothing is known to be whole. ``held`` says which partitions are held, why and by
    whom; what they lack is not among the ``missing``. ``silent_since`` is when the last audit ended, where others
    should have by now. ``unresumed`` says that a resume
    came to no end. ``heard`` is whether somebody was there then to get the mails of alarms.
    """

    dataset: str
    windows: int = 0
    certified: int = 0
    missing: int = 0
    overdue: int = 0
    first_missing: int | None = None
    alarms: Mapping[str, int | None] = field(default_factory=dict)
    halts: int = 0
    halted_since: int | None = None
    unplaced: int = 0
    changes: tuple[str, ...] = ()
    changed_since: int | None = None
    stale: tuple[str, ...] = ()
    paused: str = ""
    paused_since: int | None = None
    unresumed: str = ""
    canary: bool | None = None
    unread: int = 0
    audited_at: int | None = None
    silent_since: int | None = None
    heard: bool = True
    next_audit: int | None = None
    fine_since: int | None = None
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """One state of a dataset: what it means in a sentence, what is being done, and since when it is so."""

    state: State
    text: str
    doing: str
    since: int | None = None


def conditions(facts: Facts) -> tuple[Condition, ...]:
    """The conditions that a dataset is in, the worst first; never none."""
    holding = [condition for rule in _RULES if (condition := rule(facts)) is not None]
    if not any(condition.state not in ("paused", "outdated", "unheard") for condition in holding):
        holding.append(_whole(facts))
    return tuple(sorted(holding, key=lambda condition: STATES.index(condition.state)))


def _alarmed(facts: Facts) -> Condition | None:
    if not facts.alarms:
        return None
    names = ", ".join(name.replace("_", " ") for name in facts.alarms)
    times = [since for since in facts.alarms.values() if since is not None]
    text = f"{words.count(len(facts.alarms), 'alarm')} open: {names}"
    called = "The admins were called" if facts.heard else "No mail could reach anybody"
    doing = f"{called}. The alarm below says what to do; the audits go on trying"
    return Condition("alarmed", text, doing, min(times, default=None))


def _halted(facts: Facts) -> Condition | None:
    if not facts.halts:
        return None
    objects, their, them = words.count(facts.halts, "ingest object"), "their", "them"
    if facts.halts == 1:
        their, them = "its", "it"
    text = f"{objects} halted: most of {their} lines break the contract, and nothing of {them} was taken"
    doing = "It waits until contract or source are mended: starmend quarantine list, then starmend replay"
    return Condition("halted", text, doing, facts.halted_since)


def _canary(facts: Facts) -> Condition | None:
    if facts.canary is not False:
        return None
    text = "The gap that was planted on purpose was not healed in time: the auditor does not do its work"
    return Condition(
        "canary_failed", text, "Nothing mends that by itself: look at the auditor's executions, and at the runbook"
    )


def _silent(facts: Facts) -> Condition | None:
    if facts.silent_since is None:
        return None
    text = f"Not audited since {iso(facts.silent_since)}: of what came after that nobody knows"
    doing = "Nothing audits it: look at its schedule and at the auditor's executions; at once: starmend heal"
    return Condition("silent", text, doing, facts.silent_since)


def _late(facts: Facts) -> Condition | None:
    if facts.overdue and not facts.alarms:
        text = f"{words.count(facts.overdue, 'point')} missing for longer than the contract allows"
        return Condition("late", text, "Each audit asks for them again, within its budget", facts.first_missing)
    if facts.unresumed:
        text = facts.unresumed[0].upper() + facts.unresumed[1:]
        return Condition("late", text, f"Nobody may ask for it: starmend resume {facts.dataset}")
    if facts.stale:
        verb = "is" if len(facts.stale) == 1 else "are"
        text = f"{', '.join(facts.stale)} {verb} older than the contract allows"
        return Condition("late", text, "Acquisition goes on by itself; where nothing comes, look at its log")
    return None


def _unplaced(facts: Facts) -> Condition | None:
    if not facts.unplaced:
        return None
    text = f"{words.count(facts.unplaced, 'row')} without a place in time: no interval holds them"
    return Condition("unplaced", text, "Every audit compares them by key and content; their times need mending")


def _held(facts: Facts) -> Condition | None:
    if not facts.held:
        return None
    doing = "Nothing heals what is held, and no window of it is certified, until starmend rollback TABLE P --release"
    return Condition("held", "; ".join(facts.held), doing)


def _outdated(facts: Facts) -> Condition | None:
    if not facts.changes:
        return None
    doing = "Each audit makes more partitions again, the newest first"
    return Condition("outdated", "; ".join(facts.changes), doing, facts.changed_since)


def _repairing(facts: Facts) -> Condition | None:
    if not facts.missing or facts.alarms or facts.overdue:
        return None
    text = f"{words.number(facts.missing)} missing, within the time that the contract allows"
    return Condition("repairing", text, "The auditor fetches them again", facts.first_missing)


def _unaudited(facts: Facts) -> Condition | None:
    if facts.audited_at is not None or facts.missing or facts.alarms or facts.unread:
        return None
    return Condition("unaudited", "No audit has looked at it yet", "The next audit does; at once: starmend heal")


def _unread(facts: Facts) -> Condition | None:
    parts = words.count(facts.unread, "part")
    text, doing = f"{parts} of it could not be read, so nobody can tell", "The notes say which, and why"
    return Condition("unread", text, doing) if facts.unread else None


def _unheard(facts: Facts) -> Condition | None:
    if facts.heard:
        return None
    text = "Nobody hears of alarms: no subscription of their topic was confirmed when the last audit ended"
    doing = "Mails are held back until somebody confirms the one from AWS, or is named in admin_emails and does"
    return Condition("unheard", text, doing)


def _paused(facts: Facts) -> Condition | None:
    if not facts.paused:
        return None
    return Condition(
        "paused",
        facts.paused[0].upper() + facts.paused[1:],
        "Nothing new is owed until starmend resume",
        facts.paused_since,
    )


def _whole(facts: Facts) -> Condition:
    """Nothing is missing: complete where all of it is certified too."""
    if facts.certified < facts.windows:
        text = f"Nothing is missing; {facts.certified:,} of {words.count(facts.windows, 'window')} certified"
        return Condition("uncertified", text, "The next audit certifies the rest", facts.fine_since)
    text = f"Everything that is owed is there or proven absent, in {words.count(facts.windows, 'certified window')}"
    return Condition("complete", text, "Nothing needs to be done", facts.fine_since)


def _is_whole(facts: Facts) -> bool:
    return is_whole(
        missing=facts.missing + facts.overdue,
        alarms=facts.alarms,
        stale=facts.stale,
        held=facts.held,
        changes=facts.changes,
        audited=facts.audited_at is not None,
        silent_since=facts.silent_since,
        unresumed=facts.unresumed,
        halts=facts.halts,
        unplaced=facts.unplaced,
        unread=facts.unread,
        canary=facts.canary,
    )


_RULES = (
    _alarmed, _halted, _canary, _silent, _late, _unplaced, _held, _outdated, _repairing, _unaudited, _unread,
    _unheard, _paused,
)  # fmt: skip


# ---------------------------------------------------------------- all datasets


@dataclass(frozen=True, slots=True)
class Banner:
    """The verdict over all datasets: a state (the worst), a title, since when, what is being done, the next audit.

    ``doing`` has a sentence for each dataset that keeps it from being complete, and for each that rests.

    ``complete``: nothing that is owed is missing, and nobody need look at anything.
    """

    state: State
    complete: bool
    title: str
    since: int | None
    doing: tuple[str, ...]
    next_audit: int | None


def banner(datasets: Sequence[tuple[Facts, Sequence[Condition]]], *, unread: int = 0) -> Banner:
    """The verdict over datasets with their conditions; ``unread`` parts could not be read, so nothing is claimed."""
    leading = [(facts, holding[0]) for facts, holding in datasets]
    look_at = [(facts, first) for facts, first in leading if first.state in LOOK_AT]
    waiting = [(facts, first) for facts, first in leading if first.state not in LOOK_AT | WHOLE | {"unread"}]
    is_unread = bool(unread) or any(first.state == "unread" for _, first in leading)
    states: list[State] = [first.state for _, first in leading] + (["unread"] if is_unread and leading else [])
    worst: State = min(states, key=STATES.index, default="unaudited")
    whole = words.count(len(leading), "dataset")
    concerned = sorted(look_at or waiting, key=lambda pair: STATES.index(pair[1].state))
    if look_at:
        title = f"Not complete: {len(look_at):,} of {whole} {'needs' if len(look_at) == 1 else 'need'} somebody"
    elif waiting:
        title = f"Not complete yet: {len(waiting):,} of {whole} on the way"
    elif is_unread or not leading:
        title = "Nobody can tell: not everything could be read"
    else:
        title = f"Complete: {'the one dataset' if len(leading) == 1 else f'all {whole}'}"
    named = {facts.dataset for facts, _ in concerned}
    resting = [  # not for a look, but for whoever wonders why nothing new comes
        (facts, each) for facts, holding in datasets for each in holding
        if each.state in ("paused", "unheard") and facts.dataset not in named
    ]  # fmt: skip
    times = [first.since for _, first in concerned or leading if first.since is not None]
    return Banner(
        state=worst,
        complete=bool(datasets) and not unread and all(_is_whole(facts) for facts, _ in datasets),
        title=title,
        since=(min if concerned else max)(times, default=None),
        doing=tuple(f"{facts.dataset}: {first.text}. {first.doing}." for facts, first in [*concerned, *resting]),
        next_audit=min((facts.next_audit for facts, _ in leading if facts.next_audit is not None), default=None),
    )
