"""An answer of history held against values that are known of the same entity. Pure.

What an answer says of itself cannot tell whether its values are those of its times: an API that takes local time for
UTC, or one symbol for another, answers in good form. So each request takes some known values along, from both sides of
what is missing. An answer is not believed where a field's known values are found at one other distance in time, where
they are all multiplied by one factor, and, where the contract tells how near to the provider's an observed value is,
where most of them lie further off. A few that differ were revised, which is no reason: providers do.

A field of which all known values are the same, such as a price that stands still, tells nothing of time; neither do
zeros of a unit, for nothing multiplied by anything is nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from core.audit.history import KnownValue
from core.feeds.lines import MAX_DIGITS, number_text, rounding
from ingestion.providers.answers import Point

EXACT = Decimal("1e-6")  # share by which quotients of one factor differ, for they come from rounded numbers

Numbers = Mapping[int, Decimal]  # by slot


@dataclass(frozen=True, slots=True)
class Closeness:
    """How near to the provider's value a known one is: a share of it, or None where the contract does not say."""

    share: Decimal | None = None

    def agree(self, ours: Decimal, theirs: Decimal) -> bool:
        """Whether they are the same number, but for the digits that ours was rounded to."""
        return abs(ours - theirs) <= self.reach(ours, theirs)

    def reach(self, ours: Decimal, theirs: Decimal) -> Decimal:
        """How far apart two numbers may be that are the same."""
        return (self.share or Decimal(0)) * abs(theirs) + rounding(ours)


def contradiction(points: Sequence[Point], known: Sequence[KnownValue], closeness: Closeness) -> str:
    """Why the points are not to be believed; empty where nothing known speaks against them."""
    judged = [_Field(ours, _answered(points, field), closeness) for field, ours in _by_field(known).items()]
    confirmed = [field for field in judged if field.is_confirmed]
    reasons = [field.scaled() for field in judged]
    for field in judged:
        distance = field.distance()
        if distance and not any(other.is_better_here(distance) for other in confirmed):
            reasons.append(field.shifted(distance))
    if not confirmed:
        reasons += [field.strange() for field in judged]
    return next((reason for reason in reasons if reason), "")


def _by_field(known: Iterable[KnownValue]) -> dict[str, dict[int, Decimal]]:
    by_field: dict[str, dict[int, Decimal]] = {}
    for each in known:
        number = _number(each.value)
        if number is not None:
            by_field.setdefault(each.field, {})[each.slot] = number
    return by_field


def _answered(points: Sequence[Point], field: str) -> dict[int, Decimal]:
    numbers = {int(point.time.timestamp()): _number(point.values.get(field)) for point in points if point.time}
    return {slot: number for slot, number in numbers.items() if number is not None}


def _number(value: object) -> Decimal | None:
    """The number; None for one that no line holds, and no arithmetic either."""
    text = number_text(value)
    try:
        number = Decimal(text) if text else None
    except ArithmeticError:
        return None
    is_held = number is not None and number.is_finite() and abs(number.adjusted()) <= MAX_DIGITS
    return number if is_held else None


class _Field:
    """One field's known values, and what the answer says of it."""

    def __init__(self, ours: Numbers, theirs: Numbers, closeness: Closeness) -> None:
        self._ours = ours
        self._theirs = theirs
        self._closeness = closeness
        self._held, agreeing = self._agreement(0)
        self._agreeing = len(agreeing)
        self._as_known = {ours[slot] for slot in agreeing}

    @property
    def is_confirmed(self) -> bool:
        """Whether at least half of the values are as they are known, and these not all alike."""
        return 2 * self._agreeing >= len(self._held) and len(self._as_known) > 1

    def is_better_here(self, distance: int) -> bool:
        """Whether more of the known values are found at their own times than so many seconds away."""
        landing, agreeing = self._agreement(distance)
        return self._agreeing * len(landing) > len(agreeing) * len(self._held) or not landing

    def _agreement(self, distance: int) -> tuple[list[int], list[int]]:
        """The known slots that the answer has a value for at this distance, and those of them that agree."""
        landing = sorted(slot for slot in self._ours if slot + distance in self._theirs)
        agree = self._closeness.agree
        return landing, [slot for slot in landing if agree(self._ours[slot], self._theirs[slot + distance])]

    def distance(self) -> int:
        """The one other distance in seconds at which the known values are found, and at no second one as often; or 0.

        Not 0 says that the answer's times are wrong, unless another field is found better at its own.
        """
        if (self._held and 2 * self._agreeing >= len(self._held)) or len(set(self._ours.values())) < 2:
            return 0
        (distance, count), others = self._distances()
        landing = sum(slot + distance in self._theirs for slot in self._ours)
        if count < 2 or count == others or 2 * self._agreeing >= count or 4 * count < 3 * landing:
            return 0
        return distance

    def shifted(self, distance: int) -> str:
        """The reason where the known values are found that far away."""
        word = "early" if distance < 0 else "late"
        return f"{self._disagreement()}; its times look {word} by {timedelta(seconds=abs(distance))}"

    def _distances(self) -> tuple[tuple[int, int], int]:
        """The distance at which most of the known values are found, how many, and how many at the second one."""
        order = sorted((value, slot) for slot, value in self._theirs.items())
        values = [value for value, _ in order]
        distances: Counter[int] = Counter()
        for slot, ours in self._ours.items():
            reach = self._closeness.reach(ours, ours) * 2
            near = order[bisect_left(values, ours - reach) : bisect_right(values, ours + reach)]
            distances.update(other - slot for value, other in near if self._closeness.agree(ours, value))
        distances.pop(0, None)
        (first, second) = [*distances.most_common(2), (0, 0), (0, 0)][:2]
        return first, second[1]

    def scaled(self) -> str:
        """A reason where all values are the known ones multiplied by one factor."""
        quotients = [self._theirs[slot] / self._ours[slot] for slot in self._held if self._ours[slot]]
        different = {self._ours[slot] for slot in self._held if self._ours[slot]}
        if any(self._as_known) or len(different) < 2 or not all(quotients):
            return ""
        factor = sorted(quotients)[len(quotients) // 2]
        spread = max(abs(quotient / factor - 1) for quotient in quotients)
        if spread > max(EXACT, 2 * (self._closeness.share or Decimal(0))) or abs(factor - 1) <= 2 * spread:
            return ""
        shown = format(Decimal(f"{factor:.5e}").normalize(), "f")
        return f"{self._disagreement()}; its values look multiplied by {shown}"

    def strange(self) -> str:
        """A reason where most values are further off than the contract says."""
        if self._closeness.share is None or not self._held or 2 * self._agreeing >= len(self._held):
            return ""
        return self._disagreement()

    def _disagreement(self) -> str:
        if not self._held:
            return f"it has none of {len(self._ours)} known values"
        return f"it disagrees with {len(self._held) - self._agreeing} of {len(self._held)} known values"
