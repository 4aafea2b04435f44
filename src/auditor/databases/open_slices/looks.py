"""The last look at each slice that is open, in the form that one audit hands on to the next. Pure.

Runs end in any order, so what one saw is merged as a change: a slice is open until a run saw it settled that knew how
it was found last; what another run found of it meanwhile stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

Name = tuple[str, int, int]  # of a slice: its table, start and end

AMISS = "amiss"  # something is missing, broken, held, or not as it should be
UNFINISHED = "unfinished"  # nothing is, but more may come
WAITING = "waiting"  # a commit touched it, and no run has had the rows to compare it since


@dataclass(frozen=True, slots=True)
class Look:
    """How an open slice was found: ``why`` it is open, ``at`` which time (epoch seconds), and ``by`` which run.

    ``kinds`` are those of the findings about it. The empty one is of an earlier release, which did not say.
    """

    why: str = ""
    at: int = 0
    by: str = ""
    kinds: tuple[str, ...] = ()


Looks = Mapping[Name, Look]


def merge_looks(before: Looks, *, read: Looks, later: Looks) -> dict[Name, Look]:
    """Apply what a run changed between what it had ``read`` and ``later`` to what is remembered now."""
    settled = {name for name, look in read.items() if name not in later and before.get(name) == look}
    merged = {name: look for name, look in before.items() if name not in settled}
    for name, look in later.items():
        theirs = merged.get(name)
        if look != read.get(name):
            merged[name] = look if theirs in (None, look, read.get(name)) else _both(theirs, look)
    return merged


def _both(look: Look, other: Look) -> Look:
    """What two runs that knew nothing of each other found of a slice, which is amiss if it was so for one of them."""
    amiss = [each for each in (look, other) if each.why not in (UNFINISHED, WAITING)]
    newest = max(amiss or [look, other], key=lambda each: (each.at, each.by))
    if not all(each.why for each in amiss):
        return Look(at=newest.at, by=newest.by)
    return replace(newest, kinds=tuple(sorted({kind for each in amiss for kind in each.kinds})))


def amiss_since(looks: Looks) -> dict[str, int]:
    """Where each table's first slice begins of which it is not known that all that is owed is there."""
    starts = [(table, start) for (table, start, _), look in looks.items() if look.why != UNFINISHED]
    return dict(sorted(starts, key=lambda pair: -pair[1]))


def open_to_data(looks: Looks) -> list[list[Any]]:
    """The names alone, as every release reads them."""
    return [list(name) for name in sorted(looks)]


def looks_to_data(looks: Looks) -> list[list[Any]]:
    """The looks, where they say anything."""
    said = sorted((name, look) for name, look in looks.items() if look != Look())
    return [[*name, look.why, look.at, look.by, list(look.kinds)] for name, look in said]


def looks_from_data(names: Any, looks: Any) -> dict[Name, Look]:
    """The looks at the slices of these names; what a later release adds to them is passed over."""
    said = {_name(look): Look(str(look[3]), int(look[4]), str(look[5]), tuple(look[6])) for look in looks}
    return {_name(name): said.get(_name(name), Look()) for name in names}


def _name(parts: Any) -> Name:
    return str(parts[0]), int(parts[1]), int(parts[2])
