"""An answer of history held against values that are known of the same entity. Pure.

What an answer says of itself cannot tell whether its values are those of its times: an API that takes local time for
UTC, or one symbol for another, answers in good form. So each request takes some known values along, from both sides of
what is missing. An answer is not believed where a field's known values are found at one other distance in time, where
they are all multiplied by one factor, and, where the contract tells how near to the provider's an observed value is,
where most of them lie further off. A few that differ were revised, which is no reason: providers do.

A field of which all known values are the same, such as a price that stands still, tells nothing of time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from core.audit.history import KnownValue
from core.feeds.lines import number_text
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
        exponent = ours.as_tuple().exponent
        digits = Decimal(5).scaleb(exponent - 1) if isinstance(exponent, int) and exponent < 0 else Decimal(0)
        return (self.share or Decimal(0)) * abs(theirs) + digits


def contradiction(points: Sequence[Point], known: Sequence[KnownValue], closeness: Closeness) -> str:
    """Why the points are not to be believed; empty where nothing known speaks against them."""
    judged = [_Field(ours, _answered(points, field), closeness) for field, ours in _by_field(known).items()]
    reasons = [field.scaled() for field in judged]
    if not any(field.is_confirmed for field in judged):
        reasons += [field.shifted() for field in judged]
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
    text = number_text(value)
    try:
        number = Decimal(text) if text else None
    except ArithmeticError:
        return None
    return number if number is not None and number.is_finite() else None


class _Field:
    """One field's known values, and what the answer says of it."""

    def __init__(self, ours: Numbers, theirs: Numbers, closeness: Closeness) -> None:
        self._ours = ours
        self._theirs = theirs
        self._closeness = closeness
        self._held = sorted(ours.keys() & theirs.keys())
        self._agreeing = sum(closeness.agree(ours[slot], theirs[slot]) for slot in self._held)

    @property
    def is_confirmed(self) -> bool:
        """Whether at least half of the values are as they are known, and not all alike."""
        return (
            len(self._held) > 1
            and 2 * self._agreeing >= len(self._held)
            and len({self._ours[slot] for slot in self._held}) > 1
        )

    def shifted(self) -> str:
        """A reason where the known values are found at one other distance, and at no second one as often."""
        if (self._held and 2 * self._agreeing >= len(self._held)) or len(set(self._ours.values())) < 2:
            return ""
        (distance, count), others = self._distances()
        landing = sum(slot + distance in self._theirs for slot in self._ours)
        if count < 2 or count == others or 2 * self._agreeing >= count or 4 * count < 3 * landing:
            return ""
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
        if self._agreeing or len(different) < 2 or not all(quotients):
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
