"""Points that a source said it has not, or gave no sound record of, and that are not proven absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.audit.history import Ranges

# ``once``: one answer so far, or two too close. ``silent``: no answer held a point, or all points that are known near
# them, though each asks for neighbours too. ``everybody``: so it is in a whole window. ``live_broken``: live answers of
# the same slots made no sense. ``refused``: the newest record makes no point.
Reason = Literal["once", "silent", "everybody", "live_broken", "refused"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Points of one entity, the reason why nothing is proven, and when the source is asked again (epoch seconds).

    ``since`` is the first answer about them. ``of_this_run``: the last answer came in the run that says so.
    """

    entity: str
    ranges: Ranges
    reason: Reason
    since: int
    asked_again: int
    of_this_run: bool = False
