"""Whole or not: the one rule of what keeps a dataset from being called complete, for whoever says so. Pure."""

from __future__ import annotations

from collections.abc import Sized


def is_whole(
    *,
    missing: int,
    alarms: Sized,
    stale: Sized,
    held: Sized,
    changes: Sized,
    audited: bool,
    silent_since: int | None = None,
    unresumed: str = "",
    halts: int = 0,
    unplaced: int = 0,
    unread: int = 0,
    canary: bool | None = None,
) -> bool:
    """Whether nothing that is owed is missing, and nobody need look at anything; not yet certified, it may be.

    ``changes`` are tables of which partitions are still made as an earlier contract said: what they hold is not what
    the deployed one promises. ``silent_since`` is when the last audit ended, where others should have by now: of what
    came since nobody knows. ``unresumed``: its schedules may be off, though no pause stands.
    ``canary`` is whether the gap that was planted last was healed, where one was.
    """
    amiss = any(map(len, (alarms, stale, held, changes))) or any((missing, halts, unplaced, unread, unresumed))
    return audited and silent_since is None and not amiss and canary is not False
