"""Switching of schedules: a dataset's schedules follow its pauses, whoever else pauses or resumes it meanwhile.

The pauses are the truth and are changed first, on condition that nobody else has. Then the schedules are switched as
they say, which no condition guards; so the pauses are read again afterwards, until they are still those that were
followed. Whoever switched something off, or still owes to switch it on, has the pause that stands by then name it. So
the last switch of all is as the pauses say. Where a process ended in the middle, giving either command mends that;
where it was overtaken by another one before, ``resume`` does, if it is told what the deployment wants.

What was on before a pause may not be what the deployment wants after it: schedules may have been switched on or off for
all by a deployment meanwhile, which leaves those of a paused dataset off. So ``resume`` is told what it wants.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol

from auditor.interventions.pauses import Pauses, change_pauses, read_pauses
from core.errors import TransientFailure
from core.ports import ObjectStore

_TRIES = 20


class Switches(Protocol):
    """The schedules by which datasets are asked for."""

    def of_dataset(self, dataset: str) -> list[str]:
        """The names of a dataset's, as far as there are any."""
        ...

    def is_on(self, name: str) -> bool:
        """Whether it starts something."""
        ...

    def switch(self, name: str, *, on: bool) -> bool:
        """Switch it; whether that changed anything. One that is no more is passed over."""
        ...


def pause(
    records: ObjectStore, switches: Switches, dataset: str, *, now: int, by: str, reason: str = ""
) -> tuple[Pauses, list[str]]:
    """Pause a dataset and switch its schedules off; the pauses, and what was switched.

    Where a pause stands it stays, and what is on is switched off by it.
    """
    return _follow(records, switches, dataset, lambda before: before.paused(now, by=by, reason=reason))


def resume(
    records: ObjectStore, switches: Switches, dataset: str, *, now: int, wanted: bool | None = None
) -> tuple[Pauses, list[str]] | None:
    """End the pause of a dataset and switch its schedules on; the pauses, and what was switched.

    ``wanted`` is whether the deployment has schedules on: then all of the dataset's are switched on, or none is. None
    where it does not say: then those are that the pause switched off.

    None where no pause stands and nothing was to be switched on: there was nothing to do. So it is where the last pause
    is settled and the deployment does not say: what is off since may have been switched off by a deployment.
    """
    before = read_pauses(records, dataset)
    if before.is_settled and wanted is None:
        return None
    pauses, switched = _follow(records, switches, dataset, lambda present: present.resumed(now), wanted=wanted)
    return (pauses, switched) if switched or not before.is_settled else None


def _follow(
    records: ObjectStore,
    switches: Switches,
    dataset: str,
    change: Callable[[Pauses], Pauses],
    *,
    wanted: bool | None = None,
) -> tuple[Pauses, list[str]]:
    """Change the pauses, and switch schedules as they say until they are those that were followed."""
    if not (pauses := read_pauses(records, dataset)).pauses and change(pauses) == pauses:
        return pauses, []
    pauses = change_pauses(records, dataset, change)
    switched: set[str] = set()
    owed: set[str] = set()
    for _ in range(_TRIES):
        if not (on := pauses.standing is None):  # first named: what is off and in no pause, no resume switches on again
            owed |= {name for name in switches.of_dataset(dataset) if switches.is_on(name)}
            pauses = change_pauses(records, dataset, partial(_naming, owed=owed))
            on = pauses.standing is None
        names = {*pauses.schedules, *(owed if on else ())}
        if on and wanted is not None:
            names = set(switches.of_dataset(dataset)) if wanted else set()
        switched ^= {name for name in sorted(names) if switches.switch(name, on=on)}
        owed |= names
        followed = pauses
        pauses = change_pauses(records, dataset, partial(_after, followed=followed, owed=owed))
        if pauses == followed.settled():
            return pauses, sorted(switched)
    raise TransientFailure("switch schedules", dataset, f"others changed its pauses {_TRIES} times", "Give it again")


def _naming(present: Pauses, *, owed: Collection[str]) -> Pauses:
    return present.naming(owed)


def _after(present: Pauses, *, followed: Pauses, owed: Collection[str]) -> Pauses:
    """The pauses that there are after others were followed: settled where they are those, or with what is owed."""
    return present.settled() if present == followed and not present.standing else present.naming(owed)
