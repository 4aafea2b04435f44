"""What the admins of a simulated feed hear of its outages, held against what is missing of it in truth.

An outage is told once: each mail of a cause that is open names an entity or a day that none of its earlier ones named.
Its end is told: by one event for each cause that was opened, and not before its points are settled; and by one mail for
all that an audit found over. And none is kept
quiet: whoever lacks points for long is named by a cause that is open, or was until lately. For where the provider is
well again and has no point, its outage is over, and the point is proven absent by a second answer some hours later.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tests.fakes.event_bus import MemoryEventBus
from tests.fakes.mail import MemoryMail

from auditor.notifications.compose import ALARM

Day = tuple[str, str]  # an entity, and a day of which points are missing
OF_VALUES = {"disputed_value"}  # causes of points that are there
LATELY = 8  # audits, one an hour


@dataclass
class OutagesTold:
    """Listens to the bus and to the mails of one feed; ``wrong`` is what should have been told otherwise."""

    bus: MemoryEventBus
    mail: MemoryMail
    opened: int = 0
    over: int = 0
    wrong: list[str] = field(default_factory=list)
    _open: dict[str, set[Day]] = field(default_factory=dict)
    _heard: int = 0
    _mails: int = 0
    _unnamed: dict[str, int] = field(default_factory=dict)  # audits since an entity was named by an open cause

    def after_audit(self, where: str, *, missing: Collection[str], overdue: Collection[str]) -> None:
        """Compare what was told by an audit with the entities of which something is missing, or has been for long."""
        mails = [subject for subject, _ in self.mail.sent[self._mails :]]
        self._mails = len(self.mail.sent)
        told = [event for event in self.bus.details(ALARM)[self._heard :] if event["kind"] != "audit_failed"]
        self._heard += len(told)
        opening = [event for event in told if event["state"] == "open"]
        ends = [subject for subject in mails if ": over: " in subject]
        if len(mails) - len(ends) != len(opening):
            self.wrong.append(f"{where}: {len(mails) - len(ends)} mails of {len(opening)} causes: {mails}")
        if len(ends) != any(event["state"] == "over" for event in told):
            self.wrong.append(f"{where}: {len(ends)} mails of what is over: {mails}")
        for event in opening:
            self._hear_of(event["kind"], _days(event), where)
        for event in told:
            if event["state"] == "over":
                self.over += 1
                if self._open.pop(event["kind"], None) is None:
                    self.wrong.append(f"{where}: {event['kind']} is over, and nobody was told that it began")
        self._unnamed = {entity: audits + 1 for entity, audits in self._unnamed.items()}
        self._unnamed |= {entity: 0 for days in self._open.values() for entity, _ in days}
        for entity in sorted(overdue):
            if self._unnamed.get(entity, LATELY) >= LATELY:
                self.wrong.append(f"{where}: {entity} lacks points for long, and nobody was told")
        if (of_points := sorted(self._open.keys() - OF_VALUES)) and not missing:
            self.wrong.append(f"{where}: nothing is missing, and the end of {of_points} was not told")

    def _hear_of(self, cause: str, days: set[Day], where: str) -> None:
        known = self._open.get(cause)
        if known is None:
            self.opened += 1
        elif days <= known:
            self.wrong.append(f"{where}: {cause} was mailed again, of what was told before")
        self._open[cause] = (known or set()) | days


def _days(event: dict) -> set[Day]:  # type: ignore[type-arg]
    places = event["alarm"]["cause"].get("places", {})
    return {(entity, start[:10]) for entity, spans in places.items() for start, _ in spans}
